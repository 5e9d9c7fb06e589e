"""Strophe's rules, as the users of the lab follow them."""

from twisted.trial.unittest import TestCase

from bench.faults.strophe import Request, Strophe
from ecm.tools.bosh.session import Session

BODY = b"<body rid='7' xmlns='http://jabber.org/protocol/httpbind'>hello</body>"


class StropheTests(TestCase):
    def setUp(self) -> None:
        self.session = Session(rid=6)
        self.session.sid = b"s"
        self.strophe = Strophe(self.session)

    def sent(self, now: float) -> list[Request]:
        """Return the requests that are sent at this time."""
        return [*self.strophe.due(now)]

    def asked(self, now: float = 0) -> Request:
        """Make a request, and return it once it is sent."""
        self.strophe.ask(b"", b"", now)
        return self.sent(now)[-1]

    def test_a_request_is_sent_once(self) -> None:
        self.strophe.begin(BODY, 5)
        self.assertEqual([each.body for each in self.sent(5)], [BODY])
        self.assertEqual(self.sent(6), [])

    def test_there_is_always_a_request(self) -> None:
        self.strophe.idle(0)
        (request,) = self.sent(0)
        self.strophe.idle(0)
        self.assertEqual(self.sent(0), [])
        self.strophe.answered(request, 200, 1)
        self.strophe.idle(1)
        (following,) = self.sent(1)
        self.assertIn(b"rid='8'", following.body)

    def test_who_sleeps_makes_none(self) -> None:
        self.strophe.sleeps = True
        self.strophe.idle(0)
        self.assertEqual(self.sent(0), [])

    def test_all_that_waits_goes_with_one_request(self) -> None:
        self.strophe.idle(0)
        self.strophe.outbox += [(1, b"<a/>"), (2, b"<b/>")]
        self.strophe.idle(0)
        request = self.sent(0)[-1]
        self.assertEqual(request.marks, (1, 2))
        self.assertIn(b"<a/><b/>", request.body)
        self.assertEqual(self.strophe.outbox, [])

    def test_what_is_not_answered_is_known(self) -> None:
        self.strophe.outbox.append((1, b"<a/>"))
        self.strophe.idle(0)
        self.strophe.outbox.append((2, b"<b/>"))
        self.assertEqual([*self.strophe.marks()], [1, 2])
        self.strophe.answered(self.sent(0)[0], 200, 1)
        self.assertEqual([*self.strophe.marks()], [2])

    def test_two_requests_are_in_flight_at_most(self) -> None:
        for number in range(3):
            self.strophe.idle(0)
            self.strophe.outbox.append((number, b"<a/>"))
        self.assertEqual(len(self.strophe.requests), 2)

    def test_a_request_waits_for_one_that_is_two_before_it(self) -> None:
        first, second = self.asked(), self.asked()
        self.strophe.failed(first, 0)
        self.sent(0)
        self.strophe.failed(first, 0)  # repeated after 8 seconds
        self.strophe.answered(second, 200, 1)
        self.strophe.ask(b"", b"", 1)
        self.assertEqual(self.sent(1), [])
        self.assertEqual(self.sent(8), [first])
        self.strophe.answered(first, 200, 9)
        self.assertEqual(len(self.sent(9)), 1)

    def test_a_request_that_fails_is_repeated_after_growing_pauses(self) -> None:
        request, now = self.asked(), 0.0
        body = request.body
        for pause in (0, 8, 27, 64):
            self.strophe.failed(request, now)
            self.assertEqual(self.sent(now + pause - 0.1), [])
            now += pause
            self.assertEqual(self.sent(now), [request])
        self.assertEqual(request.body, body)
        self.assertEqual(self.strophe.ended, "")

    def test_five_failures_end_the_session(self) -> None:
        request, now = self.asked(), 0.0
        for _ in range(5):
            self.assertEqual(self.strophe.ended, "")
            self.strophe.answered(request, 503, now)
            now += 66
            self.sent(now)
        self.assertEqual(self.strophe.ended, "five errors in a row")

    def test_failures_of_both_requests_count(self) -> None:
        first, second = self.asked(), self.asked()
        for failed in (first, second, first, second, first):
            self.strophe.failed(failed, 0)
        self.assertEqual(self.strophe.ended, "five errors in a row")

    def test_an_answer_forgives_what_failed(self) -> None:
        request = self.asked()
        for _ in range(4):
            self.strophe.failed(request, 0)
        self.strophe.answered(request, 200, 1)
        self.strophe.failed(self.asked(1), 1)
        self.assertEqual(self.strophe.ended, "")

    def test_who_waits_to_repeat_a_request_is_in_trouble(self) -> None:
        request = self.asked()
        self.assertFalse(self.strophe.is_in_trouble)
        self.strophe.failed(request, 0)
        self.assertTrue(self.strophe.is_in_trouble)
        self.sent(0)
        self.assertFalse(self.strophe.is_in_trouble)

    def test_a_status_of_the_client_ends_the_session(self) -> None:
        self.strophe.answered(self.asked(), 404, 0)
        self.assertEqual(self.strophe.ended, "status 404")

    def test_a_request_without_an_answer_is_aborted_and_repeated_at_once(self) -> None:
        request = self.asked()
        self.assertEqual([*self.strophe.overdue(66)], [])
        self.assertEqual([*self.strophe.overdue(66.1)], [request])
        self.assertEqual(self.sent(66.1), [request])
        self.assertEqual([*self.strophe.overdue(132)], [])

    def test_a_request_that_waits_for_its_pause_is_not_overdue(self) -> None:
        request = self.asked()
        self.strophe.failed(request, 0)
        self.assertEqual([*self.strophe.overdue(100)], [])

    def test_aborts_end_the_session_in_the_end(self) -> None:
        now = 0.0
        self.asked()
        for _ in range(5):
            self.assertEqual(self.strophe.ended, "")
            now += 200
            self.assertEqual(len([*self.strophe.overdue(now)]), 1)
            now += 66
            self.sent(now)
        self.assertEqual(self.strophe.ended, "a request has failed five times")

    def test_a_request_that_is_overtaken_is_repeated_after_six_seconds(self) -> None:
        first, second = self.asked(), self.asked()
        self.strophe.answered(second, 200, 1)
        self.assertEqual([*self.strophe.overdue(7)], [])
        self.assertEqual([*self.strophe.overdue(7.1)], [first])

    def test_a_request_behind_one_that_is_answered_late_is_repeated(self) -> None:
        first, second = self.asked(), self.asked()
        self.strophe.answered(first, 200, 6.1)
        self.assertEqual([*self.strophe.overdue(12.2)], [second])

    def test_a_request_behind_one_that_is_answered_soon_may_be_held(self) -> None:
        first, _ = self.asked(), self.asked()
        self.strophe.answered(first, 200, 5)
        self.assertEqual([*self.strophe.overdue(60)], [])

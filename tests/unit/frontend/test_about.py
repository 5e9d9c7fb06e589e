"""Questions about one client: which connections are found, what is said of them, and how much."""

from typing import Any

from twisted.trial.unittest import TestCase

from ecm.frontend.about import About
from ecm.limits import MAX_ASKED, MAX_FOUND, MAX_SOUGHT
from ecm.link.packet import LINK_ID
from ecm.questions import Words
from testkit.in_memory import FIRST_ID, TYPED, Joined
from testkit.typed_vectors import HELLO
from testkit.websocket_case import User, joined


class AboutCase(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.about = About(self.ecm.registry, self.ecm.pool, self.ecm.reactor)

    def answer(self, **question: Any) -> Words:
        """Return the answer to a question, which may take some turns."""
        answered = self.about.answer(question)
        self.ecm.reactor.pump([0] * 100)
        return self.successResultOf(answered)

    def addresses(self, **question: Any) -> list[str]:
        return [each["address"] for each in self.answer(**question)["connections"]]


class ConnectionsTests(AboutCase):
    def test_those_of_an_address_are_found(self) -> None:
        for address in ("192.0.2.1", "192.0.2.7", "::ffff:192.0.2.7", "2001:db8::7"):
            self.ecm.client(address)
        self.assertEqual(self.addresses(address="192.0.2.7"), ["192.0.2.7", "192.0.2.7"])
        self.assertEqual(self.addresses(address="::ffff:192.0.2.7"), ["192.0.2.7", "192.0.2.7"])
        self.assertEqual(self.addresses(address="2001:DB8:0::7"), ["2001:db8::7"])
        self.assertEqual(self.addresses(address="192.0.2.8"), [])

    def test_those_with_an_id_are_found(self) -> None:
        first, second, _ = [self.ecm.client(f"192.0.2.{each}") for each in (1, 2, 3)]
        first.post(b"held")
        second.post(b"held")
        self.assertEqual(self.addresses(ids=[str(FIRST_ID + 1)]), ["192.0.2.2"])
        self.ecm.answer(FIRST_ID + 1, b"answer")
        self.assertEqual(self.addresses(ids=[str(FIRST_ID + 1)]), ["192.0.2.2"])

    def test_it_is_said_what_each_waits_for(self) -> None:
        client = self.ecm.client()
        states = []
        for step in (
            b"",
            b"POST /http-bind HTTP/1.1\r\nHost: a\r\n",
            b"Content-Length: 4\r\n\r\n",
            b"held",
        ):
            client.send(step)
            [found] = self.answer(address="192.0.2.1")["connections"]
            states.append((found["phase"], found["requests"], found["ids"]))
        held = ("held", 1, [str(FIRST_ID)])
        self.assertEqual(states, [("idle", 0, []), ("head", 0, []), ("body", 0, []), held])

    def test_requests_that_are_pipelined_have_ids_of_their_own(self) -> None:
        client = self.ecm.client()
        client.post(b"one")
        client.post(b"two")
        [found] = self.answer(address="192.0.2.1")["connections"]
        self.assertEqual(found["requests"], 2)
        self.assertEqual(found["ids"], [str(FIRST_ID), str(FIRST_ID + 1)])

    def test_nothing_that_a_client_has_said_is_told(self) -> None:
        client = self.ecm.client()
        client.post(b"<body>secret</body>", more=b"X-Secret: secret\r\n")
        self.assertNotIn("secret", str(self.answer(address="192.0.2.1")))

    def test_of_more_than_a_person_reads_the_number_is_told(self) -> None:
        for _ in range(MAX_FOUND + 5):
            self.ecm.client()
        answer = self.answer(address="192.0.2.1")
        self.assertEqual((len(answer["connections"]), answer["more"]), (MAX_FOUND, 5))

    def test_it_takes_its_time_while_others_are_served(self) -> None:
        """A connection that has closed meanwhile is not told of."""
        clients = [self.ecm.client() for _ in range(3)]
        answered = self.about.answer({"address": "192.0.2.1"})
        self.assertNoResult(answered)
        clients[1].leave()
        self.ecm.reactor.pump([0] * 100)
        self.assertEqual(len(self.successResultOf(answered)["connections"]), 2)

    def test_what_is_no_question_is_refused(self) -> None:
        too_many = {"ids": ["1"] * (MAX_SOUGHT + 1)}
        for question in ({}, {"address": "x"}, {"ids": ["x"]}, {"address": 7}, too_many):
            with self.assertRaises(ValueError):
                self.about.answer(question)


class SessionsTests(AboutCase):
    def setUp(self) -> None:
        self.ecm = Joined(link=TYPED)
        self.about = About(self.ecm.registry, self.ecm.pool, self.ecm.reactor)
        self.ecm.answer(LINK_ID, HELLO + b",insight")
        self.ecm.received()

    def test_ejabberd_is_asked_for_those_of_a_jid_or_a_sid(self) -> None:
        for number, name in enumerate(("jid", "sid"), 1):
            answered = self.about.answer({name: "a@b"})
            self.assertEqual(
                self.ecm.received(), [(0, b"inspect %d %b=a@b" % (number, name.encode()))]
            )
            self.ecm.answer(LINK_ID, b"inspected %d\njid=a@b/c\n" % number)
            [told] = self.successResultOf(answered)["told"]
            self.assertEqual(told["sessions"], [{"jid": "a@b/c"}])

    def test_it_is_asked_for_what_is_in_flight_here(self) -> None:
        self.ecm.client().post(b"held")
        idle = self.ecm.client()
        idle.post(b"asked")
        self.ecm.answer(FIRST_ID + 1, b"answer 200\n")
        self.ecm.received()
        answered = self.about.answer({"in_flight": [str(FIRST_ID), str(FIRST_ID + 1), "7"]})
        self.assertEqual(self.ecm.received(), [(0, b"inspect 1 id=%d" % FIRST_ID)])
        self.ecm.answer(LINK_ID, b"inspected 1\njid=a@b/c\n")
        self.assertEqual(len(self.successResultOf(answered)["told"]), 1)

    def test_a_stream_is_in_flight_as_long_as_it_is_open(self) -> None:
        ecm = joined(features=b"streams,insight")
        about = About(ecm.registry, ecm.pool, ecm.reactor)
        user = User(ecm)
        about.answer({"in_flight": [str(user.id), str(user.id + 1)]})
        self.assertEqual(ecm.received(), [(0, b"inspect 1 id=%d" % user.id)])
        user.client.leave()
        ecm.received()
        about.answer({"in_flight": [str(user.id)]})
        self.assertEqual(ecm.received(), [])

    def test_it_is_not_asked_for_all_of_a_crowd(self) -> None:
        for _ in range(MAX_ASKED + 3):
            self.ecm.client().post(b"held")
        self.ecm.received()
        self.about.answer({"in_flight": [str(FIRST_ID + n) for n in range(MAX_ASKED + 3)]})
        self.assertEqual(len(self.ecm.received()), MAX_ASKED)

    def test_without_a_link_it_is_said_so(self) -> None:
        self.ecm.link_down()
        [told] = self.successResultOf(self.about.answer({"jid": "a@b"}))["told"]
        self.assertIn("no link", told["why"])

"""A trace of the requests of one address, which leaves all others alone."""

from twisted.trial.unittest import TestCase

from ecm.frontend.tracing import Tracing
from ecm.limits import MAX_TRACED
from ecm.questions import Words
from testkit.in_memory import FIRST_ID, Joined

ADDRESS = "192.0.2.1"


class TracingTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.usual = self.ecm.registry.routes
        self.tracing = Tracing(self.ecm.registry)
        self.client = self.ecm.client(ADDRESS)

    def trace(self, seconds: int = 60, address: str = ADDRESS) -> list[Words]:
        """Return the requests since the last time."""
        answer = self.tracing.answer({"address": address, "seconds": seconds})
        requests: list[Words] = answer["requests"]
        return requests

    def test_a_request_is_told_of_once_it_has_its_response(self) -> None:
        self.assertEqual(self.trace(), [])
        self.ecm.reactor.advance(0.25)
        self.client.post(b"<body/>")
        self.ecm.reactor.advance(2.5)
        self.assertEqual(self.trace(), [])
        self.ecm.answer(FIRST_ID, b"<body>secret</body>")
        response = self.client.transport.written()
        self.assertTrue(response.endswith(b"<body>secret</body>"))
        [told] = self.trace()
        expected = {"time": 0.25, "method": "POST", "path": "/http-bind", "size": 7, "held": 2.5}
        self.assertEqual(told, {**expected, "status": 200, "response": len(response)})
        self.assertEqual(self.trace(), [])

    def test_others_are_not_traced(self) -> None:
        self.trace()
        other = self.ecm.client("192.0.2.2")
        other.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
        self.client.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual([each["status"] for each in self.trace()], [404])

    def test_errors_of_the_request_are_told(self) -> None:
        self.trace()
        self.client.send(b"PUT /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        [told] = self.trace()
        self.assertEqual((told["method"], told["status"]), ("PUT", 405))

    def test_a_client_that_goes_has_no_response(self) -> None:
        self.trace()
        self.client.post(b"")
        self.client.leave()
        [told] = self.trace()
        self.assertEqual(told["why"], "gone")
        self.assertNotIn("status", told)

    def test_it_ends_with_its_time(self) -> None:
        self.trace(seconds=2)
        self.assertIsNot(self.ecm.registry.routes, self.usual)
        self.ecm.pass_time(3)
        self.assertIs(self.ecm.registry.routes, self.usual)

    def test_it_ends_when_it_is_no_longer_wanted(self) -> None:
        self.trace()
        self.client.post(b"")
        self.assertEqual(self.trace(seconds=0), [])
        self.assertIs(self.ecm.registry.routes, self.usual)
        self.ecm.answer(FIRST_ID, b"served")
        self.assertTrue(self.client.transport.written().endswith(b"served"))

    def test_another_address_takes_its_place(self) -> None:
        self.trace()
        self.trace(address="192.0.2.2")
        self.client.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.trace(address="192.0.2.2"), [])
        self.trace(seconds=0)
        self.assertIs(self.ecm.registry.routes, self.usual)

    def test_what_has_no_room_is_counted(self) -> None:
        self.trace()
        for _ in range(MAX_TRACED + 7):
            self.client.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = self.tracing.answer({"address": ADDRESS, "seconds": 60})
        self.assertEqual((len(answer["requests"]), answer["missed"]), (MAX_TRACED, 7))
        answer = self.tracing.answer({"address": ADDRESS, "seconds": 60})
        self.assertEqual((answer["requests"], answer["missed"]), ([], 0))

    def test_questions_that_are_none(self) -> None:
        for question in (
            *({}, {"address": ADDRESS}, {"address": "chat.example", "seconds": 1}),
            *({"address": ADDRESS, "seconds": -1}, {"address": 7, "seconds": 1}),
        ):
            with self.assertRaises(ValueError):
                self.tracing.answer(question)
        self.assertIs(self.ecm.registry.routes, self.usual)

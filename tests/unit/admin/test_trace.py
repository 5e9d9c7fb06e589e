"""The trace of an address, as its operator reads it."""

import json

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.admin.asked import Asked, Reply
from ecm.admin.trace import Trace
from testkit.operated import ToldEcm

ADDRESS = "192.0.2.1"


class TraceTests(TestCase):
    def setUp(self) -> None:
        self.ecm = ToldEcm()
        self.clock = Clock()
        self.trace = Trace(self.ecm, self.clock)
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def begin(self, **query: str) -> Reply:
        return self.trace.begin(self.ecm, Asked("POST", "/trace", {"address": ADDRESS, **query}))

    def asked(self, seconds: int) -> dict[str, dict[str, object]]:
        return {"trace": {"address": ADDRESS, "seconds": seconds}}

    def test_what_processes_tell_comes_in_its_order(self) -> None:
        reply = self.begin(**{"for": "2"})
        assert reply.follow is not None
        following = reply.follow(self.write)
        self.assertEqual((self.ecm.told, self.written), ([self.asked(3)], b""))
        self.ecm.answers = [
            {"process": 1, "requests": [{"time": 7.5}, {"time": 8.5}], "missed": 2},
            {"process": 2, "error": "it takes no question"},
            {"process": 3, "requests": [{"time": 8.0}], "missed": 1},
        ]
        self.clock.advance(1)
        lines = [json.loads(line) for line in self.written.splitlines()]
        expected = [{"process": 1, "time": 7.5}, {"process": 3, "time": 8.0}]
        self.assertEqual(lines, [*expected, {"process": 1, "time": 8.5}, {"missed": 3}])
        self.ecm.answers = [{"process": 1, "requests": [{"time": 9.5}], "missed": 0}]
        self.clock.advance(1)
        self.assertTrue(self.written.endswith(b'{"process": 1, "time": 9.5}\n'))
        self.assertEqual(self.ecm.told, [self.asked(3), self.asked(2), self.asked(0)])
        self.successResultOf(following)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_ends_when_the_operator_has_gone(self) -> None:
        reply = self.begin()
        assert reply.follow is not None
        following = reply.follow(self.write)
        following.cancel()
        self.successResultOf(following)
        self.assertEqual(self.ecm.told, [self.asked(61), self.asked(0)])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.begin().status, 200)

    def test_an_address_may_have_a_zone(self) -> None:
        reply = self.begin(address="FE80::1%eth0.2")
        assert reply.follow is not None
        reply.follow(self.write).cancel()
        self.assertEqual(self.ecm.told[0], {"trace": {"address": "fe80::1%eth0.2", "seconds": 61}})

    def test_there_is_one_at_a_time(self) -> None:
        reply = self.begin()
        assert reply.follow is not None
        following = reply.follow(self.write)
        self.assertEqual(self.begin().status, 409)
        following.cancel()

    def test_what_is_no_address(self) -> None:
        for address in ("", "chat.example", "192.0.2", "fe80::1%\nevil", "fe80::1%\u2028"):
            with self.assertRaisesRegex(ValueError, r"give \?address="):
                self.begin(address=address)
        self.assertEqual(self.ecm.told, [])

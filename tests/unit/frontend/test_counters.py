"""The counters of the front end: connections, requests and responses."""

from collections import Counter

from twisted.trial.unittest import TestCase

from ecm.metrics import SAMPLED
from ecm.upstream.link import LinkStatus
from testkit.in_memory import Joined


class ConnectionCounterTests(TestCase):
    def test_connections_come_and_go(self) -> None:
        ecm = Joined()
        clients = [ecm.client() for _ in range(3)]
        clients[0].leave()
        metrics = ecm.metrics
        self.assertEqual((metrics.accepted, metrics.closed), ({"": 3}, 1))
        self.assertEqual((metrics.ended, metrics.refused), ({}, {}))

    def test_those_at_a_door_are_its_own(self) -> None:
        ecm = Joined()
        for door in ("tcp:80", "tcp:81", "tcp:80"):
            self.assertIsNotNone(ecm.clients.at(door).connection_of("192.0.2.1"))
        self.assertEqual(ecm.metrics.accepted, {"tcp:80": 2, "tcp:81": 1})

    def test_one_too_many(self) -> None:
        ecm = Joined(max_connections=1)
        ecm.client().post(b"held")
        ecm.client()
        self.assertEqual(ecm.metrics.refused, {"limit": 1})

    def test_too_many_from_one_address(self) -> None:
        ecm = Joined(max_connections_per_address=1)
        ecm.client().post(b"held")
        ecm.client()
        self.assertEqual(ecm.metrics.refused, {"address": 1})

    def test_each_that_takes_too_long_has_its_reason(self) -> None:
        ecm = Joined()
        ecm.client()
        ecm.client().send(b"POST /http-bind HT")
        ecm.client().send(b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        half_closed = ecm.client()
        half_closed.post(b"held")
        half_closed.close_end()
        ecm.pass_time(100)
        reasons = {"idle": 1, "header_timeout": 1, "body_timeout": 1, "half_closed": 1}
        self.assertEqual(+Counter(ecm.metrics.ended), reasons)

    def test_an_idle_one_makes_way(self) -> None:
        ecm = Joined(max_connections=1)
        ecm.client()
        ecm.pass_time(5)
        ecm.client()
        self.assertEqual((+Counter(ecm.metrics.ended), ecm.metrics.refused), ({"evicted": 1}, {}))


class RequestCounterTests(TestCase):
    def test_requests_and_responses(self) -> None:
        ecm = Joined()
        client = ecm.client()
        client.post(b"held")
        ((connection_id, _),) = ecm.received()
        ecm.answer(connection_id, b"answer")
        for method in (b"GET", b"OPTIONS", b"PUT"):
            client.send(b"%b /http-bind HTTP/1.1\r\nHost: a\r\n\r\n" % method)
        client.send(b"HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
        metrics = ecm.metrics.folded()
        self.assertEqual(
            metrics.methods, {"post": 1, "get": 1, "options": 1, "head": 1, "other": 1}
        )
        self.assertEqual(metrics.responses, {"200": 3, "404": 1, "405": 1})

    def test_bytes_that_are_no_request(self) -> None:
        ecm = Joined()
        for data, reason in (
            (b"hello\r\n\r\n", "malformed"),
            (b"GET / HTTP/1.1\r\nHost: a\r\nA: %b\r\n\r\n" % (b"a" * 20_000), "head_too_long"),
            (b"POST /http-bind HTTP/1.1\r\nHost: a\r\n\r\n", "no_length"),
            (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "unsupported"),
        ):
            ecm.metrics.rejected.clear()
            ecm.client().send(data)
            self.assertEqual(ecm.metrics.rejected, {reason: 1}, data[:40])

    def test_one_that_cannot_be_sent(self) -> None:
        ecm = Joined(linked=False)
        ecm.client().post(b"in vain")
        self.assertEqual(ecm.metrics.unavailable, {"no_link": 1})
        self.assertEqual(ecm.metrics.folded().responses, {"200": 0, "503": 1})

    def test_one_whose_link_is_lost(self) -> None:
        ecm = Joined()
        ecm.client().post(b"held")
        ecm.link_down()
        self.assertEqual(ecm.metrics.unavailable, {"no_link": 1})
        self.assertEqual([*ecm.pool.links.values()], [])
        self.assertEqual(ecm.pool.nodes.best, LinkStatus.DOWN)

    def test_one_of_many_is_looked_at(self) -> None:
        ecm = Joined()
        client = ecm.client()
        for number in range(2 * SAMPLED + 1):
            client.post(b"body")
            ((connection_id, _),) = ecm.received()
            ecm.reactor.advance(0.02 if number == SAMPLED - 1 else 3)
            ecm.answer(connection_id, b"answer")
        exchanges = ecm.metrics.exchanges
        self.assertEqual(
            (exchanges.counts[2], exchanges.counts[9], sum(exchanges.counts)), (1, 1, 2)
        )
        self.assertAlmostEqual(exchanges.sum, 3.02)
        size = len(b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        self.assertEqual(ecm.metrics.request_bytes, 2 * SAMPLED * size)
        self.assertEqual(ecm.metrics.response_bytes, 2 * SAMPLED * len(b"answer"))

    def test_one_that_is_looked_at_is_served_as_any_other(self) -> None:
        ecm = Joined()
        ecm.metrics.posts = SAMPLED - 1
        client = ecm.client()
        client.post(b"held")
        ecm.link_down()
        self.assertIn(b" 503 ", client.transport.written())
        self.assertEqual(ecm.metrics.posts, SAMPLED)

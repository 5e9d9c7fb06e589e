"""Requests that wait for a link, over the whole of ECM in memory."""

import tracemalloc

from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.upstream import request_queue
from testkit.in_memory import (
    FIRST_ID,
    MAX_BODY,
    PEER_LINE,
    QUEUE_TIMEOUT,
    TYPED,
    Joined,
)
from testkit.typed_vectors import HELLO_PACKET


class WaitingForTheLinkTests(TestCase):
    def test_requests_wait_for_the_first_link(self) -> None:
        ecm = Joined(link=TYPED)
        client = ecm.client()
        client.post(b"<body/>")
        ecm.pass_time(3)
        ecm.link.dataReceived(HELLO_PACKET)
        self.assertEqual(ecm.received()[-1], (FIRST_ID, PEER_LINE + b"<body/>"))

    def test_those_that_wait_are_bounded_with_all_that_they_take(self) -> None:
        for size, most in ((MAX_BODY, 28), (0, 576)):
            self.patch(request_queue, "MAX_QUEUED_BYTES", 300_000)
            ecm = Joined()
            ecm.link_down()
            clients = [ecm.client() for _ in range(600)]
            told = [client.post(b"x" * size) for client in clients]
            self.assertEqual(sum(not each for each in told), most)
            self.assertTrue(all(b"HTTP/1.1 503 " in each for each in told[most:]))
            for client in clients:
                client.leave()
            self.assertEqual(ecm.pool.queue.size, 0)

    def test_nothing_is_left_of_the_heads_of_those_that_wait(self) -> None:
        ecm = Joined()
        ecm.link_down()
        clients = [ecm.client() for _ in range(100)]
        for client in clients:  # what a connection makes with its first request
            client.send(b"GET /http-bind HTTP/1.1\r\nHost: a\r\n\r\n")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for client in clients:
            client.post(b"x" * 1000, more=b"A: %b\r\n" % (b"b" * 10_000))
        self.assertLess(tracemalloc.get_traced_memory()[0], ecm.pool.queue.size)

    def test_and_for_the_next_one(self) -> None:
        ecm = Joined()
        ecm.link_down()
        client = ecm.client()
        self.assertEqual(client.post(b"<body/>"), b"")
        ecm.pass_time(QUEUE_TIMEOUT - 1)
        ecm.link_up()
        self.assertEqual(ecm.received(), [(FIRST_ID, b"<body/>")])

    def test_but_not_for_ever(self) -> None:
        ecm = Joined()
        ecm.link_down()
        client = ecm.client()
        client.post(b"<body/>")
        ecm.pass_time(QUEUE_TIMEOUT)
        self.assertIn(b" 503 ", client.transport.written())
        self.assertEqual(client.post(b"<body/>"), b"")  # which has a time of its own
        ecm.pass_time(QUEUE_TIMEOUT - 1)
        self.assertEqual(client.transport.written(), b"")
        ecm.pass_time(1)
        self.assertIn(b" 503 ", client.transport.written())

    def test_and_not_too_many(self) -> None:
        size = limits.MAX_QUEUED_BYTES // 2 - 1000
        ecm = Joined(max_body=size)
        ecm.link_down()
        clients = [ecm.client() for _ in range(3)]
        written = [client.post(bytes(size)) for client in clients]
        self.assertEqual([b" 503 " in each for each in written], [False, False, True])
        clients[0].leave()
        self.assertEqual(clients[2].post(bytes(size)), b"")

    def test_nobody_waits_for_it_while_ecm_stops(self) -> None:
        ecm = Joined()
        ecm.pool.drain()
        ecm.link_down()
        client = ecm.client()
        self.assertIn(b" 503 ", client.post(b"<body/>"))

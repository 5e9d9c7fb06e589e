"""The admin endpoint over HTTP, in memory: its orders, its errors and its limits."""

import json
from http import HTTPStatus
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.admin.asked import Asked, Reply, Write, as_json
from ecm.admin.routes import ROUTES, Route
from ecm.admin.site import AdminSite
from ecm.limits import (
    ADMIN_TIMEOUT,
    DRAIN_TIME,
    MAX_ADMIN_BODY,
    MAX_ADMIN_CONNECTIONS,
    MAX_UNREAD,
    REPLY_TIMEOUT,
)
from ecm.operated import Operated
from ecm.status.snapshot import Snapshot
from testkit.operated import ToldEcm


class Transport(StringTransportWithDisconnection):
    """One of a UNIX socket."""

    aborted = False
    producer: Any

    def loseConnection(self) -> None:
        self.disconnecting = True
        super().loseConnection()

    def abortConnection(self) -> None:
        self.loseConnection()


class LateTransport(Transport):
    """One that says later that it has closed, as the reactor's do."""

    def abortConnection(self) -> None:
        self.aborted = True


class SiteTests(TestCase):
    transport = Transport

    def setUp(self) -> None:
        self.ecm = ToldEcm()
        self.cancelled: list[str] = []
        self.clock = Clock()
        self.waiting: Deferred[Reply] = Deferred()
        more = {
            "/late": Route(lambda ecm, asked: self.waiting),
            "/fault": Route(self.fault),
            "/long": Route(lambda ecm, asked: Reply(HTTPStatus.OK, b"", follow=self.follow)),
            "/query": Route(lambda ecm, asked: as_json(dict(asked.query))),
        }
        self.site = AdminSite(self.ecm, self.clock, {**ROUTES, **more})

    def follow(self, write: Write) -> Deferred[None]:
        self.write = write
        self.following: Deferred[None] = Deferred(lambda _: self.cancelled.append("it"))
        return self.following

    def fault(self, ecm: Operated, asked: Asked) -> Reply:
        raise KeyError("of ours")

    def connect(self) -> Transport:
        protocol = self.site.buildProtocol(None)
        transport = self.transport()
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return transport

    def send(self, transport: Transport, data: bytes) -> None:
        """Let something come from the client, and the reactor turn."""
        transport.protocol.dataReceived(data)
        self.clock.advance(0)

    def ask(self, method: str, target: str, more: str = "") -> tuple[int, bytes]:
        """Return status and body of the reply to a request."""
        transport = self.connect()
        text = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n"
        self.send(transport, text.encode())
        return self.replied(transport)

    def replied(self, transport: Transport) -> tuple[int, bytes]:
        head, _, body = transport.value().partition(b"\r\n\r\n")
        self.head = head
        return int(head.split()[1]), body

    def test_it_lives(self) -> None:
        self.assertEqual(self.ask("GET", "/livez"), (200, b"alive\n"))
        self.assertIn(b"\r\nContent-Type: text/plain; charset=utf-8\r\n", self.head)
        self.assertIn(b"\r\nCache-Control: no-store\r\n", self.head)

    def test_requests_that_come_in_one_piece_have_turns_of_their_own(self) -> None:
        """Or others would wait until all are answered, and a client need not read the replies."""
        transport = self.connect()
        transport.protocol.dataReceived(3 * b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(transport.value(), b"")
        self.clock.advance(0)
        self.assertEqual(transport.value().count(b"alive\n"), 3)

    def test_head_is_get_without_a_body(self) -> None:
        self.assertEqual(self.ask("HEAD", "/livez"), (200, b""))
        self.assertIn(b"Content-Length: 6", self.head)

    def test_it_is_ready_or_says_why_not(self) -> None:
        self.ecm.told_last = [Snapshot(pid=4101)]
        self.assertEqual(self.ask("GET", "/readyz"), (200, b"ready\n"))
        self.ecm.told_last = [Snapshot(pid=4101, refusal="none there"), Snapshot(2)]
        self.assertEqual(self.ask("GET", "/readyz"), (503, b"none there\n"))
        self.assertEqual(self.ask("GET", "/readyz?all"), (503, b"none there\n"))

    def test_its_status_for_programs(self) -> None:
        self.ecm.told_last = [Snapshot(pid=4101, refusal="none there", held=3)]
        status, body = self.ask("GET", "/status.json")
        told = json.loads(body)
        self.assertEqual((status, told["ready"], told["reasons"]), (200, False, ["none there"]))
        self.assertEqual(told["processes"][0]["pid"], 4101)
        self.assertEqual(told["snapshots"], [{"held": 3, "pid": 4101, "refusal": "none there"}])
        self.assertEqual(told["options"][0]["where"], "flag")

    # Orders.

    def test_a_drain(self) -> None:
        status, body = self.ask("POST", "/drain?seconds=600")
        self.assertEqual((status, self.ecm.told), (200, [("drain", 600)]))
        self.assertIn(b"within 600 s", body)
        self.ask("POST", "/drain")
        self.ask("POST", "/undrain")
        self.assertEqual(self.ecm.told[1:], [("drain", DRAIN_TIME), "undrain"])

    def test_a_reload(self) -> None:
        self.assertEqual(self.ask("POST", "/reload"), (200, b"one\ntwo\n"))
        self.ecm.fault = "ecm.toml:7: max-bodi: unknown"
        mistake = b"nothing has changed: ecm.toml:7: max-bodi: unknown\n"
        self.assertEqual(self.ask("POST", "/reload"), (409, mistake))

    def test_a_restart(self) -> None:
        self.assertEqual(self.ask("POST", "/restart?worker=1")[0], 200)
        self.assertEqual(self.ecm.told, [("restart", 1)])
        self.assertEqual(self.ask("POST", "/restart?worker=7"), (400, b"there is no worker 7\n"))

    def test_a_level_of_the_log(self) -> None:
        status, body = self.ask("POST", "/log?level=debug&for=60")
        self.assertEqual((status, body), (200, b"log level debug for 60 s\n"))
        self.ask("POST", "/log?level=info")
        self.assertEqual(self.ecm.told, [("debug", 60), ("info", 0)])
        self.assertEqual(self.ask("POST", "/log"), (400, b"give info, debug\n"))

    def test_numbers_that_are_none(self) -> None:
        for target in (
            *("/drain?seconds=ten", "/drain?seconds=-1", "/drain?seconds=86401", "/drain?seconds="),
            *("/restart", "/restart?worker=", "/log?level=info&for=1.5", "/drain?seconds=%D9%A3"),
        ):
            status, body = self.ask("POST", target)
            self.assertEqual(status, 400, target)
            self.assertRegex(body, rb"\Agive \?\w+= with a number from 0 to \d+\n\Z")
        self.assertEqual(self.ecm.told, [])

    # Errors.

    def test_what_is_not_there(self) -> None:
        status, body = self.ask("GET", "/metric")
        self.assertEqual(status, 404)
        self.assertIn(b"/livez", body)
        self.assertEqual(body.count(b"\n"), 1)

    def test_only_post_changes_something(self) -> None:
        for route in ("/drain", "/undrain", "/reload", "/restart?worker=1", "/log?level=info"):
            status, _ = self.ask("GET", route)
            self.assertEqual(status, 405, route)
            self.assertIn(b"\r\nAllow: POST", self.head)
        self.assertEqual(self.ecm.told, [])
        self.assertEqual(self.ask("POST", "/livez")[0], 405)
        self.assertIn(b"\r\nAllow: GET, HEAD", self.head)
        self.assertEqual(self.ask("BREW", "/livez")[0], 405)

    def test_another_page_changes_nothing(self) -> None:
        status, _ = self.ask("POST", "/drain", "Origin: https://evil.example\r\n")
        self.assertEqual((status, self.ecm.told), (403, []))

    def test_a_fault_of_ours_is_one_line(self) -> None:
        self.assertEqual(self.ask("GET", "/fault"), (500, b"error in ECM: its log says more\n"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_bytes_that_are_no_request(self) -> None:
        transport = self.connect()
        self.send(transport, b"\x16\x03\x01\r\n\r\n")
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 400 "))
        self.assertFalse(transport.connected)

    def test_any_query_is_text(self) -> None:
        _, body = self.ask("GET", "/query?a=%FF%00&a=2&b")
        self.assertEqual(json.loads(body), {"a": "2"})

    def test_a_reply_may_go_on(self) -> None:
        transport = self.connect()
        request = b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self.send(transport, request)
        self.write(b"one\n")
        self.clock.advance(ADMIN_TIMEOUT + REPLY_TIMEOUT)
        self.write(b"two\n")
        self.following.callback(None)
        _, body = self.replied(transport)
        self.assertEqual(body, b"4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n")
        self.assertEqual(self.cancelled, [])

    def test_nobody_writes_to_who_has_gone(self) -> None:
        transport = self.connect()
        self.send(transport, b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
        transport.connected = False
        transport.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.cancelled, ["it"])

    # Limits.

    def test_a_body_is_not_kept(self) -> None:
        size = MAX_ADMIN_BODY
        transport = self.connect()
        head = f"POST /undrain HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
        self.send(transport, head.encode() + bytes(size))
        self.assertEqual(self.replied(transport)[0], 200)
        for length in ("Content-Length: 9999999", "Transfer-Encoding: chunked"):
            transport = self.connect()
            head = f"POST /drain HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n"
            self.send(transport, head.encode())
            self.assertTrue(transport.connected)
            self.send(transport, b"2000\r\n" + bytes(0x2000))
            self.assertFalse(transport.connected)
        self.assertEqual(self.ecm.told, ["undrain"])

    def test_the_oldest_connection_makes_way(self) -> None:
        connections = [self.connect() for _ in range(MAX_ADMIN_CONNECTIONS + 1)]
        self.assertEqual([each.connected for each in connections], [False] + [True] * 32)
        self.assertEqual(self.ask("GET", "/livez")[0], 200)
        self.site.close()
        self.assertFalse(any(each.connected for each in connections))

    def test_of_many_connections_at_once_each_makes_way(self) -> None:
        self.transport = LateTransport
        connections = [self.connect() for _ in range(2 * MAX_ADMIN_CONNECTIONS)]
        self.assertEqual([each.aborted for each in connections], [True] * 32 + [False] * 32)

    def test_who_does_not_read_a_long_reply_is_let_go_of(self) -> None:
        transport = self.connect()
        self.send(transport, b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.write(bytes(2 * MAX_UNREAD))  # all of which is read
        transport.producer.pauseProducing()
        self.write(bytes(MAX_UNREAD))
        transport.producer.resumeProducing()
        self.write(bytes(MAX_UNREAD))
        transport.producer.pauseProducing()
        self.write(bytes(MAX_UNREAD))
        self.assertTrue(transport.connected)
        self.write(b"1")
        self.assertFalse(transport.connected)
        self.assertEqual(self.cancelled, ["it"])

    def test_an_idle_connection_is_closed(self) -> None:
        transport = self.connect()
        self.clock.advance(ADMIN_TIMEOUT)
        self.assertFalse(transport.connected)

    def test_a_reply_that_does_not_come(self) -> None:
        transport = self.connect()
        self.send(transport, b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.clock.advance(REPLY_TIMEOUT)
        self.assertEqual(
            self.replied(transport), (504, b"it takes too long; the log may say why\n")
        )

    def test_who_has_gone_is_not_waited_for(self) -> None:
        cancelled: list[object] = []
        self.waiting = Deferred(cancelled.append)
        transport = self.connect()
        self.send(transport, b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
        transport.connected = False
        transport.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(cancelled, [self.waiting])
        self.assertEqual(self.clock.getDelayedCalls(), [])

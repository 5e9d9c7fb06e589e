"""XMPP over TCP: from the first byte to the end, with an ejabberd that the test plays."""

from collections.abc import Callable
from gc import collect
from ssl import SSLWantReadError
from xml.etree.ElementTree import fromstring

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address

from ecm.frontend.http import HTTPConnection
from ecm.frontend.tcp import NOT_LET_IN, TcpConnection
from ecm.frontend.tcp_factory import ProxiedTcpFactory, TcpFactory
from ecm.limits import HEADER_TIMEOUT, MAX_REJECTED, SEND_TIMEOUT
from ecm.link.credit import OVERHEAD
from ecm.xmpp.errors import (
    CONNECTION_TIMEOUT,
    NOT_WELL_FORMED,
    POLICY_VIOLATION,
    REMOTE_CONNECTION_FAILED,
    RESOURCE_CONSTRAINT,
    SYSTEM_SHUTDOWN,
)
from testkit.in_memory import Client, Joined
from testkit.samples.before_tls import HEADER, INJECTED, STARTTLS
from testkit.samples.proxy_headers import HEADERS
from testkit.splits import cut, cuts
from testkit.tcp_case import OPEN, PROCEED, TcpCase, TcpUser
from testkit.traced_memory import traced
from testkit.websocket_case import WINDOW, User, joined

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def condition(answer: bytes) -> str:
    """Return the condition of the stream error, if that is all that was answered."""
    stream = fromstring(answer)
    return str(stream[-1][0].tag.partition("}")[2])


class BeginningTests(TcpCase):
    def counted(self) -> tuple[int, int]:
        """The streams that were opened, and those that were refused."""
        metrics = self.ecm.metrics
        return metrics.streams_accepted["tcp"], metrics.streams_refused["tcp"]

    def test_the_first_bytes_open_a_stream(self) -> None:
        user = self.user()
        self.assertEqual(self.ecm.received(), [])
        self.assertEqual(user.open(), OPEN % False)
        self.assertEqual(user.send(b"<a>"), [b"message\n<a>"])
        self.assertEqual(user.hear(b"message\n<b/>"), b"<b/>")
        self.assertEqual(self.counted(), (1, 0))

    def test_who_says_nothing_has_the_time_of_a_head(self) -> None:
        user = self.user()
        self.ecm.pass_time(HEADER_TIMEOUT - 1)
        self.assertFalse(user.ended)
        self.ecm.pass_time(2)
        self.assertEqual(condition(user.got), CONNECTION_TIMEOUT)
        self.assertTrue(user.ended)
        self.ecm.pass_time(SEND_TIMEOUT + 1)
        self.assertTrue(user.client.transport.aborted)
        self.assertEqual((len(self.ecm.clients), self.ecm.received()), (0, []))

    def test_who_has_begun_has_all_time(self) -> None:
        user = self.user()
        user.open()
        self.ecm.pass_time(3600)
        self.assertFalse(user.ended)
        self.assertEqual(self.ecm.registry.timed, {})

    def test_while_ejabberd_cannot_take_it_there_is_an_error(self) -> None:
        for ecm in (Joined(linked=False), Joined()):  # without a link, and without the feature
            user = self.user(ecm)
            answer = user.client.send(HEADER)
            self.assertEqual(condition(answer), REMOTE_CONNECTION_FAILED)
            self.assertTrue(user.ended)
            self.assertEqual((len(ecm.pool), ecm.metrics.streams_refused["tcp"]), (0, 1))
        self.assertIn("XMPP stream failed, refused: ", self.logged("ecm.log.faults")[0])

    def test_while_ecm_is_full_or_stops_there_is_an_error(self) -> None:
        self.ecm.registry.room.set_memory(True)
        user = self.user()
        self.assertEqual(user.send(HEADER), [])
        self.assertEqual(condition(user.got), RESOURCE_CONSTRAINT)
        self.assertEqual(user.send(HEADER), [])  # nor later
        self.ecm.registry.room.set_memory(False)
        self.ecm.registry.drain()
        user = self.user()
        self.assertEqual(user.send(HEADER), [])
        self.assertEqual(condition(user.got), SYSTEM_SHUTDOWN)

    def test_who_has_been_refused_once_is_not_served_any_more(self) -> None:
        self.ecm.registry.room.set_memory(True)
        user = self.user()
        user.send(HEADER)
        refused = user.got
        user.send(HEADER)
        self.ecm.registry.room.set_memory(False)
        self.assertEqual(user.send(HEADER), [])
        self.assertEqual((condition(refused), user.got), (RESOURCE_CONSTRAINT, b""))
        self.assertEqual(self.counted(), (0, 1))

    def test_one_too_many_is_told_so(self) -> None:
        ecm = joined(max_connections_per_address=1)
        user = self.user(ecm)
        user.open()
        more = [self.user(ecm) for _ in range(MAX_REJECTED)]
        for each in more:
            self.assertEqual(condition(each.got), RESOURCE_CONSTRAINT)
            self.assertTrue(each.ended)
        address = IPv4Address("TCP", "192.0.2.1", 1)
        self.assertIsNone(self.factory(ecm).buildProtocol(address))
        for each in more:
            each.client.leave()
        user.client.leave()
        self.assertEqual((ecm.registry.rejected, len(ecm.clients)), ({}, 0))
        self.assertEqual(user.told, [b"close gone"])
        self.user(ecm).open()


class CreditTests(TcpCase):
    def test_without_credit_the_client_is_not_read(self) -> None:
        user = self.user()
        user.open()
        self.assertEqual(user.send(b"a" * WINDOW), [b"message\n" + b"a" * WINDOW])
        self.assertFalse(user.client.transport.paused)
        self.assertEqual(user.send(b"bc"), [])
        self.assertTrue(user.client.transport.paused)
        self.assertEqual((user.inmost.held, len(self.ecm.registry.budget)), (2, 1))
        self.assertEqual(user.send(b"d"), [])  # was on its way
        user.hear(b"more %d" % (WINDOW + OVERHEAD))
        self.assertEqual(user.told, [b"message\nbcd"])
        self.assertFalse(user.client.transport.paused)
        self.assertEqual((user.inmost.held, len(self.ecm.registry.budget)), (0, 0))

    def test_what_is_too_long_for_a_packet_goes_in_several(self) -> None:
        ecm = joined(window=2**20, max_packet=4096 + OVERHEAD)
        user = self.user(ecm)
        user.open()
        told = user.send(b"a" * 9000)
        self.assertEqual([len(each) for each in told], [4104, 4104, 9000 - 2 * 4096 + 8])

    @given(st.binary(max_size=5000), cuts())
    @settings(deadline=None)
    def test_all_bytes_arrive_in_their_order(self, data: bytes, places: list[int]) -> None:
        ecm = joined(window=300, max_packet=4096)
        user = TcpUser(ecm, TcpFactory(ecm.clients.admission, ecm.pool))
        user.open()
        told = b""
        for piece in cut(data, places):
            for content in [*user.send(piece), *self.given_back(user)]:
                self.assertTrue(content.startswith(b"message\n"))
                told += content.removeprefix(b"message\n")
        self.assertEqual(told, data)
        self.assertFalse(user.client.transport.paused)

    def given_back(self, user: TcpUser) -> list[bytes]:
        """Give back all that the stream has sent, until it has nothing more to send."""
        told: list[bytes] = []
        while user.inmost.sent:
            user.hear(b"more %d" % user.inmost.sent)
            told += user.told
        return told

    def test_credit_comes_back_once_the_client_has_taken_all(self) -> None:
        user = self.user()
        user.open()
        half = b"message\n" + b"x" * (WINDOW // 2)
        self.assertEqual(user.hear(half), half[8:])
        self.assertEqual(user.told, [b"more %d" % (WINDOW // 2 + OVERHEAD)])
        user.client.transport.stuck = True
        user.hear(half)
        self.assertEqual(user.told, [])
        user.client.transport.unstick()
        self.assertEqual(user.told, [b"more %d" % (WINDOW // 2 + OVERHEAD)])

    def test_upstream_pauses_it(self) -> None:
        user = self.user()
        user.open()
        self.ecm.clients.pauseProducing()
        self.assertTrue(user.client.transport.paused)
        self.ecm.clients.resumeProducing()
        self.assertFalse(user.client.transport.paused)

    def test_who_holds_too_much_is_shed(self) -> None:
        ecm = joined(max_buffered=64)
        user = self.user(ecm)
        user.open()
        user.send(b"a" * WINDOW)
        self.assertEqual(user.send(b"b" * 65), [b"close gone"])
        self.assertTrue(user.client.transport.aborted)


class EndTests(TcpCase):
    def test_the_client_goes(self) -> None:
        user = self.user()
        user.open()
        user.client.leave()
        self.assertEqual(user.told, [b"close gone"])
        self.assertEqual((len(self.ecm.clients), len(self.ecm.pool)), (0, 0))

    def test_ejabberd_ends_it_behind_what_was_said(self) -> None:
        for how in (b"close end", b"close failed status=1001"):
            user = self.user()
            user.open()
            user.client.transport.stuck = True
            self.ecm.answer(user.id, b"message\n</stream:stream>")
            self.assertEqual(user.hear(how), b"</stream:stream>")
            self.assertTrue(user.ended)
            self.assertEqual(user.send(b"more"), [])
            user.client.leave()
            self.assertEqual((user.told, len(self.ecm.clients)), ([], 0))

    def test_ejabberd_does_not_let_it_in(self) -> None:
        user = self.user()
        user.open()
        user.send(b"a" * 2 * WINDOW)
        user.send(b"waits")
        self.assertEqual(condition(user.hear(b"close refused")), RESOURCE_CONSTRAINT)
        self.assertTrue(user.ended)
        self.assertEqual((user.inmost.held, len(self.ecm.registry.budget)), (0, 0))
        self.assertFalse(user.client.transport.paused)
        self.assertEqual(
            self.logged("ecm.log.faults"),
            [f"XMPP stream failed, refused: {NOT_LET_IN}, from 192.0.2.1"],
        )

    def test_the_link_is_lost(self) -> None:
        user = self.user()
        user.open()
        user.send(b"a" * 2 * WINDOW)
        user.send(b"waits")
        self.ecm.link_down()
        self.ecm.pass_time(1)
        self.assertEqual((user.got, user.ended), (b"", True))
        self.assertFalse(user.client.transport.paused)  # or the end of the client would not be seen
        self.ecm.pass_time(SEND_TIMEOUT + 1)
        self.assertEqual(len(self.ecm.clients), 0)

    def test_a_stop_releases_it_in_its_turn(self) -> None:
        user = self.user()
        user.open()
        left = self.ecm.registry.drain()
        self.assertFalse(user.ended)
        user.inmost.release()
        self.assertTrue(user.ended)
        self.assertEqual(user.told, [b"close gave-up"])
        self.assertNoResult(left)
        user.client.leave()
        self.successResultOf(left)

    def test_a_stop_gives_those_who_have_not_begun_a_second(self) -> None:
        users = [self.user(), *(TcpUser(self.ecm, self.secured(each)) for each in (True, False))]
        left = self.ecm.registry.drain()
        self.assertFalse(any(user.ended for user in users))
        self.ecm.pass_time(2)
        self.assertTrue(all(user.ended for user in users))
        self.assertEqual([condition(user.got) for user in users[:2]], [SYSTEM_SHUTDOWN] * 2)
        for user in users[:2]:
            user.client.leave()
        self.successResultOf(left)


class TlsTests(TcpCase):
    def test_tls_at_once(self) -> None:
        user = TcpUser(self.ecm, self.secured(False))
        user.begin_tls(self.tls("xmpp-client"))
        assert user.tls is not None
        self.assertEqual(user.tls.tls.selected_alpn_protocol(), "xmpp-client")
        self.assertEqual(user.open(), OPEN % True)
        self.assertEqual(user.send(b"a"), [b"message\na"])
        self.assertEqual(user.hear(b"message\nb"), b"b")
        self.assertRaises(SSLWantReadError, user.tls.tls.read)
        self.assertEqual(user.hear(b"close end"), b"")
        self.assertTrue(user.ended)
        self.assertEqual(user.tls.tls.read(), b"")  # close_notify

    def test_tls_at_once_without_a_name_for_the_protocol(self) -> None:
        user = TcpUser(self.ecm, self.secured(False))
        user.begin_tls(self.tls())
        self.assertEqual(user.open(), OPEN % True)

    def test_a_handshake_has_the_time_of_a_head_and_so_has_what_comes_then(self) -> None:
        user = TcpUser(self.ecm, self.secured(False))
        self.ecm.pass_time(HEADER_TIMEOUT - 1)
        user.begin_tls(self.tls())
        self.ecm.pass_time(HEADER_TIMEOUT - 1)
        self.assertFalse(user.ended)
        self.ecm.pass_time(2)
        self.assertEqual(condition(user.got), CONNECTION_TIMEOUT)
        silent = TcpUser(self.ecm, self.secured(False))
        self.ecm.pass_time(HEADER_TIMEOUT + 1)
        self.assertTrue(silent.client.transport.aborted)

    def test_who_is_one_too_many_is_told_so_behind_the_handshake(self) -> None:
        self.ecm = joined(max_connections_per_address=1)
        self.user()
        user = TcpUser(self.ecm, self.secured(False))
        user.begin_tls(self.tls())
        self.assertTrue(user.ended)

    def test_http_and_xmpp_share_a_port_by_name(self) -> None:
        shared = self.door().factory(self.ecm.clients)
        for name in ("http/1.1", ""):
            user = TcpUser(self.ecm, shared)
            user.begin_tls(self.tls(name))
            self.assertIsInstance(user.inmost, HTTPConnection)
            user.send(GET)
            self.assertIn(b" 404 ", user.got)
        user = TcpUser(self.ecm, shared)
        user.begin_tls(self.tls("xmpp-client"))
        self.assertIsInstance(user.inmost, TcpConnection)
        self.assertEqual(user.open(), OPEN % True)
        self.assertEqual(user.hear(b"message\nb"), b"b")
        self.assertEqual(len(self.ecm.clients), 3)


class StartTlsTests(TcpCase):
    def test_a_client_asks_for_tls_and_begins_anew(self) -> None:
        user = self.asked_for_tls()
        user.begin_tls(self.tls())
        self.assertIsInstance(user.inmost, TcpConnection)
        self.assertEqual(user.open(), OPEN % True)
        self.assertEqual(user.hear(b"message\nb"), b"b")
        self.assertEqual(len(self.ecm.clients), 1)
        user.client.leave()
        self.assertEqual((user.told, len(self.ecm.clients)), ([b"close gone"], 0))

    def test_white_space_before_tls_is_dropped(self) -> None:
        user = TcpUser(self.ecm, self.secured(True))
        self.assertTrue(user.client.send(HEADER + STARTTLS + b"\n").endswith(PROCEED))
        user.begin_tls(self.tls())
        self.assertEqual(user.open(), OPEN % True)

    def test_nothing_from_before_tls_reaches_ejabberd(self) -> None:
        for injected in INJECTED:
            user = TcpUser(self.ecm, self.secured(True))
            answer = user.client.send(HEADER + STARTTLS + injected)
            self.assertNotIn(PROCEED, answer)
            self.assertEqual(condition(answer), POLICY_VIOLATION)
            self.assertTrue(user.ended)
            later = self.asked_for_tls()
            later.client.send(injected)
            self.assertNotIsInstance(later.client.transport.protocol, TcpConnection)
            self.assertEqual(self.ecm.received(), [])

    def test_without_tls_nothing_reaches_ejabberd(self) -> None:
        user = TcpUser(self.ecm, self.secured(True))
        answer = user.client.send(HEADER + b"<iq/>")
        self.assertEqual((condition(answer), user.ended), (POLICY_VIOLATION, True))
        self.assertEqual(user.client.send(STARTTLS), b"")
        garbage = TcpUser(self.ecm, self.secured(True))
        self.assertEqual(condition(garbage.client.send(GET)), NOT_WELL_FORMED)
        self.assertEqual((self.ecm.received(), self.ecm.metrics.streams_refused["tcp"]), ([], 2))
        self.assertEqual(
            self.logged("ecm.log.faults"),
            ["XMPP stream failed, refused: policy-violation, from 192.0.2.1"],
        )

    def test_who_does_not_ask_in_time_is_told_so(self) -> None:
        user = TcpUser(self.ecm, self.secured(True))
        self.ecm.pass_time(HEADER_TIMEOUT + 1)
        self.assertEqual((condition(user.got), user.ended), (CONNECTION_TIMEOUT, True))
        self.ecm.pass_time(SEND_TIMEOUT + 1)
        self.assertTrue(user.client.transport.aborted)
        slow = self.asked_for_tls()
        self.ecm.pass_time(HEADER_TIMEOUT + 1)
        self.assertTrue(slow.ended)

    def test_while_ecm_is_full_nobody_begins_tls(self) -> None:
        self.ecm.registry.room.set_memory(True)
        user = TcpUser(self.ecm, self.secured(True))
        self.assertEqual(condition(user.client.send(HEADER)), RESOURCE_CONSTRAINT)
        self.assertTrue(user.ended)

    def test_a_stop_waits_a_second_for_who_is_about_to_begin_tls(self) -> None:
        user = self.asked_for_tls()
        left = self.ecm.registry.drain()
        self.assertNoResult(left)
        self.ecm.pass_time(2)
        self.assertTrue(user.client.transport.aborted)
        self.successResultOf(left)

    def test_who_has_asked_while_ecm_stops_has_a_second(self) -> None:
        user = TcpUser(self.ecm, self.secured(True))
        left = self.ecm.registry.drain()
        self.assertEqual(condition(user.client.send(HEADER + STARTTLS)), SYSTEM_SHUTDOWN)
        user.client.leave()
        self.successResultOf(left)

    def test_who_comes_while_ecm_stops_has_a_second(self) -> None:
        behind_header = TcpUser(self.ecm, self.secured(True, ProxiedTcpFactory(self.factory())))
        left = self.ecm.registry.drain()
        behind_header.client.send(next(iter(HEADERS)))
        users = [behind_header, TcpUser(self.ecm, self.secured(True))]
        self.ecm.pass_time(2)
        for user in users:
            self.assertEqual((condition(user.got), user.ended), (SYSTEM_SHUTDOWN, True))
            user.client.leave()
        self.successResultOf(left)

    def test_what_waits_counts(self) -> None:
        user = TcpUser(self.ecm, self.secured(True))
        user.client.send(HEADER[:100])
        self.assertEqual(len(self.ecm.registry.budget), 1)
        user.client.leave()
        self.assertEqual((len(self.ecm.registry.budget), len(self.ecm.clients)), (0, 0))

    def test_the_address_counts_on(self) -> None:
        self.ecm = joined(max_connections_per_address=1)
        user = self.asked_for_tls()
        user.begin_tls(self.tls())
        other = TcpUser(self.ecm, self.secured(True))
        self.assertEqual(condition(other.got), RESOURCE_CONSTRAINT)
        user.client.leave()
        self.assertEqual(self.ecm.registry.addresses["192.0.2.1"], 0)


class MemoryTests(TcpCase):
    def taken_by(self, connect: Callable[[Joined], Client]) -> int:
        """The bytes of many clients, whose transports are in memory, too."""
        ecm = joined()
        with traced() as taken:
            transports = [connect(ecm).transport for _ in range(500)]
            ecm.pass_time(2)
            ecm.received()
            collect()
            self.assertEqual(len(ecm.pool), len(transports))
            return taken()

    def test_an_idle_one_takes_no_more_than_a_websocket(self) -> None:
        def stream(ecm: Joined) -> Client:
            user = self.user(ecm)
            user.open()
            return user.client

        self.taken_by(stream)  # what is made once is made now
        self.assertLessEqual(self.taken_by(stream), self.taken_by(lambda ecm: User(ecm).client))

    def test_it_has_no_dict(self) -> None:
        for factory in (self.factory(), self.secured(True)):
            protocol = TcpUser(self.ecm, factory).client.transport.protocol
            self.assertFalse(hasattr(protocol, "__dict__"))


class ProxiedTests(TcpCase):
    def test_the_header_comes_before_everything(self) -> None:
        for data, source in HEADERS.items():
            address, port, secure = source or ("192.0.2.1", 51234, None)
            host = f"[{address}]" if ":" in address else address
            peer = b"open tcp peer=%b:%d secure=%%d" % (host.encode(), port)
            plain = TcpUser(self.ecm, ProxiedTcpFactory(self.factory()))
            plain.client.send(data)
            self.assertEqual(plain.open(), peer % bool(secure))
            at_once = TcpUser(self.ecm, self.secured(False, ProxiedTcpFactory(self.factory())))
            at_once.client.send(data)
            at_once.begin_tls(self.tls())
            self.assertEqual(at_once.open(is_own=not secure), peer % True)
            asked = TcpUser(self.ecm, self.secured(True, ProxiedTcpFactory(self.factory())))
            self.assertTrue(asked.client.send(data + HEADER + STARTTLS).endswith(PROCEED))
            asked.begin_tls(self.tls())
            self.assertEqual(asked.open(is_own=not secure), peer % True)

    def test_all_of_it_at_once(self) -> None:
        header = next(iter(HEADERS))
        user = TcpUser(self.ecm, self.secured(False, ProxiedTcpFactory(self.factory())))
        tls = self.tls()
        tls.feed(user.client.send(header + tls.shake_hands()))
        user.begin_tls(tls)
        self.assertTrue(user.open().startswith(b"open tcp "))

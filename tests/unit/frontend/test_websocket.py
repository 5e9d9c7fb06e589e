"""WebSockets: from the handshake to the end, with an ejabberd that the test plays."""

from collections.abc import Callable
from gc import collect
from ipaddress import ip_network
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.frontend.draining import Draining
from ecm.frontend.settings import FrontendSettings
from ecm.frontend.tracing import Tracing
from ecm.frontend.websocket import NO_BINARY
from ecm.frontend.websocket_closing import CROWDED, SLOW
from ecm.http.client_address import X_FORWARDED_FOR, TrustedProxies
from ecm.link.credit import OVERHEAD
from ecm.upstream.pending import NO_LINK, NOT_UNDERSTOOD
from ecm.websocket import codes
from ecm.websocket.decoder import Event
from ecm.websocket.frames import BINARY, CLOSE, PING, PONG, TEXT
from testkit.in_memory import Client, Joined
from testkit.samples.websocket import FAULTS, MESSAGES
from testkit.samples.websocket_handshakes import ACCEPT, CORS, REFUSED, handshake
from testkit.splits import cut, cuts
from testkit.traced_memory import traced
from testkit.websocket_case import OPEN, WINDOW, User, WebSocketCase, close, joined
from testkit.websocket_frames import fragments, masked

HELLO = b"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>"


class HandshakeTests(WebSocketCase):
    def test_a_handshake_opens_a_stream(self) -> None:
        user = User(self.ecm)
        self.assertIn(b"\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n", user.answer)
        self.assertEqual(user.opened, OPEN)
        self.assertEqual(user.say(HELLO), [b"message\n" + HELLO])
        self.assertEqual(user.hear(b"message\n<open/>"), [Event(TEXT, b"<open/>")])
        self.assertEqual(
            (self.ecm.metrics.streams_accepted, self.ecm.metrics.streams_refused),
            ({"websocket": 1}, {}),
        )

    def test_all_paths_take_it_with_and_without_a_slash(self) -> None:
        for path in (b"/ws", b"/xmpp-websocket", b"/websocket", b"/ws/"):
            user = User(self.ecm, handshake(start=b"GET %b HTTP/1.1" % path))
            self.assertEqual(user.opened, OPEN)

    def test_a_path_for_both_is_for_bosh(self) -> None:
        ecm = joined(FrontendSettings(paths=(b"/ws",)))
        answer = ecm.client().send(handshake())
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "))

    def test_others_are_refused_and_the_connection_goes_on(self) -> None:
        ecm = joined(FrontendSettings(cors=CORS))
        for request, status, _ in REFUSED:
            client = ecm.client()
            answer = client.send(request)
            self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), request)
            self.assertEqual(ecm.received(), [])
            if status in (405, 426):
                self.assertIn(b"HTTP/1.1 101 ", client.send(handshake()))
                ecm.received()
        # A POST without a length is no request, and without a key nobody wants a WebSocket.
        others = [
            request for request, *_ in REFUSED if b"-Key" not in request or b"POST" in request
        ]
        self.assertEqual(ecm.metrics.streams_refused["websocket"], len(REFUSED) - len(others) + 1)

    def test_the_answer_to_head_has_no_text_that_would_stand_before_the_next(self) -> None:
        client = self.ecm.client()
        answer = client.send(b"HEAD /ws HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 405 "))
        self.assertTrue(answer.endswith(b"\r\n\r\n"), answer)
        self.assertTrue(client.send(handshake()).startswith(b"HTTP/1.1 101 "))

    def test_the_log_says_who_is_refused_and_why(self) -> None:
        for request, why in (
            (handshake(connection=b""), "426 There is no Upgrade: a proxy on the way may not pass"),
            (handshake(b'Origin: http://\xe9"{x}'), "403 Pages of 'http://\\xe9\"{x}' may not"),
            (b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", ""),
        ):
            joined(FrontendSettings(cors=CORS)).client().send(request)
            line = "".join(self.logged("ecm.log.faults"))
            self.assertTrue(
                line.startswith(f"WebSocket handshake failed, refused: {why}" if why else "")
            )
            self.assertEqual(bool(line), bool(why))
            self.events._events.clear()

    def test_what_comes_behind_it_at_once_is_taken(self) -> None:
        client = self.ecm.client()
        client.send(handshake() + masked(TEXT, b"a") + masked(TEXT, b"b")[:3])
        first, second = self.ecm.received()
        self.assertEqual(second, (first[0], b"message\na"))
        client.send(masked(TEXT, b"b")[3:])
        self.assertEqual(self.ecm.received(), [(first[0], b"message\nb")])

    def test_it_may_come_in_any_pieces_and_behind_other_requests(self) -> None:
        data = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + handshake() + masked(TEXT, b"a")
        for size in (1, 7, 100):
            client = self.ecm.client()
            for at in range(0, len(data), size):
                client.send(data[at : at + size])
            self.assertEqual([content for _, content in self.ecm.received()], [OPEN, b"message\na"])

    def test_it_does_not_begin_behind_a_request_that_is_not_answered(self) -> None:
        client = self.ecm.client()
        client.post(b"held")
        self.ecm.received()
        client.send(handshake())
        self.assertEqual(self.ecm.received(), [])

    def test_the_head_is_not_remembered(self) -> None:
        User(self.ecm)
        self.assertEqual(self.ecm.registry.head_cache._newer, {})

    def test_ejabberd_is_told_the_address_that_a_proxy_tells(self) -> None:
        proxies = TrustedProxies((ip_network("192.0.2.0/24"),), X_FORWARDED_FOR)
        ecm = joined(FrontendSettings(proxies=proxies))
        lines = (b"X-Forwarded-For: 198.51.100.9", b"X-Forwarded-Proto: https")
        self.assertEqual(
            User(ecm, handshake(*lines)).opened, b"open websocket peer=198.51.100.9:51234 secure=1"
        )

    def test_ejabberd_is_told_the_address_in_a_proxy_header(self) -> None:
        protocol = self.ecm.clients.connection_of("192.0.2.7", ("192.0.2.7", 1234, True))
        assert protocol is not None
        Client(protocol, self.ecm.reactor, "127.0.0.1").send(handshake())
        ((_, opened),) = self.ecm.received()
        self.assertEqual(opened, b"open websocket peer=192.0.2.7:1234 secure=1")

    def test_while_ejabberd_cannot_take_it_the_answer_is_503(self) -> None:
        for ecm in (Joined(linked=False), Joined()):  # without a link, and without the feature
            self.assertTrue(ecm.client().send(handshake()).startswith(b"HTTP/1.1 503 "))
            self.assertEqual(len(ecm.pool), 0)

    def test_while_ecm_is_full_or_stops_the_answer_is_503(self) -> None:
        client = self.ecm.client()
        self.ecm.registry.room.set_memory(True)
        self.assertIn(b"HTTP/1.1 503 ", client.send(handshake()))
        self.ecm.registry.room.set_memory(False)
        self.ecm.registry.drain()
        self.assertIn(b"HTTP/1.1 503 ", self.ecm.client().send(handshake()))
        self.assertEqual(self.ecm.received(), [])


class PlaceTests(WebSocketCase):
    """It takes the place of the HTTP connection in all that is counted."""

    def test_it_is_one_connection_and_none_when_it_has_gone(self) -> None:
        user = User(self.ecm)
        self.assertEqual((len(self.ecm.clients), len(self.ecm.pool)), (1, 1))
        user.client.leave()
        self.assertEqual(user.told, [b"close gone"])
        self.assertEqual((len(self.ecm.clients), len(self.ecm.pool)), (0, 0))

    def test_it_counts_for_its_address(self) -> None:
        ecm = joined(max_connections_per_address=1)
        user = User(ecm)
        self.assertIn(b"HTTP/1.1 503 ", ecm.client().send(handshake()))
        user.client.leave()
        ecm.received()
        User(ecm)

    def test_it_does_not_make_way_for_others(self) -> None:
        ecm = joined(max_connections=1)
        user = User(ecm)
        ecm.pass_time(200)
        self.assertIn(b"HTTP/1.1 503 ", ecm.client().send(handshake()))
        self.assertFalse(user.client.ended)

    def test_an_idle_one_has_nothing_beside_its_protocol(self) -> None:
        user = User(self.ecm)
        for data, meant in MESSAGES:
            if len(data) < WINDOW and meant[-1].opcode not in (CLOSE, BINARY):
                user.send(data)
                user.hear(b"more %d" % user.protocol.sent)
        self.assertIsNone(user.protocol._decoder)
        self.ecm.pass_time(2)
        self.assertNotIn(user.protocol, self.ecm.registry.timed)
        self.assertEqual(len(self.ecm.registry.budget), 0)


class MessageTests(WebSocketCase):
    def test_messages_pass_as_they_are_and_pings_are_answered(self) -> None:
        for data, meant in MESSAGES:
            if {BINARY, CLOSE} & {event.opcode for event in meant}:
                continue
            user = User(joined(max_body=70_000))
            texts = [b"message\n" + event.payload for event in meant if event.opcode == TEXT]
            self.assertEqual(user.send(data), texts, data[:80])
            pings = [Event(PONG, event.payload) for event in meant if event.opcode == PING]
            self.assertEqual(user.got, pings)

    def test_a_fault_of_the_client_has_its_code_and_one_line_in_the_log(self) -> None:
        for data, code in FAULTS:
            user = User(joined(max_body=70_000))
            told = user.send(data)
            self.assertEqual(told[-1:], [b"close gave-up"], data[:80])
            last = user.got[-1]
            self.assertEqual((last.opcode, int.from_bytes(last.payload[:2])), (CLOSE, code))
            self.assertTrue(user.client.ended)
            self.assertEqual(user.ecm.metrics.streams_faulty["websocket"], 1)
            self.assertEqual(user.send(masked(TEXT, b"a") + masked(PING)), [])
            self.assertEqual(user.got, [])
        self.assertEqual(len(self.logged("ecm.log.faults")), len(FAULTS))
        self.assertIn("1002", self.logged("ecm.log.faults")[0])

    def test_binary_messages_are_refused(self) -> None:
        user = User(self.ecm)
        self.assertEqual(user.send(masked(BINARY, b"\0")), [b"close gave-up"])
        self.assertEqual(user.got, [close(codes.UNSUPPORTED_DATA, NO_BINARY)])

    def test_a_message_is_as_long_as_a_body_or_a_packet_may_be(self) -> None:
        user = User(self.ecm)
        longest = b"a" * self.ecm.registry.settings.request.max_body
        self.assertEqual(user.send(masked(TEXT, longest)), [b"message\n" + longest])
        user = User(joined(window=70_000, max_packet=5000))
        longest = b"a" * (5000 - OVERHEAD)
        self.assertEqual(user.say(longest), [b"message\n" + longest])
        user.say(longest + b"a")
        self.assertEqual(user.got[0].payload[:2], codes.TOO_BIG.to_bytes(2))

    @settings(deadline=None)
    @given(st.lists(st.text(max_size=20), max_size=8), cuts())
    def test_messages_in_any_pieces_come_in_order(self, texts: list[str], at: list[int]) -> None:
        user, told = User(joined()), []
        data = b"".join(
            masked(TEXT, text.encode()) if len(text) % 2 else fragments(TEXT, text.encode(), b"")
            for text in texts
        )
        for piece in cut(data, at):
            told += user.send(piece)
        self.assertEqual(told, [b"message\n" + text.encode() for text in texts])
        self.assertIsNone(user.protocol._decoder)

    def test_pings_that_come_together_are_answered_with_one_write(self) -> None:
        user = User(self.ecm)
        transport = user.client.transport
        with patch.object(transport, "write", wraps=transport.write) as write:
            told = user.send(masked(PING, b"1") + masked(TEXT, b"a") + masked(PING, b"2"))
        self.assertEqual((told, write.call_count), ([b"message\na"], 1))
        self.assertEqual(user.got, [Event(PONG, b"1"), Event(PONG, b"2")])

    def test_no_pong_follows_a_close_frame(self) -> None:
        user = User(self.ecm)
        user.send(masked(PING) + masked(CLOSE, codes.NORMAL.to_bytes(2)))
        self.assertEqual(user.got, [close(codes.NORMAL)])


class CreditTests(WebSocketCase):
    """Neither end sends more than the other takes."""

    BODY = b"a" * 200
    SIZE = OVERHEAD + len(BODY)
    FIT = -(-WINDOW // SIZE)  # messages in a window, of which the last goes beyond

    def test_without_credit_the_client_is_not_read(self) -> None:
        user = User(self.ecm)
        told = user.send(masked(TEXT, self.BODY) * 7)
        self.assertEqual(len(told), self.FIT)
        self.assertTrue(user.client.transport.paused)
        self.assertGreater(len(self.ecm.registry.budget), 0)
        user.hear(b"more %d" % (self.FIT * self.SIZE))
        self.assertEqual(len(user.told), 7 - self.FIT)
        self.assertFalse(user.client.transport.paused)
        self.assertEqual(len(self.ecm.registry.budget), 0)

    def test_the_short_way_needs_credit_too(self) -> None:
        user = User(self.ecm)
        told = [told for _ in range(7) for told in user.say(self.BODY)]
        self.assertEqual(len(told), self.FIT)
        user.hear(b"more %d" % self.SIZE)
        self.assertEqual(len(user.told), 1)

    def test_while_nobody_is_read_a_new_one_is_not_either(self) -> None:
        self.ecm.registry.set_reading(False)
        user = User(self.ecm)
        self.assertTrue(user.client.transport.paused)
        self.ecm.registry.set_reading(True)
        self.assertFalse(user.client.transport.paused)

    def test_a_full_link_stops_the_clients_and_they_go_on_in_order(self) -> None:
        user = User(self.ecm)
        self.ecm.queue._set_full(True)
        self.assertEqual(user.say(b"1"), [])
        self.assertTrue(user.client.transport.paused)
        self.assertEqual(user.send(masked(TEXT, b"2")), [])  # it was on its way
        self.ecm.queue._set_full(False)
        self.assertEqual(user.told, [b"message\n1", b"message\n2"])
        self.assertFalse(user.client.transport.paused)

    def test_what_the_client_has_taken_is_given_back(self) -> None:
        user = User(self.ecm)
        user.hear(b"message\n" + self.BODY)
        self.assertEqual(user.told, [])
        user.hear(b"message\n" + self.BODY)
        user.hear(b"message\n" + self.BODY)
        self.assertEqual(user.told, [b"more %d" % (3 * self.SIZE)])

    def test_a_client_that_does_not_read_gets_no_more(self) -> None:
        user = User(self.ecm)
        user.client.transport.stuck = True
        for _ in range(self.FIT):
            self.ecm.answer(user.id, b"message\n" + self.BODY)
        self.assertEqual(user.told, [])
        self.assertGreater(len(self.ecm.registry.budget), 0)
        user.client.transport.unstick()
        self.assertEqual(user.told, [b"more %d" % (self.FIT * self.SIZE)])
        self.assertEqual(len(self.ecm.registry.budget), 0)
        self.assertEqual(len(user.got), self.FIT)

    def test_an_ejabberd_that_sends_without_credit_loses_the_stream(self) -> None:
        user = User(self.ecm)
        user.client.transport.stuck = True
        for _ in range(self.FIT + 1):
            self.ecm.answer(user.id, b"message\n" + self.BODY)
        self.assertEqual(user.told[0][:12], b"error credit")
        user.client.transport.unstick()
        self.assertEqual(user.got[-1], close(codes.INTERNAL_ERROR, NOT_UNDERSTOOD))

    def test_a_client_that_only_pings_and_does_not_read_is_not_read(self) -> None:
        user = User(self.ecm)
        user.client.transport.stuck = True
        for _ in range(700):
            user.send(masked(PING, b"a" * 125))
        self.assertTrue(user.client.transport.paused)


class EndTests(WebSocketCase):
    def test_a_client_closes(self) -> None:
        user = User(self.ecm)
        self.assertEqual(user.send(masked(CLOSE, b"\x03\xe8bye")), [b"close gone"])
        self.assertEqual(user.got, [close(codes.NORMAL)])
        self.assertTrue(user.client.transport.half_closed)
        user.client.leave()
        self.assertEqual(user.told, [])

    def test_ejabberd_closes_and_the_client_answers(self) -> None:
        for said, code in (
            (b"close end", codes.NORMAL),
            (b"close refused", codes.TRY_AGAIN_LATER),
            (b"close failed", codes.INTERNAL_ERROR),
            (b"close end status=1008", codes.POLICY),
            (b"close failed status=1012", codes.RESTART),
            (b"close end status=1006", codes.NORMAL),  # which stands in no frame
        ):
            user = User(self.ecm)
            self.ecm.answer(user.id, b"message\n<close/>")
            self.assertEqual(user.hear(said), [Event(TEXT, b"<close/>"), close(code)])
            self.assertFalse(user.client.ended)
            self.assertEqual(user.send(masked(TEXT, b"late") + masked(PING)), [])
            self.assertEqual(user.send(masked(CLOSE, code.to_bytes(2))), [])
            self.assertEqual(user.got, [])
            self.assertTrue(user.client.transport.half_closed)

    def test_a_client_that_does_not_answer_a_close_is_aborted(self) -> None:
        user = User(self.ecm)
        user.hear(b"close end")
        self.ecm.pass_time(self.ecm.registry.settings.send_timeout)
        self.assertTrue(user.client.transport.aborted)

    def test_a_close_of_the_client_that_has_waited_for_credit_is_its_answer(self) -> None:
        user = User(self.ecm)
        user.send(masked(TEXT, b"a" * 2000) + masked(TEXT, b"b") + masked(CLOSE))
        self.assertTrue(user.client.transport.paused)
        self.assertEqual(user.hear(b"close end"), [close(codes.NORMAL)])
        self.assertTrue(user.client.transport.half_closed)
        self.assertFalse(user.client.transport.paused)

    def test_a_close_goes_behind_what_waits(self) -> None:
        user = User(self.ecm)
        user.client.transport.stuck = True
        self.ecm.answer(user.id, b"message\na")
        self.ecm.answer(user.id, b"close end")
        user.client.transport.unstick()
        self.assertEqual(user.got, [Event(TEXT, b"a"), close(codes.NORMAL)])
        user.send(masked(CLOSE))
        self.assertTrue(user.client.ended)

    def test_an_error_of_ejabberd_closes(self) -> None:
        user = User(self.ecm)
        got = user.hear(b"error unexpected what is this?")
        self.assertEqual(got, [close(codes.INTERNAL_ERROR, NOT_UNDERSTOOD)])
        self.assertEqual(user.told, [])

    def test_a_lost_link_closes_all_but_not_at_once(self) -> None:
        users = [User(self.ecm) for _ in range(300)]
        self.ecm.link_down()
        told = [user for user in users if user.client.transport.value()]
        self.assertEqual(len(told), 200)
        self.assertEqual(users[0].got, [close(codes.RESTART, NO_LINK)])
        self.ecm.pass_time(1)
        self.assertTrue(all(user.client.transport.value() for user in users[1:]))

    def test_a_client_that_goes_meanwhile_is_forgotten(self) -> None:
        users = [User(self.ecm) for _ in range(300)]
        self.ecm.link_down()
        for user in users:
            user.client.leave()
        self.assertEqual((len(self.ecm.pool), len(self.ecm.clients)), (0, 0))


class TimeTests(WebSocketCase):
    def test_a_message_has_its_time_to_become_complete(self) -> None:
        ecm = joined(body_timeout=10)
        user, half = User(ecm), masked(TEXT, b"abc")
        user.send(half[:4])
        ecm.pass_time(9)
        self.assertFalse(user.client.ended)
        self.assertEqual(user.send(half[4:] + half[:4]), [b"message\nabc"])
        ecm.pass_time(9)
        self.assertFalse(user.client.ended)  # the next one has a time of its own
        user.send(half[4:5])
        ecm.pass_time(1)
        self.assertEqual(user.got, [close(codes.POLICY, SLOW)])
        self.assertEqual(user.told, [b"close gave-up"])
        self.assertTrue(user.client.ended)

    def test_pings_give_a_message_no_more_time(self) -> None:
        ecm = joined(body_timeout=10)
        user = User(ecm)
        user.send(masked(TEXT, b"abc", is_final=False))
        for _ in range(5):
            user.send(masked(PING))
            ecm.pass_time(2)
        self.assertEqual(user.got[-1], close(codes.POLICY, SLOW))
        self.assertTrue(user.client.ended)

    def test_one_that_waits_for_credit_has_all_the_time(self) -> None:
        ecm = joined(body_timeout=2)
        user = User(ecm)
        user.send(masked(TEXT, b"a" * 2000) + masked(TEXT, b"b")[:3])
        ecm.pass_time(5)
        self.assertFalse(user.client.ended)
        user.hear(b"more %d" % (2000 + OVERHEAD))
        ecm.pass_time(2)
        self.assertTrue(user.client.ended)

    def test_an_idle_one_stays(self) -> None:
        user = User(self.ecm)
        for _ in range(20):
            self.ecm.pass_time(100)
            user.send(masked(PONG))
        self.assertFalse(user.client.ended)

    def test_a_client_that_does_not_read_is_aborted(self) -> None:
        user = User(self.ecm)
        user.client.transport.stuck = True
        self.ecm.answer(user.id, b"message\na")
        self.ecm.pass_time(self.ecm.registry.settings.send_timeout)
        self.assertTrue(user.client.transport.aborted)
        self.assertEqual(user.told, [b"close gone"])


class VanishedTests(WebSocketCase):
    def test_a_silent_client_is_pinged_and_one_that_answers_stays(self) -> None:
        user, pings = User(self.ecm), 0
        for _ in range(1200):
            self.ecm.pass_time(1)
            got = user.got
            pings += len(got)
            if got:
                self.assertEqual(got, [Event(PING, b"")])
                user.send(masked(PONG))
        self.assertIn(pings, range(2, 6))
        self.assertFalse(user.client.ended)

    def test_one_that_talks_is_not_pinged(self) -> None:
        user = User(self.ecm)
        for _ in range(1200):
            self.ecm.pass_time(1)
            user.send(masked(PONG))
        self.assertEqual(user.got, [])

    def test_one_that_has_vanished_is_aborted(self) -> None:
        user = User(self.ecm)
        self.ecm.pass_time(240)
        self.assertFalse(user.client.ended)
        self.ecm.pass_time(1000)
        self.assertTrue(user.client.transport.aborted)
        self.assertEqual(user.told, [b"close gone"])
        self.assertEqual(len(self.logged("ecm.frontend.probes")), 1)
        self.assertEqual(self.ecm.metrics.ended["vanished"], 1)

    def test_those_that_vanish_within_ten_seconds_are_in_one_line(self) -> None:
        users = [User(self.ecm) for _ in range(600)]
        self.ecm.pass_time(900)
        self.assertTrue(all(user.client.transport.aborted for user in users))
        self.assertLessEqual(len(self.logged("ecm.frontend.probes")), 60)
        self.assertEqual(self.ecm.metrics.ended["vanished"], len(users))

    def test_one_that_is_not_read_is_not_taken_for_vanished(self) -> None:
        user = User(self.ecm)
        user.send(masked(TEXT, b"a" * 2000) + masked(TEXT, b"b"))
        self.assertTrue(user.client.transport.paused)
        self.ecm.pass_time(2000)
        self.assertFalse(user.client.ended)

    def test_thousands_are_pinged_in_their_turn(self) -> None:
        users = [User(self.ecm) for _ in range(3000)]
        self.ecm.pass_time(239)
        most, total = 0, 0
        for _ in range(300):
            self.ecm.pass_time(1)
            pinged = sum(bool(user.client.transport.written()) for user in users)
            most, total = max(most, pinged), total + pinged
        self.assertEqual((most, total), (10, 3000))


class OverloadTests(WebSocketCase):
    def test_the_largest_is_told_to_come_later(self) -> None:
        ecm = joined(max_buffered=3000, max_body=3000)
        user = User(ecm)
        self.assertEqual(user.send(masked(TEXT, b"a" * 2700)[:-1]), [b"close gave-up"])
        self.assertEqual(user.got, [close(codes.TRY_AGAIN_LATER, CROWDED)])

    def test_one_that_does_not_read_is_aborted(self) -> None:
        ecm = joined(max_buffered=3000)
        user = User(ecm)
        user.client.transport.stuck = True
        ecm.answer(user.id, b"message\n" + b"a" * 3000)
        self.assertTrue(user.client.transport.aborted)


class DrainTests(WebSocketCase):
    def test_each_is_closed_as_it_is_released(self) -> None:
        users = [User(self.ecm) for _ in range(3)]
        drained = self.ecm.registry.drain()
        self.assertEqual([user.got for user in users], [[], [], []])
        for user in users:
            user.protocol.release()
            self.assertEqual(user.told, [b"close gave-up"])
            self.assertEqual(user.got, [close(codes.RESTART)])
            user.send(masked(CLOSE, codes.RESTART.to_bytes(2)))
            self.assertTrue(user.client.transport.half_closed)
            user.client.leave()
        self.successResultOf(drained)

    def test_a_drain_closes_them_one_after_the_other_and_lets_new_ones_in(self) -> None:
        users = [User(self.ecm) for _ in range(3)]
        Draining(self.ecm.registry).begin(4)
        for closed in range(3):
            self.ecm.pass_time(1)
            found = [user.got for user in users]
            expected = [[close(codes.RESTART)] if each == closed else [] for each in range(3)]
            self.assertEqual(found, expected)
            self.assertEqual(users[closed].told, [b"close gave-up"])
            users[closed].client.leave()
        self.assertEqual(User(self.ecm).got, [])

    def test_a_trace_shows_the_handshake(self) -> None:
        tracing = Tracing(self.ecm.registry)
        question = {"address": "192.0.2.1", "seconds": 60}
        tracing.answer(question)
        user = User(self.ecm)
        [told] = tracing.answer(question)["requests"]
        self.assertEqual((told["method"], told["why"]), ("GET", "handed over"))
        user.send(masked(TEXT, b"<a/>"))
        self.assertEqual(tracing.answer(question)["requests"], [])

    def test_one_that_need_not_leave_is_not_released(self) -> None:
        user = User(self.ecm)
        user.protocol.release()
        self.assertEqual(user.got, [])

    def test_those_that_are_left_are_closed_and_then_aborted(self) -> None:
        user = User(self.ecm)
        drained = self.ecm.registry.drain()
        self.ecm.registry.reject_pending()
        self.assertEqual(user.got, [close(codes.RESTART)])
        self.ecm.registry.abort_leaving()
        self.successResultOf(drained)

    def test_a_handshake_on_a_connection_that_leaves_is_refused(self) -> None:
        client = self.ecm.client()
        self.ecm.registry.drain()
        self.assertIn(b"HTTP/1.1 503 ", client.send(handshake()))


class MemoryTests(TestCase):
    def taken_by(self, connect: Callable[[Joined], Client]) -> int:
        """The bytes of many clients, whose transports are in memory, too."""
        ecm = joined()
        with traced() as taken:
            transports = [connect(ecm).transport for _ in range(500)]
            ecm.pass_time(2)
            ecm.received()
            collect()
            self.assertEqual(len(ecm.clients), len(transports))
            return taken()

    def test_an_idle_one_takes_no_more_than_a_held_request(self) -> None:
        def hold(ecm: Joined) -> Client:
            client = ecm.client()
            client.post(b"<body/>")
            return client

        self.taken_by(hold)  # what is made once is made now
        self.assertLess(self.taken_by(lambda ecm: User(ecm).client), self.taken_by(hold))

    def test_it_has_no_dict(self) -> None:
        user = User(joined())
        self.assertFalse(hasattr(user.protocol, "__dict__"))

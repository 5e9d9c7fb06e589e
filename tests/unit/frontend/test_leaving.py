"""Streams whose clients are to connect elsewhere: ejabberd has its last word, then the client."""

from ecm.frontend.draining import Draining
from ecm.limits import MAX_UNSENT, SEND_TIMEOUT
from ecm.upstream.pending import NO_LINK
from ecm.websocket import codes
from ecm.websocket.decoder import Event
from ecm.websocket.frames import CLOSE, TEXT
from testkit.in_memory import Joined
from testkit.tcp_case import TcpCase, TcpUser
from testkit.websocket_case import WINDOW, User, WebSocketCase, close, joined
from testkit.websocket_frames import masked

LEAVES = b"streams,leave"
ANSWER = masked(CLOSE, codes.RESTART.to_bytes(2))


class WebSocketTests(WebSocketCase):
    def setUp(self) -> None:
        super().setUp()
        self.ecm = joined(features=LEAVES)
        self.user = User(self.ecm)
        self.drained = self.ecm.registry.drain()
        self.user.protocol.release()

    def test_what_both_have_said_before_the_end_arrives(self) -> None:
        self.assertEqual(self.user.told, [b"leave"])
        self.assertEqual(self.user.got, [])
        self.assertEqual(self.user.hear(b"message\n<a/>"), [Event(TEXT, b"<a/>")])
        self.assertEqual(self.user.hear(b"left"), [close(codes.RESTART)])
        self.assertEqual(self.user.say(b"<b/>"), [b"message\n<b/>"])
        self.assertEqual(self.user.say(b"<c/>"), [b"message\n<c/>"])
        self.assertEqual(self.user.send(ANSWER), [b"close gone"])
        self.assertTrue(self.user.client.transport.half_closed)
        self.user.client.leave()
        self.successResultOf(self.drained)
        self.assertEqual((self.user.told, len(self.ecm.pool)), ([], 0))

    def test_a_client_that_does_not_close_has_some_seconds(self) -> None:
        self.user.hear(b"left")
        self.ecm.received()
        self.ecm.pass_time(SEND_TIMEOUT + 2)
        self.assertTrue(self.user.client.transport.aborted)
        self.assertEqual(self.user.told, [b"close gone"])

    def test_a_client_that_goes_meanwhile_is_gone(self) -> None:
        self.ecm.received()
        self.user.client.leave()
        self.assertEqual(self.user.told, [b"close gone"])
        self.assertEqual(self.user.hear(b"left"), [])

    def test_ejabberd_may_end_the_stream_behind_its_last_word(self) -> None:
        self.ecm.received()
        self.assertEqual(self.user.hear(b"left"), [close(codes.RESTART)])
        self.assertEqual(self.user.hear(b"close end"), [])
        self.assertEqual(self.user.say(b"late"), [])
        self.assertEqual(self.user.send(ANSWER), [])
        self.assertTrue(self.user.client.transport.half_closed)

    def test_without_credit_the_client_is_not_read(self) -> None:
        self.user.hear(b"left")
        self.ecm.received()
        for _ in range(3):
            self.user.send(masked(TEXT, b"x" * WINDOW))
        self.assertEqual(self.user.client.transport.producerState, "paused")
        self.assertGreater(self.user.protocol.held, 0)

    def test_without_an_answer_it_is_closed_when_the_time_is_over(self) -> None:
        self.ecm.received()
        self.ecm.registry.reject_pending()
        self.assertEqual(self.user.got, [close(codes.RESTART)])
        self.assertEqual(self.user.told, [b"close gave-up"])
        self.assertEqual(self.user.hear(b"left"), [])

    def test_a_link_that_is_lost_meanwhile_closes_it(self) -> None:
        self.user.hear(b"left")
        self.user.protocol.rejected(NO_LINK)
        self.assertEqual(self.user.got, [])
        self.user.send(ANSWER)
        self.assertTrue(self.user.client.transport.half_closed)

    def test_a_drain_asks_each_in_its_turn(self) -> None:
        ecm = joined(features=LEAVES)
        users = [User(ecm) for _ in range(2)]
        Draining(ecm.registry).begin(4)
        for _ in users:
            ecm.pass_time(1)
        self.assertEqual(ecm.received(), [(user.id, b"leave") for user in users])


class TcpTests(TcpCase):
    def setUp(self) -> None:
        super().setUp()
        self.ecm = joined(features=LEAVES)

    def leave(self, user: TcpUser) -> None:
        """Have a user leave, and look at what becomes of what is said."""
        user.open()
        self.ecm.registry.drain()
        user.inmost.release()
        self.assertEqual(user.told, [b"leave"])
        self.assertEqual(user.hear(b"message\n<a/>"), b"<a/>")
        self.assertFalse(user.ended)
        self.assertEqual(user.hear(b"left"), b"")
        self.assertTrue(user.ended)
        self.assertEqual(user.send(b"<b/>"), [b"message\n<b/>"])
        user.inmost.release()  # at the end of a drain
        self.assertEqual(user.told, [b"leave"])
        self.assertEqual(user.hear(b"left"), b"")
        user.client.leave()
        self.assertEqual(user.told, [b"close gone"])

    def test_without_tls(self) -> None:
        self.leave(self.user())

    def test_over_tls(self) -> None:
        user = TcpUser(self.ecm, self.secured(False))
        user.begin_tls(self.tls("xmpp-client"))
        self.leave(user)

    def test_without_credit_the_client_is_not_read(self) -> None:
        user = self.user()
        user.open()
        self.ecm.registry.drain()
        user.inmost.release()
        user.hear(b"left")
        for _ in range(3):
            user.send(b"x" * WINDOW)
        self.assertEqual(user.client.transport.producerState, "paused")

    def test_a_client_that_was_behind_is_read_again(self) -> None:
        user = self.user()
        user.open()
        self.ecm.registry.drain()
        user.inmost.release()
        user.client.transport.stuck = True
        self.ecm.answer(user.id, b"message\n" + b"x" * (MAX_UNSENT + 1))
        self.ecm.registry.set_reading(False)
        self.ecm.registry.set_reading(True)
        self.assertTrue(user.client.transport.paused)
        self.ecm.answer(user.id, b"left")
        self.assertFalse(user.client.transport.paused)
        self.ecm.received()
        self.assertEqual(user.send(b"<b/>"), [b"message\n<b/>"])

    def test_it_does_not_make_way_for_others(self) -> None:
        user = self.user()
        user.open()
        self.ecm.registry.drain()
        user.inmost.release()
        user.hear(b"left")
        self.assertIsNone(self.ecm.registry.closing.pop())
        user.hear(b"close end")
        self.assertIs(self.ecm.registry.closing.pop(), user.inmost)

    def test_a_link_that_cannot_is_not_asked(self) -> None:
        self.ecm: Joined = joined()
        user = self.user()
        user.open()
        self.ecm.registry.drain()
        user.inmost.release()
        self.assertEqual(user.told, [b"close gave-up"])
        self.assertTrue(user.ended)

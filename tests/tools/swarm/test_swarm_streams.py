"""The users of streams of a process of the swarm, with a server of the test's own."""

from typing import Any

from twisted.trial.unittest import TestCase

from ecm.tools.bosh.session import Phase
from ecm.tools.stream.tcp import TcpWire
from ecm.tools.stream.websocket import NONCE_SIZE, WebSocketWire
from ecm.tools.stream.wire import Wire
from ecm.tools.swarm.attendance import Attendance
from ecm.tools.swarm.chat import Chat
from ecm.tools.swarm.counters import Counters
from ecm.tools.swarm.delivery import Delivery
from ecm.tools.swarm.messages import Task
from ecm.tools.swarm.streams import Streams
from ecm.tools.swarm.user import StreamUser
from ecm.websocket.frames import TEXT, close_frame, frame
from testkit.fake_sockets import FakeSockets
from testkit.samples.swarm_task import TASK

HEADER = b"<stream:stream from='localhost'>"
OFFERED = b"<stream:features><mechanism>PLAIN</mechanism></stream:features>"
SUCCESS = b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
BIND = b"<stream:features><bind/></stream:features>"
BOUND = b"<iq type='result'><bind><jid>user%d@localhost/swarm</jid></bind></iq>"
PRESENCE = b"<presence/>"
ERROR = b"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"


def login(number: int = 0) -> tuple[bytes, ...]:
    """Return the words of the server to a user who logs in."""
    return HEADER + OFFERED, SUCCESS, HEADER + BIND, BOUND % number, PRESENCE


class Case(TestCase):
    task: Task = TASK

    def setUp(self) -> None:
        self.now = 0.0
        self.begin(TcpWire("localhost", starttls=False), self.task)

    def begin(self, wire: Wire, task: Task) -> None:
        self.counters = Counters()
        self.attendance: Attendance[StreamUser] = Attendance(task, self.counters, lambda: self.now)
        self.sockets = FakeSockets()
        sockets: Any = self.sockets
        self.delivery = Delivery("run")
        chat = Chat(self.attendance, self.delivery)
        self.streams = Streams(task, sockets, wire, self.attendance, chat)

    def come(self, place: int = 0) -> StreamUser:
        self.streams.log_in(place)
        user = self.attendance.users[place]
        assert user is not None
        return user

    def hear(self, user: StreamUser, *pieces: bytes) -> list[bytes]:
        """Let a user hear something, and return what it has said."""
        self.sockets.sent.clear()
        for piece in pieces:
            self.streams.received(user, user.line, piece)
        return list(self.sockets.sent)

    def online(self, place: int = 0) -> StreamUser:
        user = self.come(place)
        self.hear(user, *login(place))
        self.assertIs(user.phase, Phase.ONLINE)
        return user


class TcpTests(Case):
    def test_a_login(self) -> None:
        user = self.come()
        said = list(self.sockets.sent) + self.hear(user, *login())
        self.assertEqual(self.counters.counts["logins"], 1)
        self.assertEqual((self.attendance.online, self.attendance.logging_in), (1, 0))
        begins, auth, again, bind, presence = said
        self.assertEqual((begins, presence), (again, b"<presence xmlns='jabber:client'/>"))
        self.assertIn(b"mechanism='PLAIN'", auth)
        self.assertIn(b"<resource>swarm</resource>", bind)

    def test_a_login_byte_by_byte(self) -> None:
        user = self.come()
        data = b"".join(login())
        self.hear(user, *(data[at : at + 1] for at in range(len(data))))
        self.assertIs(user.phase, Phase.ONLINE)

    def test_a_message(self) -> None:
        alice, bob = self.online(0), self.online(1)
        self.sockets.sent.clear()
        self.streams.write(alice, bob)
        (message,) = self.sockets.sent
        self.assertIn(b" to='user1@localhost/swarm' ", message)
        self.hear(bob, message[:40], message[40:] + message)
        counted = self.delivery.sent, self.delivery.arrived, self.delivery.twice
        self.assertEqual(counted, (1, 1, 1))

    def test_leaving(self) -> None:
        user = self.online()
        self.sockets.sent.clear()
        self.streams.leave(user)
        (said,) = self.sockets.sent
        self.assertTrue(
            said.endswith(b"type='unavailable' xmlns='jabber:client'/></stream:stream>")
        )
        self.hear(user, PRESENCE, b"</stream:stream>")
        self.assertEqual(self.counters.counts["left"], 1)
        self.assertEqual((self.attendance.online, self.attendance.leaving), (0, 0))
        self.assertEqual(self.sockets.closed, [1])

    def test_a_connection_that_ends_while_leaving(self) -> None:
        user = self.online()
        self.streams.leave(user)
        self.streams.broken(user, user.line, "reset")
        self.assertEqual((self.counters.counts["left"], self.counters.errors), (1, {}))

    def test_an_error_of_the_stream(self) -> None:
        self.hear(self.online(), ERROR + b"</stream:stream>")
        self.assertEqual(self.counters.errors, {"stream error conflict": 1})
        self.assertEqual(self.counters.counts["lost"], 1)

    def test_the_end_of_the_stream(self) -> None:
        self.hear(self.online(), b"</stream:stream>")
        self.assertEqual(self.counters.errors, {"closed": 1})

    def test_no_xml(self) -> None:
        self.hear(self.come(), b"</message>")
        self.assertEqual(self.counters.errors, {"answer: an end without a beginning": 1})
        self.assertEqual(self.attendance.failed, [(1.0, 0)])

    def test_a_login_that_takes_too_long(self) -> None:
        self.come(0)
        leaving = self.online(1)
        self.streams.leave(leaving)
        self.online(2)
        self.now = 60.5
        self.streams.time_out()
        self.assertEqual(self.counters.errors, {"timeout": 2})
        self.assertEqual((self.attendance.online, self.attendance.logging_in), (1, 0))

    def test_sasl2(self) -> None:
        self.begin(TcpWire("localhost", starttls=False), TASK._replace(login="sasl2"))
        user = self.come()
        offered = b"<stream:features><a xmlns='urn:xmpp:sasl:2'/></stream:features>"
        success = (
            b"<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>user0@localhost/swarm.1"
            b"</authorization-identifier><bound xmlns='urn:xmpp:bind:0'/></success>"
        )
        auth, presence = self.hear(user, HEADER + offered, success)
        self.assertIn(b"<tag>swarm</tag>", auth)
        self.hear(user, BIND, PRESENCE)
        self.assertIs(user.phase, Phase.ONLINE)
        self.assertEqual(user.jid, b"user0@localhost/swarm.1")


class StarttlsTests(Case):
    def test_tls_comes_before_the_stream(self) -> None:
        self.begin(TcpWire("localhost", starttls=True), TASK)
        user = self.come()
        starttls = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
        offered = b"<stream:features>%b</stream:features>" % starttls
        self.assertEqual(self.hear(user, HEADER, offered), [starttls])
        self.assertEqual(self.sockets.secured, [])
        header = self.hear(user, b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        self.assertIn(b"<stream:stream ", header[0])
        self.assertEqual(self.sockets.secured, [1])
        self.hear(user, *login())
        self.assertIs(user.phase, Phase.ONLINE)

    def test_a_server_without_tls(self) -> None:
        self.begin(TcpWire("localhost", starttls=True), TASK)
        self.hear(self.come(), HEADER + OFFERED)
        self.assertEqual(self.counters.errors, {"STARTTLS is not offered": 1})


class WebSocketTests(Case):
    task = TASK._replace(storm=2)

    def setUp(self) -> None:
        self.now = 0.0
        wire = WebSocketWire("a", "/ws", "localhost", b"n" * NONCE_SIZE, b"abcd")
        self.begin(wire, self.task)
        self.switched = (
            b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: %b\r\n"
            b"Sec-WebSocket-Protocol: xmpp\r\n\r\n" % wire._accept
        )

    def test_a_login(self) -> None:
        user = self.come()
        self.assertEqual(len(self.hear(user, self.switched[:30], self.switched[30:])), 1)
        self.assertEqual(len(self.hear(user, frame(TEXT, HEADER), frame(TEXT, OFFERED))), 1)
        self.hear(user, *(frame(TEXT, text) for text in login()[1:]))
        self.assertIs(user.phase, Phase.ONLINE)

    def test_a_ping(self) -> None:
        user = self.come()
        self.hear(user, self.switched)
        self.assertEqual(len(self.hear(user, frame(9, b""))), 1)

    def refused(self, place: int, answer: bytes) -> None:
        self.hear(self.come(place), answer)

    def test_who_is_refused_in_a_storm_comes_again(self) -> None:
        last = self.task.users - 1
        self.refused(last, b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n\r\n")
        self.assertEqual(self.attendance.failed, [(7.0, last)])
        self.refused(last - 1, self.switched + close_frame(1013))
        self.assertEqual(self.attendance.failed[0], (1.0, last - 1))
        self.assertEqual((self.counters.counts["refused"], self.counters.errors), (2, {}))

    def test_a_stream_error_that_means_the_same(self) -> None:
        full = ERROR.replace(b"conflict", b"resource-constraint")
        self.refused(self.task.users - 1, self.switched + frame(TEXT, full))
        self.assertEqual((self.counters.counts["refused"], self.counters.errors), (1, {}))

    def test_who_is_refused_otherwise_has_an_error(self) -> None:
        self.refused(0, b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n\r\n")
        self.refused(1, self.switched + close_frame(1013))
        self.refused(self.task.users - 1, b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
        self.assertEqual(self.counters.errors, {"status 503": 2, "closed 1013": 1})

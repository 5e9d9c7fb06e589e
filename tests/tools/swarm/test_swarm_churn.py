"""Users of a process of the swarm who go, and come again."""

import socket
from typing import Any

from twisted.trial.unittest import TestCase

from ecm.tools.bosh.session import Phase
from ecm.tools.stream.tcp import TcpWire
from ecm.tools.swarm.attendance import Attendance
from ecm.tools.swarm.bosh import Bosh
from ecm.tools.swarm.chat import Chat
from ecm.tools.swarm.churn import SILENCE, Churn
from ecm.tools.swarm.counters import Counters
from ecm.tools.swarm.delivery import Delivery
from ecm.tools.swarm.sockets import Sockets
from ecm.tools.swarm.streams import Streams
from ecm.tools.swarm.user import NONE
from testkit.fake_sockets import FakeSockets
from testkit.samples.swarm_task import TASK

USERS = 3
ABSENCE = 10.0
ROOM = 2  # of those who log in at the same time


class Case(TestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.counters = Counters()
        task = TASK._replace(users=USERS)
        self.attendance: Attendance[Any] = Attendance(task, self.counters, lambda: self.now)
        sockets: Any = FakeSockets()
        self.sockets = sockets
        self.delivery = Delivery("run")
        self.chat = Chat(self.attendance, self.delivery)
        self.transport = self.made(task)
        for place in range(USERS):
            self.transport.log_in(place)
        for user in self.users:
            user.phase = Phase.ONLINE
            self.attendance.has_logged_in(user)
        self.churn = Churn(1.0, ABSENCE, sockets, self.transport, self.attendance, self.delivery)

    def made(self, task: Any) -> Any:
        wire = TcpWire("localhost", starttls=False)
        return Streams(task, self.sockets, wire, self.attendance, self.chat)

    def pass_seconds(self, seconds: float) -> None:
        self.now += seconds
        self.churn.go_on(ROOM)

    @property
    def users(self) -> list[Any]:
        """Those who log in or are online."""
        return [user for user in self.attendance.users if user is not None]

    @property
    def gone(self) -> int:
        lines = len(self.sockets.cuts) + len(self.sockets.abandoned)
        return self.attendance.leaving + lines

    def counted(self, *names: str) -> list[int]:
        return [self.counters.counts[name] for name in names]


class StreamTests(Case):
    def test_they_go_in_turns_with_a_goodbye_a_reset_or_in_silence(self) -> None:
        for leaving, cut, abandoned in ((1, 0, 0), (1, 1, 0), (1, 1, 1)):
            while self.gone < leaving + cut + abandoned:
                self.pass_seconds(1)
            found = self.attendance.leaving, len(self.sockets.cuts), len(self.sockets.abandoned)
            self.assertEqual(found, (leaving, cut, abandoned))
        self.assertEqual(self.counted("vanished"), [2])
        self.assertEqual(self.sockets.closed, [])

    def test_a_silent_connection_is_cut_once_the_server_must_have_noticed(self) -> None:
        (user, _, _) = self.users
        self.churn._fade(user)
        self.pass_seconds(SILENCE - 1)
        self.assertNotIn(1, self.sockets.cuts)
        self.pass_seconds(1)
        self.assertIn(1, self.sockets.cuts)

    def test_who_has_gone_comes_again_as_far_as_there_is_room(self) -> None:
        for user in self.users:
            self.transport.vanish(user)
        self.assertEqual((self.attendance.logging_in, self.attendance.online), (0, 0))
        self.pass_seconds(2 * ABSENCE)
        self.assertEqual((self.attendance.logging_in, len(self.attendance.failed)), (ROOM, 1))

    def test_who_loses_its_session_comes_again_after_a_pause(self) -> None:
        (user, _, _) = self.users
        self.transport.broken(user, user.line, "reset")
        self.assertEqual(self.attendance.failed, [(1.0, 0)])
        self.assertEqual(self.counted("lost"), [1])

    def test_a_login_is_tried_for_ever(self) -> None:
        user = self.users[0]
        self.transport.broken(user, user.line, "reset")
        for attempts in range(9):
            self.now = self.attendance.failed[0][0]
            self.attendance.failed.clear()
            self.transport.log_in(0)
            user = self.users[0]
            self.transport.broken(user, user.line, "refused")
            self.assertEqual(self.counters.errors["refused"], attempts + 1)
        self.assertEqual(self.counted("given up"), [0])
        self.assertEqual(len(self.attendance.failed), 1)

    def test_messages_of_those_who_went_are_in_doubt(self) -> None:
        one, two, three = self.users
        self.transport.write(one, two)
        self.transport.write(two, three)
        self.transport.vanish(two)
        self.assertEqual((self.delivery.missing, self.delivery.doubtful), (0, 2))


class BoshTests(Case):
    def made(self, task: Any) -> Any:
        return Bosh(task, self.sockets, self.attendance, self.chat)

    def test_both_connections_vanish_and_no_request_is_due(self) -> None:
        one, two, _ = self.users
        one.line_due = True
        self.transport.write(one, two)
        self.assertEqual(self.transport.speaking, 1)
        lines = self.transport.vanish(one)
        self.assertEqual(lines, [4, 1])
        self.assertEqual((one.line, one.other, self.transport.speaking), (NONE, NONE, 0))
        self.assertEqual(self.sockets.closed, [])
        self.now += 60
        self.transport.repeat()
        self.assertEqual(len(self.sockets.opened), 4)


class SocketsTests(TestCase):
    def setUp(self) -> None:
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        self.sockets: Sockets[Any] = Sockets(listening.getsockname(), [])
        self.line = self.sockets.open(self, b"hello")
        self.peer = self.enterContext(listening.accept()[0])
        self.peer.settimeout(10)
        self.assertEqual(self.peer.recv(5), b"hello")

    def received(self, user: object, line: int, data: bytes) -> None:
        self.fail(f"it has read {data!r}")

    def broken(self, user: object, line: int, kind: str) -> None:
        self.fail(f"it has seen the end: {kind}")

    def test_a_cut_is_a_reset(self) -> None:
        self.sockets.cut(self.line)
        self.assertRaises(ConnectionResetError, self.peer.recv, 1)

    def test_an_abandoned_one_stays_open_and_is_read_no_more(self) -> None:
        self.sockets.abandon(self.line)
        self.peer.send(b"anybody there?")
        self.sockets.wait(0.05, self)
        self.peer.setblocking(False)
        self.assertRaises(BlockingIOError, self.peer.recv, 1)
        self.sockets.cut(self.line)
        self.peer.settimeout(10)
        self.assertRaises(ConnectionResetError, self.peer.recv, 1)

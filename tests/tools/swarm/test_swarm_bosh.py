"""The users of BOSH of a process of the swarm, with answers of the test's own."""

from typing import Any

from twisted.trial.unittest import TestCase

from ecm.tools.swarm.attendance import Attendance
from ecm.tools.swarm.bosh import Bosh
from ecm.tools.swarm.chat import Chat
from ecm.tools.swarm.counters import Counters
from ecm.tools.swarm.delivery import Delivery
from ecm.tools.swarm.messages import Task
from ecm.tools.swarm.user import BoshUser
from testkit.fake_sockets import FakeSockets
from testkit.samples.swarm_task import TASK


class BoshTests(TestCase):
    def bosh(self, task: Task) -> Bosh:
        self.counters = Counters()
        self.attendance: Attendance[BoshUser] = Attendance(task, self.counters, lambda: 0.0)
        self.chat = Chat(self.attendance, Delivery("run"))
        sockets: Any = FakeSockets()
        return Bosh(task, sockets, self.attendance, self.chat)

    def test_more_than_one_request_held(self) -> None:
        bosh = self.bosh(TASK)
        bosh.log_in(0)
        user = self.attendance.users[0]
        assert user is not None
        answer = b"<body sid='s' hold='2'/>"
        bosh.received(user, 1, b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n" + answer)
        expected = {"a hold above 1 is granted: use --hold 1": 1}
        self.assertEqual(self.counters.errors, expected)

    def refused(self, task: Task, *lines: bytes) -> None:
        """The last user of a process is refused at its first request."""
        bosh = self.bosh(task)
        place = task.users - 1
        bosh.log_in(place)
        user = self.attendance.users[place]
        assert user is not None
        head = b"HTTP/1.1 503 Service Unavailable\r\n%bContent-Length: 0\r\n\r\n"
        bosh.received(user, 1, head % b"".join(lines))

    def test_who_is_refused_in_a_storm_comes_back_when_it_is_told(self) -> None:
        task = TASK._replace(storm=2)
        self.refused(task, b"Retry-After: 7\r\n")
        found = self.attendance.failed, self.attendance.logging_in
        self.assertEqual(found, ([(7.0, task.users - 1)], 0))
        self.assertEqual((self.counters.counts["refused"], self.counters.errors), (1, {}))

    def test_who_is_refused_otherwise_has_an_error(self) -> None:
        for task, lines in (
            (TASK, (b"Retry-After: 7\r\n",)),
            (TASK._replace(storm=2), ()),
        ):
            self.refused(task, *lines)
            self.assertEqual(self.attendance.failed, [(1.0, task.users - 1)])
            self.assertEqual(self.counters.errors, {"status 503": 1})

    def test_messages_count_by_who_gets_them(self) -> None:
        task = TASK._replace(storm=2)
        self.bosh(task)
        before, back = (BoshUser(number, None, 0.0) for number in (0, task.users - 1))
        kinds = [self.chat.kind(before)]
        self.attendance.storm_began = 0.0
        kinds += [self.chat.kind(user) for user in (before, back)]
        expected = ["message", "message in the storm", "message to those back"]
        self.assertEqual(kinds, expected)

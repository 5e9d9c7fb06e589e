"""The sessions of a process of the swarm, with answers of the test's own."""

from twisted.trial.unittest import TestCase

from ecm.tools.swarm.accounts import Identities
from ecm.tools.swarm.counters import Counters
from ecm.tools.swarm.delivery import Delivery
from ecm.tools.swarm.messages import Task
from ecm.tools.swarm.sessions import Sessions
from ecm.tools.swarm.sockets import Sockets
from ecm.tools.swarm.user import User
from testkit.samples.swarm_task import TASK


class FakeSockets(Sockets[User]):
    """Connections that take everything and lead nowhere."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def open(self, user: object, data: bytes) -> int:
        self.sent.append(data)
        return 1

    def send(self, line: int, data: bytes) -> None:
        self.sent.append(data)

    def close(self, line: int) -> None:
        pass


class SessionsTests(TestCase):
    def sessions(self, task: Task) -> Sessions:
        self.counters = Counters()
        return Sessions(
            task, FakeSockets(), Identities(task), Delivery("run"), self.counters, clock=lambda: 0.0
        )

    def test_more_than_one_request_held(self) -> None:
        sessions = self.sessions(TASK)
        sessions.log_in(0)
        user = sessions.users[0]
        assert user is not None
        answer = b"<body sid='s' hold='2'/>"
        sessions.received(user, 1, b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n" + answer)
        expected = {"a hold above 1 is granted: use --hold 1": 1}
        self.assertEqual(self.counters.errors, expected)

    def refused(self, task: Task, *lines: bytes) -> Sessions:
        """The last user of a process is refused at its first request."""
        sessions = self.sessions(task)
        place = task.users - 1
        sessions.log_in(place)
        user = sessions.users[place]
        assert user is not None
        head = b"HTTP/1.1 503 Service Unavailable\r\n%bContent-Length: 0\r\n\r\n"
        sessions.received(user, 1, head % b"".join(lines))
        return sessions

    def test_who_is_refused_in_a_storm_comes_back_when_it_is_told(self) -> None:
        task = TASK._replace(storm=2)
        sessions = self.refused(task, b"Retry-After: 7\r\n")
        self.assertEqual((sessions.failed, sessions.logging_in), ([(7.0, task.users - 1)], 0))
        self.assertEqual((self.counters.counts["refused"], self.counters.errors), (1, {}))

    def test_who_is_refused_otherwise_has_an_error(self) -> None:
        for task, lines in (
            (TASK, (b"Retry-After: 7\r\n",)),
            (TASK._replace(storm=2), ()),
        ):
            sessions = self.refused(task, *lines)
            self.assertEqual(sessions.failed, [(1.0, task.users - 1)])
            self.assertEqual(self.counters.errors, {"status 503": 1})

    def test_messages_count_by_who_gets_them(self) -> None:
        task = TASK._replace(storm=2)
        sessions = self.sessions(task)
        before, back = (User(number, None, 0.0) for number in (0, task.users - 1))
        kinds = [sessions._kind_of_message(before)]
        sessions.storm_began = 0.0
        kinds += [sessions._kind_of_message(user) for user in (before, back)]
        expected = ["message", "message in the storm", "message to those back"]
        self.assertEqual(kinds, expected)

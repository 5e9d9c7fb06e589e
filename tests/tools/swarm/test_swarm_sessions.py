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

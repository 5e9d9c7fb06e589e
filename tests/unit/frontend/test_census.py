"""The census of connections."""

from twisted.trial.unittest import TestCase

from ecm.frontend.census import census
from ecm.status.snapshot import Connections
from testkit.in_memory import Joined
from testkit.tcp_case import TcpCase
from testkit.websocket_case import User


class CensusTests(TestCase):
    def test_it_tells_what_connections_wait_for(self) -> None:
        ecm = Joined()
        clients = [ecm.client() for _ in range(4)]
        clients[0].post(b"held")
        clients[1].post(b"also held")
        clients[2].send(b"POST /http-bind HTTP/1.1\r\n")
        states = {"held": 2, "head": 1, "idle": 1}
        self.assertEqual(census(ecm.registry), Connections(4, 0, {"http": 4}, states))
        ecm.pass_time(2)
        self.assertEqual(census(ecm.registry), Connections(4, 0, {"http": 4}, states))
        for client in clients:
            client.leave()
        self.assertEqual(census(ecm.registry), Connections())

    def test_those_that_are_rejected_close_beside_the_open_ones(self) -> None:
        ecm = Joined(max_connections=1)
        ecm.client().post(b"held")
        ecm.client()
        states = {"held": 1, "closing": 1}
        self.assertEqual(census(ecm.registry), Connections(1, 1, {"http": 1}, states))


class StreamCensusTests(TcpCase):
    def test_it_tells_what_they_speak(self) -> None:
        User(self.ecm)
        self.user().open()
        self.ecm.client()
        found = census(self.ecm.registry)
        self.assertEqual(found.by_transport, {"http": 1, "websocket": 1, "tcp": 1})
        self.assertEqual(found.by_state, {"held": 2, "idle": 1})

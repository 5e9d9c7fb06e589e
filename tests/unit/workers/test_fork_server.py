"""The fork server and its client: orders, and reports of how workers have ended."""

import os
import pickle
import signal
import socket
from typing import Any, cast

from twisted.trial.unittest import TestCase

from ecm.workers import control, fork_server
from ecm.workers.fork_client import ForkServerClient
from ecm.workers.fork_server import ForkServer
from ecm.workers.orders import FORKED, Credentials, Preload, SpawnOrder
from testkit.command_line import parse
from testkit.fake_reactor import FakeReactor


class ForkServerTests(TestCase):
    def setUp(self) -> None:
        self.settings = parse("--listen", "tcp:0").settings
        ours, self.supervisor = control.pair()
        self.addCleanup(ours.close)
        self.addCleanup(self.supervisor.close)
        self.server = ForkServer(ours, Preload(self.settings, "twisted.internet.epollreactor"))

    def reported(self) -> bytes:
        return self.supervisor.recv(1024, socket.MSG_DONTWAIT)

    def fork(self, number: int) -> None:
        self.server._fork(SpawnOrder(number, self.settings), os.dup(0), os.dup(0))

    def fork_children(self, *children: int) -> None:
        """Let forks have these process IDs, which name no processes."""

        def no_process(process: int) -> int:
            raise ProcessLookupError

        following = iter(children)
        self.patch(os, "fork", lambda: next(following))
        self.patch(os, "pidfd_open", no_process)

    def test_a_worker_that_cannot_be_forked_is_reported(self) -> None:
        def no_memory() -> int:
            raise OSError(12, "Cannot allocate memory")

        self.patch(os, "fork", no_memory)
        self.fork(3)
        self.assertEqual(
            self.reported(), b"3 could not be forked: [Errno 12] Cannot allocate memory"
        )

    def test_the_process_is_reported_with_a_file_that_names_it(self) -> None:
        self.patch(os, "fork", os.getpid)
        self.fork(3)
        message, files, _, _ = socket.recv_fds(self.supervisor, 1024, 1)
        self.assertEqual(message, f"3 {FORKED}".encode())
        with open(f"/proc/self/fdinfo/{files[0]}") as info:
            self.assertIn(f"Pid:\t{os.getpid()}\n", info.read())
        os.close(files[0])

    def test_each_end_is_reported_with_the_number_of_the_worker(self) -> None:
        self.fork_children(1001, 1002, 1003)
        for number in (1, 2, 3):
            self.fork(number)
        ended = iter(((1002, signal.SIGKILL), (1001, 0), (0, 0)))
        self.patch(os, "waitpid", lambda *_: next(ended))
        self.server._reap()
        self.assertEqual(self.reported(), b"2 was killed by SIGKILL")
        self.assertEqual(self.reported(), b"1 exited with status 0")
        self.assertRaises(BlockingIOError, self.reported)

    def test_when_the_supervisor_has_gone_those_that_are_left_are_killed(self) -> None:
        self.fork_children(1001)
        self.fork(1)
        killed = []
        self.patch(os, "kill", lambda *arguments: killed.append(arguments))
        self.patch(fork_server, "CLOSE_TIMEOUT", 0)
        self.supervisor.close()
        self.server._end()
        self.assertEqual(killed, [(1001, signal.SIGKILL)])


class Hearer:
    """Has ordered a worker, and notes what it hears of it."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def forked(self, process: int) -> None:
        os.close(process)
        self.heard.append("forked")

    def exited(self, how: str) -> None:
        self.heard.append(how)


class ForkServerClientTests(TestCase):
    def setUp(self) -> None:
        self.settings = parse("--listen", "tcp:0").settings
        self.reactor = cast(Any, FakeReactor())
        self.lost = 0
        self.client = ForkServerClient(self.lose, self.reactor)
        self.client._socket, self.server = control.pair()
        self.addCleanup(self.server.close)
        self.client.listen()
        self.addCleanup(self.client.stop)

    def lose(self) -> None:
        self.lost += 1

    def test_it_is_given_the_credentials_of_this_process(self) -> None:
        credentials = pickle.loads(self.server.recv(1024))
        self.assertEqual(credentials, Credentials.of_this_process())
        credentials.take()  # they are those that it has already

    def test_an_order_goes_with_two_files_and_the_report_to_who_ordered(self) -> None:
        self.server.recv(1024)
        first, second = Hearer(), Hearer()
        for number, hearer in ((1, first), (2, second)):
            order = SpawnOrder(number, self.settings)
            self.client.spawn(order, 0, 1, hearer)
            message, files, _, _ = socket.recv_fds(self.server, 65_536, 2)
            self.assertEqual((pickle.loads(message), len(files)), (order, 2))
            for file in files:
                os.close(file)
        socket.send_fds(self.server, [b"2 forked"], [0])
        self.server.send(b"2 was killed by SIGKILL")
        self.reactor.turn()
        self.assertEqual((first.heard, second.heard), ([], ["forked", "was killed by SIGKILL"]))

    def test_its_end_is_told_and_an_order_after_that_is_no_error(self) -> None:
        self.server.close()
        self.reactor.turn()
        self.assertEqual(self.lost, 1)
        hearer = Hearer()
        self.client.spawn(SpawnOrder(1, self.settings), 0, 1, hearer)
        self.assertEqual(hearer.heard, [])

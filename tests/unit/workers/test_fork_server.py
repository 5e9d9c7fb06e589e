"""The fork server and its client: orders, and reports of how workers have ended."""

import errno
import os
import pickle
import signal
import socket
from typing import Any, cast

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_FORK_ORDERS, PULSE_CHECK, RESPAWN_DELAY_MIN, WORKER_TIMEOUT
from ecm.log.level import Levels
from ecm.workers import control, fork_server, process
from ecm.workers.fork_client import ForkServerClient
from ecm.workers.fork_server import ForkServer
from ecm.workers.orders import (
    FORKED,
    MAX_MESSAGE,
    Credentials,
    Preload,
    SpareOrder,
    SpawnOrder,
)
from ecm.workers.process import Process
from testkit.command_line import parse
from testkit.fake_reactor import FakeReactor

# No process has this ID: it is above the highest that Linux allows.
NOBODY = 2**23

LEVELS = Levels("info")


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
        self.server._fork(SpawnOrder(number, self.settings, number, LEVELS), os.dup(0), os.dup(0))

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
        self.assertEqual(message, f"3 {FORKED}{os.getpid()}".encode())
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
        for number in (1, 2, 3):
            self.assertEqual(self.reported(), f"{number} {FORKED}{1000 + number}".encode())
        self.assertEqual(self.reported(), b"2 was killed by SIGKILL")
        self.assertEqual(self.reported(), b"1 exited with status 0")
        self.assertRaises(BlockingIOError, self.reported)

    def test_a_worker_may_be_killed_by_a_signal_without_a_name(self) -> None:
        self.fork_children(1001)
        self.fork(1)
        ended = iter(((1001, 32), (0, 0)))
        self.patch(os, "waitpid", lambda *_: next(ended))
        self.server._reap()
        self.assertEqual(self.reported(), f"1 {FORKED}1001".encode())
        self.assertEqual(self.reported(), b"1 was killed by signal 32")

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
    """Has ordered a process, and notes what it hears of it."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def forked(self, process: Process) -> None:
        process.close()
        self.heard.append("forked")

    def exited(self, how: str) -> None:
        self.heard.append(how)

    def orphan(self) -> None:
        self.heard.append("orphan")


class ServerEnd:
    """The other end of a fork server's socket."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        end.setblocking(False)

    def order(self) -> tuple[Any, list[int]]:
        """Return the next order, with the files that go along. Raises BlockingIOError."""
        message, files, _, _ = socket.recv_fds(self._end, MAX_MESSAGE, 2)
        return pickle.loads(message), files

    def worker(self) -> int:
        """Take an order of a worker, and return its number. Raises BlockingIOError."""
        order, files = self.order()
        for file in files:
            os.close(file)
        number: int = order.number
        return number

    def spare(self) -> "ServerEnd":
        """Take the order of a spare, and return its end."""
        order, [end] = self.order()
        assert isinstance(order, SpareOrder)
        self.spare_number = order.number
        return ServerEnd(socket.socket(fileno=end))

    def report(self, text: str, *files: int) -> None:
        socket.send_fds(self._end, [text.encode()], files)

    def exit(self) -> None:
        self._end.close()


class FirstProcess:
    """Stands for the process of the first fork server."""

    pid = NOBODY

    def poll(self) -> None:
        """It is reaped."""


class ForkServerClientTests(TestCase):
    def setUp(self) -> None:
        self.settings = parse("--listen", "tcp:0").settings
        self.reactor = cast(Any, FakeReactor())
        self.lost = 0
        self.signals: list[int] = []
        self.patch(process, "pidfd_send_signal", lambda _, sent: self.signals.append(sent))
        self.client = ForkServerClient(self.lose, WORKER_TIMEOUT, self.reactor)
        self.client._socket, server = control.pair()
        self.client._process = cast(Any, FirstProcess())
        self.client.listen()
        self.server = ServerEnd(server)
        self.credentials, _ = self.server.order()
        self.spare = self.fork_spare(self.server)
        self.addCleanup(self.close)

    def close(self) -> None:
        self.client.stop()
        self.server.exit()
        self.spare.exit()
        self.assertEqual(self.reactor.readers, [])

    def lose(self) -> None:
        self.lost += 1

    def fork_spare(self, server: ServerEnd) -> ServerEnd:
        """Let a fork server follow the order of a spare."""
        spare = server.spare()
        server.report(f"{server.spare_number} forked {NOBODY}")
        self.reactor.turn()
        return spare

    def spawn(self, number: int) -> Hearer:
        hearer = Hearer()
        self.client.spawn(SpawnOrder(number, self.settings, number, LEVELS), 0, 1, hearer)
        return hearer

    def look(self, seconds: float) -> None:
        for _ in range(round(seconds / PULSE_CHECK)):
            self.client.look(PULSE_CHECK)

    def test_it_is_given_the_credentials_of_this_process(self) -> None:
        self.assertEqual(self.credentials, Credentials.of_this_process())
        self.credentials.take()  # they are those that it has already

    def test_an_order_goes_with_two_files_and_the_report_to_who_ordered(self) -> None:
        first, second = self.spawn(1), self.spawn(2)
        for number in (1, 2):
            order, files = self.server.order()
            self.assertEqual(
                (order, len(files)), (SpawnOrder(number, self.settings, number, LEVELS), 2)
            )
            for file in files:
                os.close(file)
        self.server.report(f"2 forked {NOBODY}", 0)
        self.server.report(f"1 forked {NOBODY}")
        self.server.report("2 was killed by SIGKILL")
        self.reactor.turn()
        self.assertEqual(first.heard, ["forked"])
        self.assertEqual(second.heard, ["forked", "was killed by SIGKILL"])

    def test_no_more_orders_are_sent_than_can_wait(self) -> None:
        for number in range(1, MAX_FORK_ORDERS + 2):
            self.spawn(number)
        for number in range(1, MAX_FORK_ORDERS + 1):
            self.assertEqual(self.server.worker(), number)
        self.assertRaises(BlockingIOError, self.server.worker)
        self.server.report("1 could not be forked: no memory")
        self.reactor.turn()
        self.assertEqual(self.server.worker(), MAX_FORK_ORDERS + 1)

    # Its end.

    def test_when_it_ends_its_spare_takes_its_place(self) -> None:
        worker = self.spawn(1)
        with capturedLogs() as events:
            self.server.exit()
            self.reactor.turn()
        self.assertEqual(
            [formatEvent(event) for event in events],
            ["worker fork server exited; its spare takes its place"],
        )
        self.assertEqual((self.lost, worker.heard), (0, ["orphan"]))
        next_spare = self.fork_spare(self.spare)
        self.spawn(2)
        self.assertEqual(self.spare.worker(), 2)
        self.server, self.spare = self.spare, next_spare

    def test_so_it_goes_on(self) -> None:
        for _ in range(3):
            self.server.exit()
            self.reactor.turn()
            self.server, self.spare = self.spare, self.fork_spare(self.spare)
        self.assertEqual(self.lost, 0)

    def test_a_spare_that_ends_is_replaced_after_a_while(self) -> None:
        self.spare.exit()
        self.reactor.turn()
        self.assertRaises(BlockingIOError, self.server.order)
        self.reactor.advance(RESPAWN_DELAY_MIN)
        self.spare = self.fork_spare(self.server)
        self.assertEqual(self.lost, 0)

    def test_one_that_cannot_be_ordered_is_ordered_later(self) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        worker = self.spawn(1)
        for owner, name in ((control, "pair"), (os, "dup")):
            refused = self.patch(owner, name, refuse)
            with capturedLogs() as events:
                self.server.exit()
                self.reactor.turn()
            refused.restore()
            said = "no spare of the worker fork server: Too many open files"
            self.assertIn(said, [formatEvent(event) for event in events])
            self.assertEqual((self.lost, worker.heard), (0, ["orphan"]))
            self.assertEqual(len(self.reactor.readers), 1)
            self.reactor.advance(RESPAWN_DELAY_MIN)
            self.server, self.spare = self.spare, self.fork_spare(self.spare)

    def test_the_end_of_an_earlier_spare_may_be_reported_late(self) -> None:
        first = self.server.spare_number
        self.spare.exit()
        self.reactor.turn()
        self.reactor.advance(RESPAWN_DELAY_MIN)
        self.spare = self.server.spare()
        self.server.report(f"{first} has ended")
        self.server.report(f"{self.server.spare_number} forked {NOBODY}")
        self.reactor.turn()
        self.server.exit()
        self.reactor.turn()
        self.assertEqual(self.lost, 0)
        self.server, self.spare = self.spare, self.fork_spare(self.spare)

    def test_when_both_have_ended_that_is_told_and_an_order_finds_nobody(self) -> None:
        self.spare.exit()
        self.server.exit()
        self.reactor.turn()
        self.assertEqual(self.lost, 1)
        self.assertEqual(self.spawn(1).heard, ["orphan"])
        self.reactor.advance(RESPAWN_DELAY_MIN)

    # One that hangs.

    def hang(self) -> None:
        """Let the fork server have a process that can be killed, and no order that it follows."""
        assert self.client._active is not None
        self.client._active.forked(Process(NOBODY, os.open("/dev/null", os.O_RDONLY)))

    def test_one_that_does_not_follow_an_order_is_killed(self) -> None:
        self.hang()
        self.spawn(1)
        self.look(WORKER_TIMEOUT - PULSE_CHECK)
        self.assertEqual(self.signals, [])
        self.look(PULSE_CHECK)
        self.assertEqual(self.signals, [signal.SIGKILL])
        self.look(WORKER_TIMEOUT)
        self.assertEqual(self.signals, [signal.SIGKILL])

    def test_one_that_does_not_report_the_end_of_a_worker_is_killed(self) -> None:
        self.hang()
        self.client.expect(1)  # nobody has ordered it
        self.look(WORKER_TIMEOUT)
        self.assertEqual(self.signals, [])
        self.spawn(1)
        self.server.worker()
        self.server.report(f"1 forked {NOBODY}")
        self.reactor.turn()
        self.client.expect(1)
        self.look(WORKER_TIMEOUT - PULSE_CHECK)
        self.assertEqual(self.signals, [])
        self.look(PULSE_CHECK)
        self.assertEqual(self.signals, [signal.SIGKILL])

    def test_one_without_orders_may_be_silent(self) -> None:
        self.hang()
        self.look(10 * WORKER_TIMEOUT)
        self.spawn(1)
        self.look(WORKER_TIMEOUT - PULSE_CHECK)
        self.assertEqual(self.signals, [])

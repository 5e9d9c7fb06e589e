"""The acceptor: what becomes of connections that cannot be accepted, or that no worker takes."""

import errno
import socket
from typing import Any, cast

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from ecm.limits import ACCEPT_BATCH, ACCEPT_RETRY, LOG_INTERVAL
from ecm.workers.acceptor import Acceptor
from testkit.fake_reactor import FakeReactor


class FakePort:
    """A port with connections, or errors, that wait to be accepted."""

    family = socket.AF_UNIX

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        self.closed = False

    def fileno(self) -> int:
        return 99

    def accept(self) -> socket.socket:
        if not self.waiting:
            raise BlockingIOError
        each = self.waiting.pop(0)
        if isinstance(each, OSError):
            raise each
        connection: socket.socket = each
        return connection

    def close(self) -> None:
        self.closed = True


class AcceptorTests(TestCase):
    def setUp(self) -> None:
        self.reactor = cast(Any, FakeReactor())
        self.port = cast(Any, FakePort())
        self.takes = True
        self.assigned: list[tuple[int, int]] = []
        self.acceptor = Acceptor(self.port, self.assign, self.reactor)
        self.acceptor.startReading()

    def assign(self, family: int, connection: int) -> bool:
        if self.takes:
            self.assigned.append((family, connection))
        return self.takes

    def connect(self) -> socket.socket:
        """Let a connection wait; return ECM's end of it."""
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        self.addCleanup(ours.close)
        self.port.waiting.append(ours)
        return ours

    def test_all_that_wait_are_assigned_and_closed_here(self) -> None:
        connections = [self.connect() for _ in range(3)]
        files = [(socket.AF_UNIX, each.fileno()) for each in connections]
        self.reactor.turn()
        self.assertEqual(self.assigned, files)
        self.assertEqual([each.fileno() for each in connections], [-1, -1, -1])

    def test_not_more_than_a_batch_at_a_time(self) -> None:
        for _ in range(ACCEPT_BATCH + 1):
            self.connect()
        self.reactor.turn()
        self.assertEqual(len(self.assigned), ACCEPT_BATCH)
        self.reactor.turn()
        self.assertEqual(len(self.assigned), ACCEPT_BATCH + 1)

    def test_one_that_nobody_takes_is_offered_again(self) -> None:
        connection = self.connect()
        self.takes = False
        for _ in range(3):
            self.reactor.turn()
            self.assertEqual(self.reactor.readers, [])
            self.reactor.advance(ACCEPT_RETRY)
        self.takes = True
        self.reactor.advance(ACCEPT_RETRY)
        self.assertEqual(len(self.assigned), 1)
        self.assertEqual(connection.fileno(), -1)
        self.assertEqual(self.reactor.readers, [self.acceptor])

    def test_without_files_it_tries_again_and_says_so(self) -> None:
        self.port.waiting.append(OSError(errno.EMFILE, "Too many open files"))
        self.connect()
        with capturedLogs() as events:
            self.reactor.turn()
        text = "accept() failed: [Errno 24] Too many open files; retrying in 50 ms"
        self.assertEqual([formatEvent(event) for event in events], [text])
        self.assertEqual(self.assigned, [])
        self.reactor.advance(ACCEPT_RETRY)
        self.reactor.turn()
        self.assertEqual(len(self.assigned), 1)

    def test_that_it_fails_is_said_once_in_a_while(self) -> None:
        with capturedLogs() as events:
            for _ in range(round(1.5 * LOG_INTERVAL / ACCEPT_RETRY)):
                self.port.waiting.append(OSError(errno.ENFILE, "Too many open files in system"))
                self.reactor.turn()
                self.reactor.advance(ACCEPT_RETRY)
        self.assertEqual(len(events), 2)
        self.assertEqual(self.port.waiting, [])

    def test_one_that_has_gone_before_it_is_accepted_is_no_error(self) -> None:
        self.port.waiting.append(ConnectionAbortedError())
        self.connect()
        for _ in range(2):
            self.reactor.turn()
        self.assertEqual(len(self.assigned), 1)

    def test_before_the_end_it_accepts_what_waits(self) -> None:
        self.acceptor.stopReading()
        for _ in range(ACCEPT_BATCH + 1):
            self.connect()
        self.acceptor.accept_waiting()
        self.assertEqual(len(self.assigned), ACCEPT_BATCH + 1)

    def test_and_no_more_once_nobody_takes_one(self) -> None:
        self.takes = False
        self.connect()
        self.connect()
        self.acceptor.accept_waiting()
        self.assertEqual(len(self.port.waiting), 1)
        self.acceptor.close()

    def test_closed_it_does_not_come_back(self) -> None:
        connection = self.connect()
        self.takes = False
        self.reactor.turn()
        self.acceptor.close()
        self.assertTrue(self.port.closed)
        self.assertEqual(connection.fileno(), -1)
        self.assertEqual((self.reactor.getDelayedCalls(), self.reactor.readers), ([], []))

"""The supervisor's side of the fork server, and of its spare."""

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from typing import Final

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ecm.errors import StartupError
from ecm.limits import FORK_SERVER_TIMEOUT, RESPAWN_DELAY_MIN
from ecm.net.reactor import ReactorCore, kind_of
from ecm.settings import Settings
from ecm.signals import held_back
from ecm.workers import control
from ecm.workers.fork_order_book import ForkOrderBook, Ordered
from ecm.workers.orders import READY, Credentials, Preload, SpareOrder, SpawnOrder
from ecm.workers.process import Process

_log = Logger()


# Bytes of the answer to a Preload, a line of text.
_MAX_ANSWER: Final = 1024


class Answer(FileDescriptor):
    """Waits for the answer to a Preload: ``came`` fires with it; empty if the process exits."""

    def __init__(self, end: socket.socket, reactor: ReactorCore) -> None:
        super().__init__(reactor)
        self._end = end
        self.came: Deferred[bytes] = Deferred()
        self._late = reactor.callLater(FORK_SERVER_TIMEOUT, self._finish, b"it takes too long")
        self.startReading()

    def fileno(self) -> int:
        return self._end.fileno()

    def doRead(self) -> None:
        try:
            self._finish(self._end.recv(_MAX_ANSWER))
        except OSError as error:
            self._finish(str(error).encode())

    def give_up(self) -> None:
        """Wait no longer."""
        if not self.came.called:
            self._finish(b"it is not waited for")

    def _finish(self, answer: bytes) -> None:
        self.stopReading()
        if self._late.active():
            self._late.cancel()
        self.came.callback(answer)


def _check(answer: bytes) -> None:
    if answer != READY:
        raise StartupError(f"worker fork server: {answer.decode() or 'exited'}")


class ForkServerClient:
    """Starts the fork server, orders workers from it, and passes its reports on.

    The fork server is asked to fork a spare of itself, which has read the same keys and takes its
    place when it ends. ``lost`` is called when both have: there will be no more workers. One that
    does not follow an order, or report an end, for ``timeout`` seconds hangs, and is killed.
    """

    def __init__(self, lost: Callable[[], None], timeout: float, reactor: ReactorCore) -> None:
        self._lost = lost
        self._timeout = timeout
        self._reactor = reactor
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None  # until the process is listened to
        self._answer: Answer | None = None
        self._active: ForkOrderBook | None = None
        self._spare: ForkOrderBook | None = None
        self._spare_numbers = count(0, -1)
        self._retry: IDelayedCall | None = None

    def start(self, settings: Settings) -> None:
        """Start the process and wait until it has loaded everything. Raises StartupError."""
        try:
            answer = self._launch(settings).recv(_MAX_ANSWER)
        except OSError as error:
            answer = str(error).encode()
        _check(answer)

    def start_meanwhile(self, settings: Settings) -> Deferred[None]:
        """Do the same, and fire then; fails with StartupError."""
        try:
            end = self._launch(settings)
        except OSError as error:
            return fail(StartupError(f"worker fork server: {error}"))
        self._answer = Answer(end, self._reactor)
        return self._answer.came.addCallback(_check)

    def _launch(self, settings: Settings) -> socket.socket:
        """Start the process, and return our end of the socket to it. Raises OSError."""
        ours, theirs = control.pair()
        with theirs, held_back():
            # -P and the same path: no module may come from the working directory.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ecm.workers.fork_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        ours.settimeout(FORK_SERVER_TIMEOUT)
        self._socket = ours
        ours.send(Preload(settings, kind_of(self._reactor)).encode())
        return ours

    def listen(self) -> None:
        """Give it the credentials of this process, and take its reports from now on."""
        assert self._socket is not None and self._process is not None, "it is to be started before"
        end, self._socket = self._socket, None
        end.send(pickle.dumps(Credentials.of_this_process()))
        self._active = self._book(end)
        self._active.forked(Process.of(self._process.pid))
        self._order_spare()

    def spawn(self, order: SpawnOrder, control: int, stdout: int, ordered: Ordered) -> None:
        """Order a worker that has these two file descriptors. Raises OSError."""
        if self._active is None:
            ordered.orphan()
        else:
            self._active.order(order, (control, stdout), ordered)

    def expect(self, number: int) -> None:
        """The worker of this number ends, or has ended: the fork server is to report that."""
        if self._active is not None:
            self._active.expect(number)

    def look(self, seconds: float) -> None:
        """Look whether the fork server lives, so many seconds after the last look."""
        if self._active is not None:
            self._active.look(seconds)

    def stop(self) -> None:
        """End the processes. They kill the workers that have not exited by then."""
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        if self._answer is not None:
            self._answer.give_up()
        if self._socket is not None:
            self._socket.close()
        for book in (self._active, self._spare):
            if book is not None:
                book.close()

    @property
    def has_ended(self) -> bool:
        """True once the first process has ended: nothing of it is left."""
        return self._process is None or self._process.poll() is not None

    def _book(self, end: socket.socket) -> ForkOrderBook:
        return ForkOrderBook(end, self._timeout, self._ended, self._reactor)

    def _order_spare(self) -> None:
        if self._active is None or self._spare is not None:
            return
        try:
            self._spare = self._ordered_spare(self._active)
        except OSError as error:  # too many open files
            _log.warn("no spare of the worker fork server: {why}", why=error.strerror)
            self._retry_spare()

    def _ordered_spare(self, active: ForkOrderBook) -> ForkOrderBook:
        """Order a spare, and return the book of orders to it. Raises OSError."""
        ours, theirs = control.pair()
        with theirs:
            spare = self._book(ours)
            try:
                active.order(SpareOrder(next(self._spare_numbers)), (theirs.fileno(),), spare)
            except OSError:
                spare.close()
                raise
        return spare

    def _retry_spare(self) -> None:
        self._retry = self._reactor.callLater(RESPAWN_DELAY_MIN, self._order_spare)

    def _ended(self, book: ForkOrderBook) -> None:
        """A fork server has ended."""
        if self._process is not None:
            self._process.poll()  # the first one is a child of this process
        if book is self._spare:
            _log.warn("the spare of the worker fork server has ended; forking another one")
            self._spare = None
            self._retry_spare()
            return
        self._active, self._spare = self._spare, None
        if self._active is not None and not self._active.runs:
            self._active.close()
            self._active = None
        if self._active is None:
            self._lost()
        else:
            _log.warn("worker fork server exited; its spare takes its place")
            self._order_spare()
        book.orphan_all()

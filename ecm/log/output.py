"""An output for lines that never blocks: a pipe, a socket or a terminal whose reader may stall."""

import os
import select
import socket
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from threading import RLock
from typing import Final

from twisted.internet.abstract import FileDescriptor
from twisted.python.failure import Failure

from ecm.limits import LOG_FLUSH_TIME, MAX_LOG_QUEUE
from ecm.net.reactor import ReactorCore

# Bytes that are written by one system call.
_AT_ONCE: Final = 64 * 1024

# Writes some of the bytes and returns how many. Raises BlockingIOError if none can be written now.
Write = Callable[[memoryview], int]


class Output(FileDescriptor):
    """Writes lines to a file descriptor, at once as far as the kernel takes them.

    The others wait in a queue of MAX_LOG_QUEUE bytes. What does not fit is dropped, and ``missed``
    is called once the reader is back, with the number of lines that it will not see.
    Threads may write, too.
    """

    def __init__(self, file: int, missed: Callable[[int], object], reactor: ReactorCore) -> None:
        super().__init__(reactor)
        self._loop = reactor
        self._file, self._write = _without_blocking(file)
        self._missed = missed
        self._queue = bytearray()
        self._dropped = 0
        self._is_awaited = False
        # When everything must have been written, once this process is about to end.
        self._latest: float | None = None
        # An event that is logged by a signal handler comes in the middle of another one.
        self._lock = RLock()
        self.connected = 1

    def fileno(self) -> int:
        return self._file

    def line(self, line: bytes) -> None:
        """Write a line, now or later; or drop it."""
        with self._lock:
            if self._dropped and not self._is_awaited:  # by a reader that has gone
                self._flush()
                self._await_reader()
                self._say_missed()
            if self._dropped or self._queue and len(self._queue) + len(line) > MAX_LOG_QUEUE:
                self._dropped += 1
                return
            self._queue += line
            if self._latest is not None:
                self._write_until(self._latest)
            elif not self._is_awaited:
                self._flush()
                self._await_reader()

    def doWrite(self) -> None:
        """The reader is back."""
        with self._lock:
            self._flush()
            if not self._queue:
                self._is_awaited = False
                self.stopWriting()
            self._say_missed()

    def connectionLost(self, reason: Failure) -> None:
        """The reader has gone, or the reactor ends, and waits for it no more.

        The next line tries again: of a named pipe another reader may have come.
        """
        super().connectionLost(reason)
        with self._lock:
            self._is_awaited = False
            self.connected, self.disconnected = 1, 0

    def finish(self) -> None:
        """Write what waits, before this process ends, and whatever comes yet, as time allows."""
        with self._lock:
            self._latest = self._latest or time.monotonic() + LOG_FLUSH_TIME
            self._write_until(self._latest)

    def _await_reader(self) -> None:
        if self._queue:
            self._is_awaited = True
            self._loop.callFromThread(self.startWriting)

    def _write_until(self, latest: float) -> None:
        poll = select.poll()
        poll.register(self._file, select.POLLOUT)
        while self._queue and (left := latest - time.monotonic()) > 0:
            poll.poll(left * 1000)
            self._flush()
        self._say_missed()

    def _flush(self) -> None:
        """Write as much of the queue as the kernel takes."""
        try:
            while self._queue:
                with memoryview(self._queue) as all, all[:_AT_ONCE] as some:
                    written = self._write(some)
                del self._queue[:written]
        except BlockingIOError:
            pass
        except OSError:  # the reader has gone
            self._queue.clear()

    def _say_missed(self) -> None:
        if self._dropped and len(self._queue) <= MAX_LOG_QUEUE // 2:
            dropped, self._dropped = self._dropped, 0
            self._missed(dropped)


def _without_blocking(file: int) -> tuple[int, Write]:
    """Return a file descriptor of the same file, and how to write to it without ever waiting.

    O_NONBLOCK would be a property of all processes that have this open file, as a shell has its
    terminal: so it is opened once more.
    """
    mode = os.fstat(file).st_mode
    if stat.S_ISSOCK(mode):
        end = socket.socket(fileno=os.dup(file))
        return end.fileno(), lambda data: end.send(data, socket.MSG_DONTWAIT)
    if not stat.S_ISREG(mode):
        with suppress(OSError):  # of another user, or without /proc
            own = os.open(f"/proc/self/fd/{file}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            return own, lambda data: os.write(own, data)
        return file, lambda data: _write_if_ready(file, data)
    return file, lambda data: os.write(file, data)


def _write_if_ready(file: int, data: memoryview) -> int:
    """Write as much as a pipe takes for certain when it says that it takes something."""
    poll = select.poll()
    poll.register(file, select.POLLOUT)
    if not poll.poll(0):
        raise BlockingIOError
    return os.write(file, data[: select.PIPE_BUF])

"""An output that never blocks, on real pipes, sockets, terminals and files."""

import os
import socket
import time
import tty
from collections.abc import Callable
from threading import Thread

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_LOG_QUEUE
from ecm.log import output
from ecm.log.output import Output
from ecm.net.reactor import global_reactor
from testkit.ecm_process import temporary_folder

LINE = b"x" * 99 + b"\n"


class OutputTestCase(TestCase):
    def setUp(self) -> None:
        self.missed: list[int] = []

    def output(self, file: int) -> Output:
        made = Output(file, self.missed.append, global_reactor())
        self.addCleanup(made.stopWriting)
        return made

    def pipe(self) -> tuple[int, int]:
        """The two ends of a pipe, to read and to write."""
        ends = os.pipe()
        for end in ends:
            self.addCleanup(os.close, end)
        return ends

    async def all_of(self, read: Callable[[], bytes], size: int) -> bytes:
        """Return so many bytes of what the reader gets, while the reactor turns."""
        got = b""
        while len(got) < size:
            try:
                got += read()
            except BlockingIOError:
                await deferLater(reactor, 0.001)
        return got


class KindsTests(OutputTestCase):
    """More than the kernel takes is written to each kind of file, and comes in order."""

    LINES = b"".join(b"%07d\n" % number for number in range(MAX_LOG_QUEUE // 16))

    async def write_all(self, file: int, read: Callable[[], bytes]) -> None:
        written = self.output(file)
        for line in self.LINES.splitlines(keepends=True):
            written.line(line)
        self.assertEqual(await self.all_of(read, len(self.LINES)), self.LINES)
        self.assertEqual(self.missed, [])

    async def test_a_pipe(self) -> None:
        reader, writer = self.pipe()
        os.set_blocking(reader, False)
        await self.write_all(writer, lambda: os.read(reader, 65536))

    async def test_a_pipe_that_cannot_be_opened_once_more(self) -> None:
        """As one of another user."""
        reader, writer = self.pipe()
        os.set_blocking(reader, False)

        def no_file(*_: object) -> int:
            raise PermissionError

        self.patch(os, "open", no_file)
        await self.write_all(writer, lambda: os.read(reader, 65536))

    async def test_a_socket_as_that_of_the_journal(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        ours.setblocking(False)
        await self.write_all(theirs.fileno(), lambda: ours.recv(65536))

    async def test_a_terminal(self) -> None:
        reader, writer = os.openpty()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        tty.setraw(writer)
        os.set_blocking(reader, False)
        await self.write_all(writer, lambda: os.read(reader, 65536))

    async def test_a_file(self) -> None:
        with open(temporary_folder(self) / "log", "w+b", buffering=0) as file:
            reader = os.open(file.name, os.O_RDONLY)
            self.addCleanup(os.close, reader)
            await self.write_all(file.fileno(), lambda: os.read(reader, 65536))


class ReaderTests(OutputTestCase):
    def test_others_who_have_the_pipe_still_block_on_it(self) -> None:
        _, writer = self.pipe()
        self.output(writer).line(LINE)
        self.assertTrue(os.get_blocking(writer))

    async def test_what_a_stalled_reader_misses_is_counted_and_said_once(self) -> None:
        reader, writer = self.pipe()
        os.set_blocking(reader, False)
        said: Deferred[None] = Deferred()

        def missed(lines: int) -> None:
            self.missed.append(lines)
            written.line(b"missed\n")
            said.callback(None)

        written = Output(writer, missed, global_reactor())
        number = 3 * MAX_LOG_QUEUE // len(LINE)
        for _ in range(number):
            written.line(LINE)
        got = b""
        while not got.endswith(b"missed\n"):
            got += await self.all_of(lambda: os.read(reader, 65536), 1)
        await said
        written.line(b"the next\n")
        self.assertEqual(await self.all_of(lambda: os.read(reader, 100), 9), b"the next\n")
        taken = got.count(LINE)
        self.assertEqual(got, LINE * taken + b"missed\n")
        self.assertEqual(self.missed, [number - taken])
        self.assertGreater(taken, MAX_LOG_QUEUE // len(LINE))

    def test_a_reader_that_has_gone_is_not_waited_for(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        written = self.output(writer)
        os.close(reader)
        for _ in range(2 * MAX_LOG_QUEUE // len(LINE)):
            written.line(LINE)
        written.finish()
        self.assertEqual(self.missed, [])

    async def test_the_next_reader_of_a_named_pipe_gets_the_next_line(self) -> None:
        path = temporary_folder(self) / "pipe"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(path, os.O_WRONLY)
        self.addCleanup(os.close, writer)
        written = self.output(writer)
        for _ in range(2 * MAX_LOG_QUEUE // len(LINE)):
            written.line(LINE)  # more than pipe and queue take
        await deferLater(reactor, 0)
        os.close(reader)
        while written._is_awaited:
            await deferLater(reactor, 0.001)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        written.line(b"the next\n")
        got = b""
        while not got.endswith(b"\nthe next\n"):
            got += await self.all_of(lambda: os.read(reader, 65536), 1)
            written.line(b"the next\n")
        self.assertEqual(len(self.missed), 1)

    async def test_a_line_that_is_longer_than_the_queue_is_written(self) -> None:
        reader, writer = self.pipe()
        os.set_blocking(reader, False)
        written = self.output(writer)
        written.line(b"x" * 2 * MAX_LOG_QUEUE)
        got = await self.all_of(lambda: os.read(reader, 65536), 2 * MAX_LOG_QUEUE)
        self.assertEqual(len(got), 2 * MAX_LOG_QUEUE)


class EndTests(OutputTestCase):
    def test_what_waits_is_written_at_the_end_and_what_comes_then(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        written = self.output(theirs.fileno())
        number = MAX_LOG_QUEUE // len(LINE)
        for _ in range(number):
            written.line(LINE)
        got: list[bytes] = []

        def read() -> None:
            while data := ours.recv(65536):
                got.append(data)

        thread = Thread(target=read)
        thread.start()
        written.finish()
        written.line(b"the last one\n")
        theirs.shutdown(socket.SHUT_WR)
        thread.join()
        self.assertEqual(b"".join(got), LINE * number + b"the last one\n")

    def test_a_reader_that_stalls_is_waited_for_only_so_long(self) -> None:
        self.patch(output, "LOG_FLUSH_TIME", 0.05)
        _, writer = self.pipe()
        written = self.output(writer)
        for _ in range(MAX_LOG_QUEUE // len(LINE)):
            written.line(LINE)
        before = time.monotonic()
        written.finish()
        written.line(LINE)
        self.assertLess(time.monotonic() - before, 5)

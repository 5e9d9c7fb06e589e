"""A process that a test starts, listens to, and stops."""

import os
import re
import sys
from codecs import getincrementaldecoder
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.tools.process import DIES_WITH_PARENT

PIPES = {0: "w", 1: "r", 2: "r"}

# Puts characters together that come in two pieces.
_decoder = getincrementaldecoder("utf-8")


def script(name: str) -> str:
    """The path of a console script beside the Python that runs the tests."""
    return str(Path(sys.executable).parent / name)


def open_files(process: int) -> list[str]:
    """Return the open files of a process, as in ``socket:[12345]``; none if it has ended."""
    folder, files = f"/proc/{process}/fd", []
    with suppress(FileNotFoundError):
        for descriptor in os.listdir(folder):
            with suppress(FileNotFoundError):  # it has just been closed
                files.append(os.readlink(f"{folder}/{descriptor}"))
    return files


def parent(process: int) -> int:
    """Return the process ID of the parent of a process."""
    _, _, fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")
    return int(fields.split()[1])


class Process(ProcessProtocol):
    """Keeps what a process prints, and tells when a certain line has come, and when it has ended.

    ``ended`` fires with the exit status, or with minus the number of the signal.
    """

    transport: IProcessTransport

    def __init__(self) -> None:
        self.output = ""
        self._text = {1: _decoder("replace"), 2: _decoder("replace")}
        self.ended: Deferred[int] = Deferred()
        self._awaited: list[tuple[re.Pattern[str], int, Deferred[re.Match[str]]]] = []

    def printed(self, pattern: str, times: int = 1) -> Deferred[re.Match[str]]:
        """Fires once what was printed, on stdout or stderr, matches so many times, with the last.

        Fails if the process ends before.
        """
        awaited: Deferred[re.Match[str]] = Deferred()
        self._awaited.append((re.compile(pattern), times, awaited))
        self._look()
        return awaited

    def signal(self, number: int) -> None:
        self.transport.signalProcess(number)

    async def stop(self) -> int:
        """End the process, if it still runs, and return its status."""
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("TERM")
        return await self.ended

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.output += self._text[childFD].decode(data)
        self._look()

    def _look(self) -> None:
        for each in self._awaited[:]:
            pattern, times, awaited = each
            match = next(islice(pattern.finditer(self.output), times - 1, None), None)
            if match is not None:
                self._awaited.remove(each)
                awaited.callback(match)

    def processEnded(self, reason: Failure) -> None:
        ended: Any = reason.value
        for _, _, awaited in self._awaited:
            awaited.errback(AssertionError(f"it ended, having printed: {self.output}"))
        self.ended.callback(-ended.signal if ended.signal else ended.exitCode)


def start(
    test: TestCase,
    *command: str,
    process: Process | None = None,
    environment: Mapping[str, str] = {},
    files: Mapping[int, int | str] = PIPES,
) -> Process:
    """Start a process, which is stopped when the test ends.

    ``environment`` are further variables; ``files`` is Twisted's childFDs.
    """
    process = process or Process()
    arguments = [*DIES_WITH_PARENT, *command]
    environment = {**os.environ, **environment}
    reactor.spawnProcess(process, arguments[0], arguments, env=environment, childFDs=files)
    test.addCleanup(process.stop)
    return process

"""Relays the log of a worker: lines of JSON on its stdout, which the supervisor logs."""

import os

from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from ecm.limits import MAX_LOG_LINE
from ecm.log.formats import from_json
from ecm.net.reactor import ReactorCore

_log = Logger()


class LogRelay(FileDescriptor):
    """Logs the lines of a worker, each behind its ``number``, with the level that it has there."""

    def __init__(self, pipe: int, number: int, reactor: ReactorCore) -> None:
        super().__init__(reactor)
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._number = number
        self._rest = b""
        self.connected = 1
        self.startReading()

    def fileno(self) -> int:
        return self._pipe

    def doRead(self) -> Exception | None:
        data = self._read()
        if data is not None:
            self._relay(data)
        return CONNECTION_DONE if data == b"" else None

    def drain(self) -> None:
        """Log what the worker has printed before its end, and the reactor has not read yet."""
        while not self.disconnected and (data := self._read()):
            self._relay(data)

    def _read(self) -> bytes | None:
        """Return what has come, nothing at the end, and None if the worker is to print more."""
        try:
            return os.read(self._pipe, MAX_LOG_LINE)
        except BlockingIOError:
            return None

    def _relay(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) >= MAX_LOG_LINE or not data:
            lines.append(self._rest)
            self._rest = b""
        for line in filter(None, lines):
            self._log(line)

    def _log(self, line: bytes) -> None:
        try:
            entry = from_json(line, self._number)
        except ValueError:  # Python has printed it while it crashed
            text = line.decode(errors="backslashreplace")
            _log.error("worker {number}: {text}", number=self._number, text=text)
        else:
            level = LogLevel.levelWithName(entry.level)
            Logger(entry.logger).emit(level, "{relayed.named_text}", relayed=entry)

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        os.close(self._pipe)

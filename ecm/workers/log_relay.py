"""Relays the log of a worker: lines of JSON on its stdout, which the supervisor logs."""

import json
import os
from contextlib import suppress
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import provider

from ecm.limits import MAX_LOG_LINE
from ecm.net.reactor import ReactorCore

_log = Logger()


@provider(ILogObserver)
def write_event(event: LogEvent) -> None:
    """Write an event of a worker as a line of JSON to its stdout. An observer of Twisted's log."""
    text = formatEvent(event)
    failure = event.get("log_failure")
    if failure is not None:
        text += "\n" + failure.getTraceback()
    level = event.get("log_level", LogLevel.info).name
    line = json.dumps([level, event.get("log_namespace", "-"), text])
    with suppress(OSError):  # the supervisor has gone, and the worker will end
        os.write(1, line.encode() + b"\n")


class LogRelay(FileDescriptor):
    """Logs the lines of a worker, each behind the worker's ``name``."""

    def __init__(self, pipe: int, name: str, reactor: ReactorCore) -> None:
        super().__init__(reactor)
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._name = name
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
        level, namespace, text = _parse(line)
        log = Logger(namespace)
        log.emit(level, "{worker}: {text}", worker=self._name, text=text)

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        os.close(self._pipe)


def _parse(line: bytes) -> tuple[Any, str, str]:
    """Return level, namespace and text. What Python prints when it crashes is not JSON."""
    try:
        level, namespace, text = json.loads(line)
        return LogLevel.levelWithName(level), str(namespace), str(text)
    except ValueError:
        return LogLevel.error, _log.namespace, line.decode(errors="replace")

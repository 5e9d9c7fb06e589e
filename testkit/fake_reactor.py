"""A reactor in memory: a clock, and file descriptors that are read when the test says so."""

from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import Clock
from twisted.python.failure import Failure


class FakeReactor(Clock):
    """Reads its readers at ``turn``. It is a ReactorCore as far as tests need it."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: IReadDescriptor) -> None:
        if reader not in self.readers:
            self.readers.append(reader)

    def removeReader(self, reader: IReadDescriptor) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def removeWriter(self, writer: object) -> None:
        """Nothing is written by way of the reactor."""

    def turn(self) -> None:
        """Read each descriptor once, and tell those that have ended."""
        for reader in tuple(self.readers):
            why = reader.doRead() if reader in self.readers else None
            if why is not None:
                self.removeReader(reader)
                reader.connectionLost(Failure(why))

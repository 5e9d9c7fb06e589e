"""The report of a worker: the last snapshot that it has sent. Pure."""

import attrs

from ecm.status.form import decode
from ecm.status.snapshot import Snapshot


class Report:
    """Keeps the snapshot of a worker as bytes, until somebody asks for it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._data = b""
        self._snapshot: Snapshot | None = None

    def received(self, data: bytes) -> None:
        """The worker has sent a snapshot."""
        self._data = data
        self._snapshot = None

    @property
    def snapshot(self) -> Snapshot | None:
        """The last one; None where nothing has come yet, or nothing that can be read."""
        if self._snapshot is None and self._data:
            try:
                self._snapshot = attrs.evolve(decode(self._data), number=self.number)
            except ValueError:
                self._data = b""  # it is of another version
        return self._snapshot

"""The numbers of connections from each address. Pure."""

from collections import Counter
from collections.abc import Hashable


class Addresses:
    """The connections that are counted, and the number of those from each address."""

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self._of: dict[Hashable, str] = {}

    def __getitem__(self, address: str) -> int:
        """The number of connections from an address."""
        return self._numbers[address]

    def add(self, connection: Hashable, address: str) -> None:
        """Count a connection as one from an address, until it is removed."""
        self._of[connection] = address
        self._numbers[address] += 1

    def remove(self, connection: Hashable) -> str | None:
        """Count a connection no more. Returns the address, if it was counted."""
        address = self._of.pop(connection, None)
        if address is not None:
            self._numbers[address] -= 1
            if not self._numbers[address]:
                del self._numbers[address]
        return address

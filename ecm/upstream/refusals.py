"""Clients that are refused one after the other, so that they come back so, too. Pure."""

from collections.abc import Iterable
from itertools import chain, islice

from ecm.upstream.pending import Partner


class Refusals:
    """Exchanges or streams of a lost link: ``least`` are refused each second, or more.

    Those that have been added together are all refused within ``time`` seconds.
    """

    def __init__(self, least: int, time: int) -> None:
        self._least = least
        self._time = time
        self._urgent: dict[int, tuple[Partner, str]] = {}
        self._partners: dict[int, tuple[Partner, str]] = {}
        self._at_once = least

    def __len__(self) -> int:
        return len(self._urgent) + len(self._partners)

    def add(self, partners: Iterable[Partner], why: str) -> None:
        """Refuse partners, the first of them now."""
        self._partners |= {each.id: (each, why) for each in partners}
        self._at_once = max(self._least, -(-len(self) // self._time))
        self.tick()

    def hasten(self, connection_id: int) -> None:
        """Refuse one before the others, if it is to be refused."""
        if connection_id in self._partners:
            self._urgent[connection_id] = self._partners.pop(connection_id)

    def remove(self, connection_id: int) -> bool:
        """Let one go whose client has gone. Returns whether there was one."""
        return self._take(connection_id) is not None

    def tick(self, all: bool = False) -> None:
        """Refuse those that are due; or all that are left."""
        number = len(self) if all else self._at_once
        for connection_id in [*islice(chain(self._urgent, self._partners), number)]:
            refused = self._take(connection_id)
            if refused is not None:  # it may have gone with another one of its connection
                partner, why = refused
                partner.rejected(why)

    def _take(self, connection_id: int) -> tuple[Partner, str] | None:
        taken = self._urgent.pop(connection_id, None)
        return taken or self._partners.pop(connection_id, None)

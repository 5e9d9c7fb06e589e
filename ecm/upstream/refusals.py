"""Clients that are refused one after the other, so that they come back so, too. Pure."""

from collections.abc import Iterable

from ecm.limits import REFUSAL_TIME, REFUSALS
from ecm.upstream.pending import Partner


class Refusals:
    """Exchanges and streams of a lost link: each is refused within a few ticks of a second."""

    def __init__(self) -> None:
        self._partners: dict[int, tuple[Partner, str]] = {}
        self._at_once = REFUSALS

    def __len__(self) -> int:
        return len(self._partners)

    def add(self, partners: Iterable[Partner], why: str) -> None:
        """Refuse exchanges and streams, the first of them now."""
        self._partners |= {each.id: (each, why) for each in partners}
        self._at_once = max(REFUSALS, -(-len(self._partners) // REFUSAL_TIME))
        self.tick()

    def remove(self, connection_id: int) -> bool:
        """Let one go whose client has gone. Returns whether there was one."""
        return self._partners.pop(connection_id, None) is not None

    def tick(self, all: bool = False) -> None:
        """Refuse those that are due; or all that are left."""
        number = len(self._partners) if all else self._at_once
        for connection_id in [*self._partners][:number]:
            refused = self._partners.pop(connection_id, None)
            if refused is not None:  # it may have gone with another one of its connection
                partner, why = refused
                partner.rejected(why)

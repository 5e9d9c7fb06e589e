"""Requests that are refused one after the other, so that their clients come back so, too. Pure."""

from ecm.limits import REFUSAL_TIME, REFUSALS
from ecm.upstream.pending import Pending


class Refusals:
    """Exchanges whose answers will not come: each is refused within a few ticks of a second."""

    def __init__(self) -> None:
        self._exchanges: dict[int, tuple[Pending, str]] = {}
        self._at_once = REFUSALS

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, exchanges: list[Pending], why: str) -> None:
        """Refuse exchanges, the first of them now."""
        self._exchanges |= {each.id: (each, why) for each in exchanges}
        self._at_once = max(REFUSALS, -(-len(self._exchanges) // REFUSAL_TIME))
        self.tick()

    def remove(self, connection_id: int) -> bool:
        """Let an exchange go that nobody waits for. Returns whether there was one."""
        return self._exchanges.pop(connection_id, None) is not None

    def tick(self, all: bool = False) -> None:
        """Refuse those that are due; or all that are left."""
        number = len(self._exchanges) if all else self._at_once
        for connection_id in [*self._exchanges][:number]:
            refused = self._exchanges.pop(connection_id, None)
            if refused is not None:  # it may have gone with another one of its connection
                exchange, why = refused
                exchange.rejected(why)

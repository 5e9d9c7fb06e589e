"""Answers that the kernel holds, because the client does not take them.

What the kernel has taken is sent, for a transport: a client that reads nothing would have it hold
a buffer's worth for as long as the connection lasts.
"""

from typing import Final, Protocol

from ecm.limits import SEND_SIZE
from ecm.net.transport import IStreamTransport, kernel_queue

_NEW: Final = (0, 0.0)


class Taker(Protocol):
    """A connection on which much has been sent."""

    transport: IStreamTransport


class Taking:
    """Looks each second at those to whom much was sent, until they have taken all of it.

    A client may be sent more meanwhile: what there was at the first look has to be taken in
    ``send_timeout`` seconds, and the same again for each SEND_SIZE bytes; then what there is then.
    """

    def __init__(self, send_timeout: int) -> None:
        self._send_timeout = send_timeout
        # How many bytes each has to have taken, since its connection was made, and until when.
        self._watched: dict[Taker, tuple[int, float]] = {}

    def __contains__(self, taker: Taker) -> bool:
        return taker in self._watched

    def watch(self, taker: Taker) -> None:
        """Much has been sent to one."""
        self._watched.setdefault(taker, _NEW)

    def forget(self, taker: Taker) -> None:
        """One has gone."""
        self._watched.pop(taker, None)

    def tick(self, now: float) -> None:
        """Cut those that have not taken in time what they were sent."""
        for taker, (due, until) in tuple(self._watched.items()):
            taken, queued = kernel_queue(taker.transport)
            if not queued:
                self.forget(taker)
            elif taken >= due:
                time = self._send_timeout * (1 + queued // SEND_SIZE)
                self._watched[taker] = (taken + queued, now + time)
            elif now >= until:
                taker.transport.abortConnection()

"""A timeout for bytes that the kernel has taken and the client has not acknowledged.

To a transport they are sent: the kernel would hold a send buffer's worth of them for a client that
reads nothing, for as long as the connection lasts.
"""

from typing import Final

from ecm.limits import SEND_SIZE
from ecm.net.transport import IStreamTransport, kernel_queue

_NEW: Final = (0, 0.0)


class AckTimeout:
    """Looks once a second at each watched transport until all is acknowledged.

    The client must acknowledge what was outstanding at the first look within ``send_timeout``
    seconds, and the same again for each SEND_SIZE bytes of it; then what is outstanding at that
    moment, and so on. So more may be sent meanwhile.
    """

    def __init__(self, send_timeout: int) -> None:
        self._send_timeout = send_timeout
        # The bytes that each must have acknowledged since it was connected, and the deadline.
        self._watched: dict[IStreamTransport, tuple[int, float]] = {}

    def __contains__(self, transport: IStreamTransport) -> bool:
        return transport in self._watched

    def watch(self, transport: IStreamTransport) -> None:
        """Much has been sent on a connection."""
        self._watched.setdefault(transport, _NEW)

    def unwatch(self, transport: IStreamTransport) -> None:
        """A connection has closed."""
        self._watched.pop(transport, None)

    def tick(self, now: float) -> int:
        """Abort the connections past their deadlines; unwatch those with nothing outstanding.

        Returns the number of those that were aborted.
        """
        aborted = 0
        for transport, (due, deadline) in tuple(self._watched.items()):
            acknowledged, queued = kernel_queue(transport)
            if not queued:
                self.unwatch(transport)
            elif acknowledged >= due:
                time = self._send_timeout * (1 + queued // SEND_SIZE)
                self._watched[transport] = (acknowledged + queued, now + time)
            elif now >= deadline:
                transport.abortConnection()
                aborted += 1
        return aborted

"""A timeout for bytes that the kernel has taken and the client has not acknowledged.

To a transport they are sent: the kernel would hold a send buffer's worth of them for a client that
reads nothing, for as long as the connection lasts.
"""

from typing import Final, Protocol

from ecm.limits import SEND_SIZE
from ecm.net.transport import IStreamTransport, kernel_queue

_NEW: Final = (0, 0.0)


class Watched(Protocol):
    """A connection on which much has been sent."""

    transport: IStreamTransport


class AckTimeout:
    """Looks once a second at each watched connection until all is acknowledged.

    The client must acknowledge what was outstanding at the first look within ``send_timeout``
    seconds, and the same again for each SEND_SIZE bytes of it; then what is outstanding at that
    moment, and so on. So more may be sent meanwhile.
    """

    def __init__(self, send_timeout: int) -> None:
        self._send_timeout = send_timeout
        # The bytes that each must have acknowledged since it was connected, and the deadline.
        self._watched: dict[Watched, tuple[int, float]] = {}

    def __contains__(self, connection: Watched) -> bool:
        return connection in self._watched

    def watch(self, connection: Watched) -> None:
        """Much has been sent on a connection."""
        self._watched.setdefault(connection, _NEW)

    def unwatch(self, connection: Watched) -> None:
        """A connection has closed."""
        self._watched.pop(connection, None)

    def tick(self, now: float) -> None:
        """Abort the connections past their deadlines; unwatch those with nothing outstanding."""
        for connection, (due, deadline) in tuple(self._watched.items()):
            acknowledged, queued = kernel_queue(connection.transport)
            if not queued:
                self.unwatch(connection)
            elif acknowledged >= due:
                time = self._send_timeout * (1 + queued // SEND_SIZE)
                self._watched[connection] = (acknowledged + queued, now + time)
            elif now >= deadline:
                connection.transport.abortConnection()

"""ECM's end of a link that carries streams, by hand (docs/protocol.md, "Streams")."""

from collections.abc import Callable

from testkit.resuming_end import ResumingEnd

WINDOW = 65536  # bytes that may come on a stream and not be given back, and mod_ecm's, too
_OVERHEAD = 40  # of a message, whose packet counts

Received = Callable[[str, bytes], None]


class StreamingEnd(ResumingEnd):
    """A link. Each stream has an ID of its own, and is told what comes: the kind, and the rest."""

    offer = f"features=parts,resume,streams window={WINDOW}"
    window: float = WINDOW  # bytes that a client may send before they are given back

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._streams: dict[int, Received] = {}

    def open(self, line: str, received: Received) -> int:
        """Open a stream. Returns its ID."""
        self._last_id += 1
        self._streams[self._last_id] = received
        self._send(self._last_id, f"open {line}".encode())
        return self._last_id

    def say(self, stream: int, content: bytes) -> None:
        """Send a packet on a stream."""
        self._send(stream, content)

    def received(self, connection_id: int, content: bytes) -> None:
        if connection_id not in self._streams:
            super().received(connection_id, content)
            return
        self.got += 1
        line, _, body = content.partition(b"\n")
        kind, _, words = line.decode().partition(" ")
        self._streams[connection_id](kind, body or words.encode())


def cost(message: bytes) -> int:
    """Return the bytes for which a message counts."""
    return len(message) + _OVERHEAD

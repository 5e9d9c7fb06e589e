"""The streams of one link: their messages, and the credit for them in both directions.

A stream stays with its link, and survives its connections; it ends with the link. What the send
queue cannot take is left to the clients: their connections are not read.
"""

from collections.abc import Callable, Iterator
from typing import Final

from ecm.link import message
from ecm.link.credit import OVERHEAD, Windows
from ecm.link.message import MESSAGE
from ecm.link.packet import encode
from ecm.metrics import Metrics
from ecm.upstream.send_queue import SendQueue
from ecm.upstream.stream import Stream

# Faults of ejabberd.
TOO_MUCH: Final = "a message beyond the window"
TOO_MUCH_BACK: Final = "credit for more than was sent"
TOO_LATE: Final = "a message behind left"


class Streams:
    """The streams of one link, by ID.

    ``are_carried`` says whether the link carries any: without, nothing else is called. With
    ``can_leave`` ejabberd can be asked for its last message on a stream.
    ``max_message`` is the bytes of the longest message that ejabberd takes.
    """

    def __init__(
        self,
        queue: SendQueue,
        windows: Windows,
        max_packet: int,
        metrics: Metrics,
        can_leave: bool = False,
    ) -> None:
        """``max_packet`` is the bytes of the longest packet that both ends take."""
        self.are_carried = windows.own > 0 and windows.peer > 0
        self.max_message = max_packet - OVERHEAD
        self._queue = queue
        self._windows = windows
        self._metrics = metrics
        self.can_leave = can_leave
        self._streams: dict[int, Stream] = {}
        # Those that may send as soon as the queue is not full any more.
        self._blocked: dict[int, Stream] = {}
        # Those on which ejabberd has said its last word.
        self._left: set[int] = set()
        self._hasten: Callable[[int], None] | None = None

    def __len__(self) -> int:
        return len(self._streams)

    def __contains__(self, connection_id: int) -> bool:
        return connection_id in self._streams

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._streams.values())

    # From the front end.

    def message(self, stream: Stream, body: bytes) -> None:
        """Send a message of a client, of ``max_message`` bytes at most."""
        if stream.id in self._streams:
            self._windows.send(stream, body)
            self._queue.write(encode(stream.id, MESSAGE + body))

    def may_send(self, stream: Stream) -> bool:
        """Return whether a stream may send another message. If not, it is told ``more``."""
        if stream.id not in self._streams:
            if self._hasten is not None:
                self._hasten(stream.id)
            return False
        if self._queue.is_full:
            self._blocked[stream.id] = stream
            return False
        return self._windows.may_send(stream)

    def taken(self, stream: Stream) -> None:
        """The client has taken all that has come: give it back once it is enough."""
        size = self._windows.give_back(stream)
        if size and stream.id in self._streams:
            self._queue.write(encode(stream.id, message.encode("more", [str(size)])))

    def leave(self, stream: Stream) -> bool:
        """Have ejabberd send the last message of a stream: it is told ``left`` behind that.

        Returns False if the stream cannot end so.
        """
        if not self.can_leave or stream.id not in self._streams:
            return False
        self._queue.write(encode(stream.id, message.encode("leave")))
        return True

    # From the pool and the link.

    def open(self, stream: Stream, content: bytes) -> None:
        """Begin a stream with what ``open_line`` makes."""
        self._streams[stream.id] = stream
        self._metrics.streams += 1
        self._queue.write(encode(stream.id, content))

    def resume(self) -> None:
        """The send queue takes packets again."""
        blocked, self._blocked = self._blocked, {}
        for stream in blocked.values():
            if stream.id in self._streams:  # it may have gone with another one
                stream.more()

    def take(self, connection_id: int) -> Stream | None:
        """Let a stream go, if there is one with this ID, and return it."""
        self._blocked.pop(connection_id, None)
        self._left.discard(connection_id)
        return self._streams.pop(connection_id, None)

    def take_all(self, hasten: Callable[[int], None]) -> list[Stream]:
        """Give up all streams: the link is down. Those whose clients wait to send come first.

        ``hasten`` is called with the ID of each of the others whose client sends something.
        """

        def is_free(stream: Stream) -> bool:  # nothing that its client has sent can wait here
            return stream.id not in self._blocked and self._windows.may_send(stream)

        self._hasten = hasten
        lost = sorted(self._streams.values(), key=is_free)
        self._streams.clear()
        self._blocked.clear()
        self._left.clear()
        self._metrics.streams_lost += len(lost)
        return lost

    # From ejabberd.

    def received(self, connection_id: int, body: bytes) -> str:
        """Pass a message on. Returns what is wrong with it, or an empty string."""
        stream = self._streams.get(connection_id)
        if stream is None:
            self._metrics.late += 1
            return ""
        if not self._windows.receive(stream, body):
            return TOO_MUCH
        if self._left and connection_id in self._left:
            return TOO_LATE
        stream.received(body)
        return ""

    def credited(self, connection_id: int, size: int) -> str:
        """Count what ejabberd gives back. Returns what is wrong with it, or an empty string."""
        stream = self._streams.get(connection_id)
        if stream is None:
            return ""
        could_send = self._windows.may_send(stream)
        if not self._windows.credit(stream, size):
            return TOO_MUCH_BACK
        if not could_send and self.may_send(stream):
            stream.more()
        return ""

    def left(self, connection_id: int) -> None:
        """Note that ejabberd has sent the last message of a stream."""
        stream = self._streams.get(connection_id)
        if stream is not None:
            self._left.add(connection_id)
            stream.left()

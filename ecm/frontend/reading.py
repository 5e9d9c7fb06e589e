"""The reading side of a connection: bytes to requests, as many as may be in flight."""

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from ecm.frontend.connection import ClientConnection, Phase
from ecm.frontend.ordering import OrderedConnection, ProxiedPeer
from ecm.frontend.registry import Registry
from ecm.http.incoming import Incoming
from ecm.http.request import Request, RequestError
from ecm.http.response import CONTINUE
from ecm.limits import MAX_PIPELINED, STEPS_AT_ONCE


class ReadingConnection(OrderedConnection):
    """A connection on which requests are begun in their order, a few before the first response."""

    __slots__ = ("_incoming", "_paused")

    def __init__(self, registry: Registry, peer: ProxiedPeer | None = None) -> None:
        super().__init__(registry, peer)
        # A request that is not complete, and what may not be in flight yet.
        self._incoming: Incoming | None = None
        # Whether the transport is paused.
        self._paused = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._drop_incoming()
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        if self._no_more_requests:
            return
        if self._incoming is None:
            request = self.registry.head_cache.get(data)
            if request is not None and self._has_room():
                self.pump(request)
                return
        self._on_bytes(data)

    def _on_bytes(self, data: bytes) -> None:
        """Take bytes that are not a whole request with a known head, or may not be begun yet."""
        is_first = self._incoming is None and self._has_room()
        self._incoming = incoming = self._incoming or Incoming(self.registry.settings.request)
        incoming.add(data)
        if is_first and (request := incoming.only()):
            self.registry.head_cache.add(data, request)
        self.pump()

    def _has_room(self) -> bool:
        """Return whether one more request may be in flight, or has to wait."""
        if 1 + len(self.behind) >= MAX_PIPELINED:
            return False
        return not (self._write_blocked and self._is_behind())

    def pump(self, arrived: Request | RequestError | None = None) -> None:
        """Begin ``arrived``, write responses that are ready, and begin the requests that waited.

        A response that is given meanwhile is only marked: this loop is never entered twice. It
        takes a few steps at a time, and goes on later: meanwhile others have their turn.
        """
        if self._pumping:
            return
        has_held = self._write_blocked or self._incoming is not None or self.behind
        self._pumping = True
        steps = 0
        try:
            if arrived is not None:
                self._dispatch(arrived)
            self._write_ready()
            while self._incoming is not None and self._go_on():
                self._write_ready()
                steps += 1
                if steps == STEPS_AT_ONCE:
                    abort = self.transport.abortConnection
                    self.registry.sockets.go_on_later(self.pump, abort)
        finally:
            self._pumping = False
        if has_held or self._write_blocked or self._incoming is not None or self.behind:
            self._look_at_held()
        else:
            self._update_phase()

    def _look_at_held(self) -> None:
        """See what follows from what is held, or was: whether to read on, and whether to shed.

        Requests that must wait are kept. The client gets a 100 where one of them needs it.
        """
        if self._incoming is not None:
            if self._no_more_requests or self._incoming.empty:
                self._drop_incoming()
            elif self.exchange is None and self._incoming.needs_continue():
                self._send(CONTINUE)  # while others are in flight, their responses come first
        self.update_reading()
        self.registry.count_held(self)

    def _go_on(self) -> bool:
        """Begin the next request, or parse a part of it; return whether there was one."""
        incoming = self._incoming
        if incoming is None or self._no_more_requests or not self._has_room():
            return False
        if self.registry.sockets.is_for_later(self.pump):
            return False
        arrived = incoming.peek()
        if arrived is None:
            return incoming.waits
        incoming.pop()
        self._dispatch(arrived)
        return True

    def _dispatch(self, arrived: Request | RequestError) -> None:
        """Begin the exchange of a request, or of an error in its place."""

    def _drop_incoming(self) -> None:
        if self._incoming is not None:
            self._incoming.close()
            self._incoming = None

    def _reject_incoming(self, error: RequestError) -> None:
        """Respond with an error, behind what is in flight, to what cannot become a request."""
        self._drop_incoming()
        self.pump(error)
        self._look_at_held()

    def hand_over(self, successor: ClientConnection) -> bytes:
        behind = self._incoming.close() if self._incoming is not None else b""
        self._incoming = None
        if self._paused:
            self.transport.resumeProducing()
        return super().hand_over(successor) + behind

    def update_reading(self) -> None:
        if self.phase == Phase.HANDED_OVER:
            return  # others do that
        wanted = (
            self.registry.reading
            and 1 + len(self.behind) < MAX_PIPELINED
            and (self._incoming is None or not self._incoming.waits)
            and not (self._write_blocked and self.phase != Phase.CLOSING and self._is_behind())
        )
        if wanted is self._paused:
            self._paused = not wanted
            (self.transport.resumeProducing if wanted else self.transport.pauseProducing)()
        if not self._pumping:  # otherwise at the end of that
            self._update_phase()

    def _update_phase(self) -> None:
        """Enter the phase of what the connection waits for."""

    @property
    def held(self) -> int:
        held = self._incoming.size if self._incoming is not None else 0
        for exchange in self.exchanges:
            if isinstance(exchange.response, bytes):
                held += len(exchange.response)
        return held + super().held

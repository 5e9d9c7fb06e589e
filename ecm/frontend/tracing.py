"""A trace: the next requests of one address, for an operator: when, how long, with which status.

Bodies and headers are not kept. While nobody traces, no request knows of it: a trace puts its own
handlers in the place of all others, and takes them away again.
"""

from collections.abc import Generator
from ipaddress import ip_address
from typing import Any, Final

import attrs

from ecm.frontend.client import client_of
from ecm.frontend.exchange import Exchange, Handler
from ecm.frontend.registry import Registry
from ecm.http.request import Request
from ecm.limits import MAX_TIMEOUT, MAX_TRACED
from ecm.questions import Words

# Characters of a path that are kept.
_PATH: Final = 100

# The descriptor of the slot that _Traced has its property for.
_RESPONSE: Final[Any] = Exchange.__dict__["response"]


class Tracing:
    """Answers questions with what was traced since the last one, and goes on so.

    A trace ends once its time is over, or once it is asked for with 0 seconds.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._usual = registry.routes
        self._until = 0.0
        self._trace: _Trace | None = None
        registry.clock.listen(self._tick)

    def answer(self, question: Words) -> Words:
        """Trace ``address`` for so many ``seconds`` from now; return the ``requests`` since.

        ``missed`` is the number of those that there was no room for. Raises ValueError if the
        question is none.
        """
        match question:
            case {"address": str(address), "seconds": int(seconds)} if 0 <= seconds <= MAX_TIMEOUT:
                address = f"{ip_address(address)}"
            case _:
                raise ValueError("give an address, and seconds")
        if self._trace is None or self._trace.address != address:
            self._begin(address)
        assert self._trace is not None
        self._until = self._registry.clock.now + seconds
        words = self._trace.take()
        if not seconds:
            self._end()
        return words

    def _begin(self, address: str) -> None:
        self._end()
        trace = self._trace = _Trace(address, self._registry)
        routes = self._registry.routes
        self._usual = routes
        self._registry.routes = attrs.evolve(
            routes,
            by_path={path: _TracedHandler(each, trace) for path, each in routes.by_path.items()},
            otherwise=_TracedHandler(routes.otherwise, trace),
        )

    def _end(self) -> None:
        if self._trace is not None:
            self._trace = None
            self._registry.routes = self._usual

    def _tick(self, now: float) -> None:
        if now > self._until:
            self._end()


class _Trace:
    """The requests of one address that nobody has asked for yet, and those in flight."""

    def __init__(self, address: str, registry: Registry) -> None:
        self.address = address
        self._registry = registry
        self._in_flight: dict[Exchange, tuple[Words, float]] = {}
        self._done: list[Words] = []
        self._missed = 0

    def take(self) -> Words:
        """Return what is complete, and keep it no more."""
        taken = {"requests": self._done, "missed": self._missed}
        self._done, self._missed = [], 0
        return taken

    def begins(self, exchange: Exchange, request: Request) -> None:
        """Note a request, if it is one of the address."""
        clock, connection = self._registry.clock, exchange.connection
        address, *_ = client_of(connection, request.head, self._registry.settings.proxies)
        if address != self.address:
            return
        if len(self._in_flight) + len(self._done) >= MAX_TRACED:
            self._missed += 1
            return
        words = {
            "time": clock.wall + clock.seconds() - clock.now,
            "method": request.head.method.decode("latin-1"),
            "path": request.head.path.decode("latin-1")[:_PATH],
            "size": len(request.body),
        }
        self._in_flight[exchange] = words, clock.seconds()

    def responds(self, exchange: Exchange, response: object) -> None:
        """Note the response to a request, if it is one of those; its length if it is known."""
        if isinstance(response, bytes):
            self._ends(exchange, status=int(response[9:12]), response=len(response))
        else:
            self._ends(exchange)

    def leaves(self, exchange: Exchange, reason: str) -> None:
        """Note that a request has no response."""
        self._ends(exchange, why=reason)

    def _ends(self, exchange: Exchange, **more: object) -> None:
        words, began = self._in_flight.pop(exchange, ({}, 0.0))
        if words:
            held = self._registry.clock.seconds() - began
            self._done.append({**words, "held": round(held, 3), **more})


class _TracedHandler:
    """The handler of a path, with exchanges that tell a trace of themselves."""

    def __init__(self, handler: Handler, trace: _Trace) -> None:
        self._handler = handler
        self._trace = trace
        names = {"__slots__": (), "trace": trace}
        self.exchange: type[Exchange] = type("Traced", (_Traced, handler.exchange), names)

    def handle(self, exchange: Exchange, request: Request) -> None:
        self._trace.begins(exchange, request)
        self._handler.handle(exchange, request)
        if exchange.response is None and exchange not in exchange.connection.exchanges:
            self._trace.leaves(exchange, "handed over")  # a WebSocket has begun


class _Traced(Exchange):
    """Stands before the class of an exchange, which keeps its response as before."""

    __slots__ = ()

    trace: _Trace

    @property
    def response(self) -> bytes | Generator[bytes, None, None] | None:
        return _RESPONSE.__get__(self)  # type: ignore[no-any-return]

    @response.setter
    def response(self, response: bytes | Generator[bytes, None, None] | None) -> None:
        _RESPONSE.__set__(self, response)
        if response is not None:
            self.trace.responds(self, response)

    def cancel(self, reason: str) -> None:
        super().cancel(reason)
        if self.response is None:
            self.trace.leaves(self, reason)

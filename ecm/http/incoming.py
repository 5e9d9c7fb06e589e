"""The queue of a connection's requests that are not in flight: bytes in, requests out. Pure.

A client may pipeline any number of requests, of which few are in flight. The others stay bytes:
parsed they would take several times as much.
"""

from http import HTTPStatus

from ecm.http.request import Request, RequestError, RequestLimits
from ecm.http.request_parser import RequestParser
from ecm.limits import PARTIAL_SIZE


class Incoming:
    """A parser that is asked for one request after the other. Empty queues are thrown away."""

    __slots__ = ("_looked", "_next", "_parser")

    def __init__(self, limits: RequestLimits) -> None:
        self._parser = RequestParser(limits)
        # The next request, or the error in its place; and whether it is known that there is none.
        self._next: Request | RequestError | None = None
        self._looked = True

    def add(self, data: bytes) -> None:
        """Take bytes."""
        self._parser.add(data)
        self._looked = False

    def peek(self) -> Request | RequestError | None:
        """Return the next request, or the error that stands in its place; None if neither is whole,
        or if it ``waits`` still: a body in small chunks is parsed a part at a time.

        Behind an error there is nothing.
        """
        if self._next is None and not self._looked:
            try:
                self._next = self._parser.next()
                self._looked = not self._parser.is_behind
            except RequestError as error:
                self.close()
                self._next = error.with_traceback(None)  # which refers to us
        return self._next

    def pop(self) -> None:
        """Take the next request away."""
        self._next = None
        self._looked = self._parser.idle

    def only(self) -> Request | None:
        """Return the next request, if nothing has come but that."""
        first = self.peek()
        return first if isinstance(first, Request) and self._parser.idle else None

    @property
    def waits(self) -> bool:
        """True while a request is left to be begun, or bytes to be parsed."""
        return self._next is not None or not self._looked

    @property
    def empty(self) -> bool:
        """True while nothing is held, so that the queue may be thrown away."""
        return not self.waits and self._parser.idle

    @property
    def in_body(self) -> bool:
        """True once the head of the next request is complete."""
        return self._parser.in_body

    @property
    def size(self) -> int:
        """About how many bytes of memory all this takes."""
        size = self._parser.held
        if isinstance(self._next, Request):
            size += len(self._next.body)
        return size if self.waits or self._parser.idle else size + PARTIAL_SIZE

    def needs_continue(self) -> bool:
        """Return whether the client waits for a 100 (RFC 9110, section 10.1.1): once it is true."""
        if not self._parser.expects_continue:
            return False
        self._parser.expects_continue = False
        return True

    def timeout_error(self) -> RequestError:
        """Return the error of a request that was not complete in time."""
        return self._parser.timeout_error()

    def overload_error(self, why: str) -> RequestError:
        """Return the error of a request for which there is no room."""
        if self.waits:
            text = f"{why}. Please try again"
            return RequestError(HTTPStatus.SERVICE_UNAVAILABLE, text, method=self._method)
        return self._parser.timeout_error()

    @property
    def _method(self) -> bytes:
        """The method of the next request, or of the error in its place, if it is known."""
        if self._next is None:
            return self._parser.came()[0]
        return self._next.head.method if isinstance(self._next, Request) else self._next.method

    def close(self) -> bytes:
        """Let go of everything. Returns the bytes behind the requests that were found."""
        self._next = None
        self._looked = True
        return self._parser.clear()

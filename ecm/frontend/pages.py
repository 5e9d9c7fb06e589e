"""What is between a client's connection and that which answers requests that are no BOSH."""

from collections.abc import Callable
from typing import Protocol

from twisted.python.failure import Failure

from ecm.http.request import Request
from ecm.net.transport import IStreamTransport


class PageExchange(Protocol):
    """A request that is no BOSH, and is being answered from elsewhere."""

    finished: bool

    def client_gone(self, reason: Failure) -> None:
        """The connection has closed before the answer was complete."""


class PageClient(Protocol):
    """What such an exchange needs of the connection."""

    transport: IStreamTransport

    def page_goes_on(self) -> None:
        """More of the answer has been written, as the client has taken what was before."""

    def page_done(self) -> None:
        """The answer is complete."""


# Starts the answer to a request; the bytes are a header line that it has to have, or nothing.
Pages = Callable[[PageClient, Request, bytes], PageExchange]

"""A connection on which requests may be answered from elsewhere, by twisted.web."""

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from ecm.frontend.connection import Connections, Phase
from ecm.frontend.pages import PageExchange, Pages
from ecm.frontend.sending import SendingConnection
from ecm.http.request import Request
from ecm.net.transport import unsent


class PageConnection(SendingConnection):
    """Lets one such answer at a time be written straight to the transport."""

    __slots__ = ("_last", "_page")

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections)
        # Whether the last request has been made: nothing counts that comes behind it.
        self._last = False
        # The request that is answered from elsewhere.
        self._page: PageExchange | None = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._last = True
        if self._page is not None:
            self._page.client_gone(reason)
            self._page = None

    def _begin_page(self, pages: Pages, request: Request, connection: bytes) -> None:
        """Have a request answered; ``connection`` is a header line of the answer, or nothing."""
        self._stop_waiting()  # twisted.web may have a producer of its own
        self._direct = False
        page = pages(self, request, connection)
        if page.finished:
            self._page_written()
        else:
            self._page = page
            self._enter(Phase.TAKING)

    def page_goes_on(self) -> None:
        """More of a page has been written, as the client has taken what was before."""
        self.deadline = self._connections.deadlines[Phase.TAKING]
        self._connections.budget.look(self)
        self._connections.ack_timeout.watch(self)

    def page_done(self) -> None:
        """A page is complete."""
        if self._page is not None:  # else it was so at once, and _begin_page sees to it
            self._page = None
            self._page_written()
            self._go_on()
            self._connections.budget.look(self)

    def _page_written(self) -> None:
        if self._last:
            self._shut()
        elif left := unsent(self.transport):
            self._await_taking(left)

    def _go_on(self) -> None:
        """Begin what has waited and may begin now, and read on."""

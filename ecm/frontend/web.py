"""Requests for files, for the paths that are no BOSH, through twisted.web.

ECM has the connection and has parsed the request; twisted.web gets the one request, and writes the
response straight to the client's transport. Only this module and ``static`` need twisted.web: ECM
imports them where there are files to serve.
"""

from twisted.internet.interfaces import IAddress, IPullProducer, IPushProducer, ISSLTransport
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.server import Request as WebRequest
from twisted.web.server import Site

from ecm.frontend.pages import PageClient
from ecm.frontend.static.handler import Files
from ecm.http.request import Request


class WebExchange:
    """One request and its response; for twisted.web the channel on which both go."""

    factory = None  # where twisted.web would look for an access log

    def __init__(self, site: Site, client: PageClient, connection: bytes) -> None:
        self.site = site
        self.transport = client.transport
        self.finished = False
        self._client = client
        self._connection = connection

    def start(self, request: Request) -> None:
        """Let the site answer the request."""
        self._request = self.site.requestFactory(self)
        for name, value in request.head.headers:
            self._request.requestHeaders.addRawHeader(name, value)
        self._request.gotLength(len(request.body))
        self._request.handleContentChunk(request.body)
        version = b"HTTP/1.0" if request.head.http10 else b"HTTP/1.1"
        self._request.requestReceived(request.head.method, request.head.path, version)

    def client_gone(self, reason: Failure) -> None:
        """The connection has closed before the answer was complete."""
        self._request.connectionLost(reason)

    # What twisted.web calls.

    def getPeer(self) -> IAddress:
        return self.transport.getPeer()

    def getHost(self) -> IAddress:
        return self.transport.getHost()

    def isSecure(self) -> bool:
        return ISSLTransport.providedBy(self.transport)

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        lines = [b"HTTP/1.1 %b %b\r\n" % (code, reason), self._connection]
        for name, values in headers.getAllRawHeaders():
            lines += [b"%b: %b\r\n" % (name, value) for value in values]
        self.transport.write(b"%b\r\n" % b"".join(lines))

    def write(self, data: bytes) -> None:
        self.transport.write(data)
        self._client.page_goes_on()

    def writeSequence(self, data: list[bytes]) -> None:
        self.transport.writeSequence(data)

    def registerProducer(self, producer: IPullProducer | IPushProducer, streaming: bool) -> None:
        self.transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        self.transport.unregisterProducer()

    def loseConnection(self) -> None:
        self.transport.loseConnection()

    def requestDone(self, request: WebRequest) -> None:
        self.finished = True
        self._client.page_done()


class WebPages:
    """Answers requests with the files below ``folder``; what ``ClientFactory`` takes as pages."""

    def __init__(self, folder: str) -> None:
        self._site = Site(Files(folder), parsePOSTFormSubmission=False)

    def __call__(self, client: PageClient, request: Request, connection: bytes) -> WebExchange:
        exchange = WebExchange(self._site, client, connection)
        exchange.start(request)
        return exchange

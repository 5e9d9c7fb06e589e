"""A client that sends all its requests on one connection, without waiting for the answers.

libpurple did so for years, with the headers that are used here (RFC 9112, section 9.3.2).
"""

from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.interfaces import IProtocol, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import ResponseDone

from ecm.tools.bosh.http import cut

REQUEST = b"""\
POST %b HTTP/1.1\r
Host: %b\r
User-Agent: Finch 2.7.0 (libpurple 2.7.0)\r
Content-Encoding: text/xml; charset=utf-8\r
Content-Length: %d\r
\r
%b"""


@attrs.frozen
class Answer:
    """The part of a response that treq.content() uses."""

    code: int
    body: bytes

    @property
    def length(self) -> int:
        return len(self.body)

    def deliverBody(self, reader: IProtocol) -> None:
        reader.dataReceived(self.body)
        reader.connectionLost(Failure(ResponseDone()))


class Pipeline(Protocol):
    """The connection. What BoshClient needs of treq's HTTPClient is ``post``."""

    transport: ITCPTransport

    def __init__(self) -> None:
        self.closed: Deferred[None] = Deferred()
        self.deepest = 0  # requests in flight at a time
        self._in_flight: deque[Deferred[Answer]] = deque()
        self._received = b""

    def post(self, url: str, data: bytes, headers: Mapping[str, str]) -> Deferred[Answer]:
        target = urlsplit(url)
        host, path = target.netloc.encode(), target.path.encode()
        self.transport.write(REQUEST % (path, host, len(data), data))
        answer: Deferred[Answer] = Deferred()
        self._in_flight.append(answer)
        self.deepest = max(self.deepest, len(self._in_flight))
        return answer

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        while (answer := self._take_answer()) is not None:
            self._in_flight.popleft().callback(answer)

    def _take_answer(self) -> Answer | None:
        if (found := cut(self._received)) is None:
            return None
        self._received = found.rest
        return Answer(found.status, found.body)

    def close(self) -> Deferred[None]:
        self.transport.loseConnection()
        return self.closed

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.callback(None)


async def connect(test: TestCase, url: str) -> Pipeline:
    """Connect to the server of a URL, until the test ends."""
    target = urlsplit(url)
    endpoint = HostnameEndpoint(reactor, target.hostname or "", target.port or 80)
    pipeline: Pipeline = await connectProtocol(endpoint, Pipeline())
    test.addCleanup(pipeline.close)
    return pipeline

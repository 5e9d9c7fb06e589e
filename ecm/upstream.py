"""The link's side: one connection to ejabberd, kept up for as long as ECM runs."""

import random

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm import limits
from ecm.framer import PacketReceiver
from ecm.packet import LINK_ID, PacketError, encode
from ecm.request import Request
from ecm.table import ConnectionTable, Waiting

_log = Logger()


@implementer(IPushProducer)
class LinkProtocol(PacketReceiver):
    """The link while it is up. The content of a packet is the body of a request or an answer."""

    def __init__(self, table: ConnectionTable, max_packet: int, max_queue: int) -> None:
        super().__init__(max_packet)
        self._table = table
        # Packets that wait because the transport is stuck, and their bytes.
        self._max_queue = max_queue
        self._queue: list[bytes] = []
        self._queued = 0
        self._stuck = False
        self._full = False

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)
        if ITCPTransport.providedBy(self.transport):  # not so on a UNIX socket
            self.transport.setTcpNoDelay(True)
        _log.info("link up")
        self._table.link_up(self)

    def send_request(self, waiting: Waiting, request: Request) -> None:
        """Send the body of a request, under the ID of who waits for the answer."""
        packet = encode(waiting.id, request.body)
        if self._stuck:
            self._keep(packet)
        else:
            self.transport.write(packet)

    def abort(self) -> None:
        """Close the link at once, whatever there is to be sent."""
        self.transport.abortConnection()

    # The queue. The transport says when ejabberd takes less than it is sent.

    def pauseProducing(self) -> None:
        self._stuck = True

    def _keep(self, packet: bytes) -> None:
        self._queue.append(packet)
        self._queued += len(packet)
        if self._queued > self._max_queue and not self._full:
            self._full = True
            _log.warn("link full: clients wait until ejabberd has taken what was sent")
            self._table.link_full()

    def resumeProducing(self) -> None:
        self._stuck = False
        queue, self._queue, self._queued = self._queue, [], 0
        self.transport.writeSequence(queue)
        if self._full:
            self._full = False
            _log.info("link drained")
            self._table.link_drained()

    def stopProducing(self) -> None:
        """The link has gone, as connectionLost will say."""

    def packet_received(self, connection_id: int, content: bytes) -> None:
        if connection_id != LINK_ID:  # about the link itself nothing has been agreed
            self._table.answer(connection_id, content)

    def packet_error(self, error: PacketError) -> None:
        _log.error("ejabberd has sent what is no packet, the link is closed: {error}", error=error)
        self._table.counters.malformed += 1
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        _log.warn(
            "link down, with {unanswered} requests unanswered: {why}",
            unanswered=len(self._table),
            why=reason.getErrorMessage(),
        )
        self._table.link_down()


class LinkFactory(Factory):
    """Makes the protocol of each new link."""

    noisy = False

    def __init__(self, table: ConnectionTable, max_packet: int, max_queue: int) -> None:
        self._table = table
        self._max_packet = max_packet
        self._max_queue = max_queue

    def buildProtocol(self, addr: IAddress | None) -> LinkProtocol:
        return LinkProtocol(self._table, self._max_packet, self._max_queue)


@implementer(IStreamClientEndpoint)
class ReportingEndpoint:
    """An endpoint that logs why it could not connect, once until it can again."""

    def __init__(self, endpoint: IStreamClientEndpoint, description: str) -> None:
        self._endpoint = endpoint
        self._description = description
        self._reported = False

    def __repr__(self) -> str:
        return self._description

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._endpoint.connect(protocolFactory).addCallbacks(self._connected, self._failed)

    def _connected(self, protocol: IProtocol) -> IProtocol:
        self._reported = False
        return protocol

    def _failed(self, failure: Failure) -> Failure:
        if not self._reported and not failure.check(CancelledError):
            self._reported = True
            _log.warn(
                "no link to ejabberd at {upstream}, clients are answered 503: {why}",
                upstream=self._description,
                why=failure.getErrorMessage(),
            )
        return failure


def _jitter() -> float:
    return random.uniform(0, limits.RECONNECT_JITTER)


def link_service(
    endpoint: IStreamClientEndpoint,
    description: str,
    table: ConnectionTable,
    max_packet: int,
    max_queue: int,
    clock: IReactorTime | None = None,
) -> ClientService:
    """Return the service that keeps the link up.

    ``description`` is how the log names the endpoint; ``max_packet`` and ``max_queue`` are
    in bytes.
    """
    policy = backoffPolicy(
        initialDelay=limits.RECONNECT_FIRST,
        factor=limits.RECONNECT_FACTOR,
        maxDelay=limits.RECONNECT_LAST,
        jitter=_jitter,
    )
    factory = LinkFactory(table, max_packet, max_queue)
    return ClientService(ReportingEndpoint(endpoint, description), factory, policy, clock)

"""TLS whose handshake is OpenSSL's, and whose records are those of ecm.tls (--lean-tls).

So a connection that is held has no object of OpenSSL. This TLS is the protocol of the socket's
transport, and the transport of the client's protocol. A client that speaks nothing newer than TLS
1.2 gets Twisted's TLS in its place.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IHandshakeListener,
    INegotiated,
    IProtocol,
)
from twisted.internet.protocol import ServerFactory
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.limits import MUCH_OF_TLS, READ_OF_RECORDS
from ecm.net.handshake import Handshake, Step
from ecm.net.transport import send_now, unsent
from ecm.tls.alerts import Alert
from ecm.tls.records import End, Records

if TYPE_CHECKING:
    from ecm.net.tls import Door


@implementer(INegotiated)
class LeanTransport:
    """The transport of the client's protocol. ``transport`` is that of the socket below."""

    __slots__ = ("_closes", "_handshake", "_records", "_waiting", "transport")

    def __init__(self) -> None:
        self.transport: Any = None
        self._handshake: Handshake | None = None
        self._records: Records | None = None
        self._waiting = b""  # for the end of the handshake
        self._closes = False  # our end is closed, or is to be behind what waits

    def write(self, data: bytes) -> None:
        if self._records is not None:
            self.transport.write(self._records.send(data))
        elif self._handshake is not None and not self._closes:
            self._waiting += data

    @property
    def has_records(self) -> bool:
        """True from the end of the handshake on."""
        return self._records is not None

    def write_now(self, data: bytes) -> int:
        """Do as WriteNow of ecm.net.transport says. What TLS itself has written may wait."""
        if self._records is None:
            return 0  # it is over
        sealed = self._records.send(data)
        if sealed and not unsent(self.transport):
            return send_now(self.transport, sealed)
        self.transport.write(sealed)
        return len(sealed)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close our end, once all is sent; the client is to close its own (RFC 8446, 6.1)."""
        if self._records is None and not self._waiting:
            self.abortConnection()
        elif not self._closes:
            self._closes = True
            self._close()

    def loseWriteConnection(self) -> None:
        """Do the same: TLS has no end of its own for each side."""
        self.loseConnection()

    def abortConnection(self) -> None:
        self._forget()
        self.transport.abortConnection()

    @property
    def negotiatedProtocol(self) -> bytes | None:
        """The protocol over TLS (ALPN, RFC 7301), while the protocol is told of the handshake."""
        return None if self._handshake is None else self._handshake.protocol

    @property
    def exported(self) -> bytes:
        """The binding of logins (``channel_binding``), at that time, too."""
        return b"" if self._handshake is None else self._handshake.exported

    @property
    def held_by_tls(self) -> int:
        """The bytes of a record that is not complete, and what waits for the handshake."""
        held = len(self._waiting)
        if self._handshake is not None:
            held += self._handshake.held
        if self._records is not None:
            held += self._records.held
        return held

    def __getattr__(self, name: str) -> Any:
        """Return what the socket's transport does: pause, resume, say who is there."""
        if name.startswith("_"):
            raise AttributeError(name)  # or zope.interface would take this for that transport
        return getattr(self.transport, name)

    def _close(self) -> None:
        if self._records is not None:
            self.transport.write(self._records.close())
            # Behind the client's own end nothing comes that could make a reset of it.
            ended = self._records.has_ended
            (self.transport.loseConnection if ended else self.transport.loseWriteConnection)()

    def _forget(self) -> None:
        """Let go of all: nothing more comes or goes."""
        self._forget_handshake()
        self._records = None
        self._waiting = b""

    def _forget_handshake(self) -> None:
        """Let go of the SSL object, and of the secrets in it."""
        if self._handshake is not None:
            self._handshake.forget()
            self._handshake = None


class LeanTlsFactory(ServerFactory):
    """Makes the TLS of connections, in which ``wrappedFactory`` makes the clients' protocols."""

    noisy = False

    def __init__(self, door: "Door", isClient: bool, inner: Any) -> None:
        self.door = door
        self.wrappedFactory = inner
        self.older = TLSMemoryBIOFactory(door, False, inner)

    def logPrefix(self) -> str:
        return f"{type(self.wrappedFactory).__name__} (TLS)"

    def buildProtocol(self, addr: IAddress | None) -> Any:
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else LeanTls(self, inner)


@implementer(IProtocol)
class LeanTls(LeanTransport):
    """The protocol of the socket's transport. ``wrappedProtocol`` is that of the client.

    There may be hundreds of thousands of these, nearly all of them idle. The names without
    underscores are those that Twisted's TLS has.
    """

    __slots__ = ("factory", "wrappedProtocol")

    def __init__(self, factory: LeanTlsFactory, inner: Any) -> None:
        super().__init__()
        self.factory = factory
        self.wrappedProtocol = inner

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport
        self._handshake = self.factory.door.handshake(self.factory)
        self.wrappedProtocol.makeConnection(self)

    def dataReceived(self, data: bytes) -> None:
        if self._handshake is not None:
            data = self._shake_hands(self._handshake.receive(data))
        records = self._records
        if records is None:
            return
        had_part = records.held
        came = records.receive(data)
        if had_part + len(data) - records.held - len(came.data) > MUCH_OF_TLS:
            self.transport.bufferSize = READ_OF_RECORDS
        if came.data:
            self.wrappedProtocol.dataReceived(came.data)
            if self._records is None:
                return  # it has been aborted
        if had_part or records.held:
            self.wrappedProtocol.held_changed()
        if came.end is not None:
            self._ended(came.end, came.reply)

    def connectionLost(self, reason: Failure) -> None:
        self._forget()
        self.wrappedProtocol.connectionLost(reason)
        # It refers to this, as its transport: without the cycle nothing waits for the collector.
        self.wrappedProtocol = None

    # The handshake.

    def _shake_hands(self, step: Step) -> bytes:
        """Take a step, and return what has come behind the handshake."""
        if step.older is not None:
            self._leave_to_twisted(step.older)
            return b""
        self.transport.write(step.reply)
        if step.failed:
            self._forget_handshake()
            self.wrappedProtocol.tls_failed(step.failed)
            self.transport.loseConnection()
        elif step.records is not None:
            self._begin(step.records)
        return step.rest

    def _begin(self, records: Records) -> None:
        """Go on with records, whose first are for what has waited."""
        self._records = records
        waiting, self._waiting = self._waiting, b""
        self.transport.write(records.send(waiting))
        if self._closes:
            self._close()
        elif IHandshakeListener.providedBy(self.wrappedProtocol):
            self.wrappedProtocol.handshakeCompleted()
        self._forget_handshake()

    def _leave_to_twisted(self, begun: bytes) -> None:
        """Let Twisted's TLS take this place. It gets all that the client has sent."""
        self._forget_handshake()
        tls = BufferingTLSTransport(self.factory.older, self.wrappedProtocol, False)
        self.transport.protocol = self.wrappedProtocol.transport = tls
        tls.makeConnection(self.transport)
        if self._waiting:
            tls.write(self._waiting)
        if self._closes:
            tls.loseConnection()
        tls.dataReceived(begun)

    # The end.

    def _ended(self, end: End, reply: bytes) -> None:
        """Nothing more comes from the client: close, as Twisted's TLS does.

        A protocol that knows clients which close their end, and read on, closes once it has
        answered.
        """
        protocol = self.wrappedProtocol
        if end.is_orderly and not self._closes and IHalfCloseableProtocol.providedBy(protocol):
            protocol.readConnectionLost()
            return
        self._closes = True
        self.transport.write(reply)
        if not end.by_client:
            self.wrappedProtocol.tls_failed(Alert(end.alert).name.lower())
        elif self._records is not None:
            self.transport.write(self._records.close())
        self.transport.loseConnection()

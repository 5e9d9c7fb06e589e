"""A TLS client of the standard library, without a socket: bytes in, bytes out."""

import ssl
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.testing import StringTransport


def client_context(ca: bytes, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """Return the context of clients that trust an authority and speak one version of TLS."""
    context = ssl.create_default_context(cadata=ca.decode())
    context.minimum_version = context.maximum_version = version
    return context


class TlsClient:
    """A client that is not connected. ``tls`` is its SSLObject.

    ``received`` is what has come with the handshake (``connected``).
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        name: str | None = "localhost",
        session: ssl.SSLSession | None = None,
    ) -> None:
        self.received = b""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=name, session=session
        )

    def shake_hands(self) -> bytes:
        """Go on with the handshake, as far as it can; return what is to be sent."""
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._outgoing.read()

    def feed(self, data: bytes) -> None:
        """Take bytes that have come from the server."""
        self._incoming.write(data)

    def read(self) -> bytes:
        """Return what has come, without TLS."""
        received = b""
        with suppress(ssl.SSLWantReadError):
            while data := self.tls.read(2**16):
                received += data
        return received

    def write(self, data: bytes) -> bytes:
        """Return what is to be sent for some bytes, and for what has come before."""
        self.tls.write(data)
        return self._outgoing.read()

    def sent(self) -> bytes:
        """Return what is to be sent."""
        return self._outgoing.read()


def connected(client: TlsClient, factory: IProtocolFactory, transport: Any = None) -> Any:
    """Shake hands with a server in memory; return its transport, whose ``protocol`` it is."""
    protocol: Any = factory.buildProtocol(None)  # type: ignore[arg-type]
    transport = transport or StringTransport()
    transport.protocol = protocol
    protocol.makeConnection(transport)
    while sent := client.shake_hands():
        transport.protocol.dataReceived(sent)
        client.feed(transport.value())
        transport.clear()
    client.received = client.read()  # and the tickets
    return transport

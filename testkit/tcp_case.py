"""XMPP over TCP to an ECM in memory, whose ejabberd the test plays."""

from base64 import b64decode
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm.frontend.tcp import TcpConnection
from ecm.frontend.tcp_factory import TcpFactory
from ecm.net.tls import Door, folder_of_certificates
from testkit.certificates import Authority
from testkit.ecm_process import temporary_folder
from testkit.in_memory import Client, Joined
from testkit.logs import lines
from testkit.samples.before_tls import HEADER, STARTTLS
from testkit.tls_client import TlsClient, client_context
from testkit.websocket_case import joined

OPEN = b"open tcp peer=192.0.2.1:51234 secure=%d"
PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


class TcpUser:
    """A user whose connection is made, without TLS unless ``tls`` is there."""

    def __init__(self, ecm: Joined, factory: IProtocolFactory, address: str = "192.0.2.1") -> None:
        protocol: Any = factory.buildProtocol(IPv4Address("TCP", address, 51234))
        assert protocol is not None
        self.ecm = ecm
        self.client = Client(protocol, ecm.reactor, address)
        self.tls: TlsClient | None = None
        self.id = 0

    def begin_tls(self, tls: TlsClient) -> None:
        """Shake hands, at once."""
        self.tls = tls
        while sent := tls.shake_hands():
            tls.feed(self.client.send(sent))
        self.client.transport.clear()

    def send(self, data: bytes) -> list[bytes]:
        """Send bytes, and return what ejabberd is told."""
        sent = data if self.tls is None else self.tls.write(data)
        if self.client.transport.connected:
            self.client.transport.protocol.dataReceived(sent)
        self.ecm.reactor.advance(0)
        return self.told

    def open(self, is_own: bool = True) -> bytes:
        """Send a header, and return what ejabberd is told of the client, but for its binding.

        There is one where the TLS, if there is TLS, ``is_own``, and not that of a proxy.
        """
        self.client.transport.protocol.dataReceived(
            HEADER if self.tls is None else self.tls.write(HEADER)
        )
        (self.id, opened), (_, message) = self.ecm.received()
        assert message == b"message\n" + HEADER, message
        opened, _, binding = opened.partition(b" cb=")
        assert len(b64decode(binding)) == (32 if self.tls is not None and is_own else 0), binding
        return opened

    @property
    def told(self) -> list[bytes]:
        """The contents that ejabberd has been told since it was last asked."""
        return [content for _, content in self.ecm.received()]

    def hear(self, content: bytes) -> bytes:
        """Let ejabberd say something on the stream, and return what the user gets."""
        self.ecm.answer(self.id, content)
        return self.got

    @property
    def got(self) -> bytes:
        """The bytes that have come since the last look."""
        written = self.client.transport.written()
        if self.tls is None:
            return written
        self.tls.feed(written)
        return self.tls.read()

    @property
    def inmost(self) -> Any:
        """The protocol that speaks for the client, within TLS or without."""
        outer: Any = self.client.transport.protocol
        return outer if isinstance(outer, TcpConnection) else outer.wrappedProtocol

    @property
    def ended(self) -> bool:
        return self.client.ended


class TcpCase(TestCase):
    """A test with an ECM, with certificates, and with the log."""

    def setUp(self) -> None:
        self.events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.ecm = joined()

    def factory(self, ecm: Joined | None = None) -> TcpFactory:
        """Return the factory of connections without TLS."""
        ecm = ecm or self.ecm
        return TcpFactory(ecm.clients.admission, ecm.pool)

    def secured(self, is_asked_for: bool, factory: Any = None) -> Any:
        """Return the factory of connections with TLS: at once, or with STARTTLS."""
        return (factory or self.factory()).secured(self.door(), is_asked_for)

    def door(self) -> Door:
        """Return the door of TLS with a new certificate, which ``tls`` trusts."""
        root, folder = Authority.root(), temporary_folder(self)
        folder.joinpath("a.pem").write_bytes(b"".join(root.sign("localhost")))
        self.context = client_context(root.issuers)
        return folder_of_certificates(folder, lean=True)

    def user(self, ecm: Joined | None = None) -> TcpUser:
        """Return a user without TLS."""
        return TcpUser(ecm or self.ecm, self.factory(ecm))

    def tls(self, protocol: str = "") -> TlsClient:
        """Return the TLS of a client, which asks for a protocol."""
        self.context.set_alpn_protocols([protocol] if protocol else [])
        return TlsClient(self.context)

    def asked_for_tls(self, factory: Any = None) -> TcpUser:
        """Return a user who has asked for TLS, and may begin it."""
        user = TcpUser(self.ecm, self.secured(True, factory))
        answer = user.client.send(HEADER + STARTTLS)
        assert answer.endswith(PROCEED), answer
        return user

    def logged(self, module: str) -> list[str]:
        return lines(self.events, module)

"""The binding of logins to a TLS connection, as OpenSSL sees it at the other end."""

from contextlib import suppress as suppressing
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from ecm.net.tls import folder_of_certificates
from ecm.net.transport import channel_binding
from testkit.certificates import Authority
from testkit.ecm_process import temporary_folder
from testkit.in_memory import Transport

LABEL = b"EXPORTER-Channel-Binding"


@implementer(IHandshakeListener)
class Bound(Protocol):
    transport: Any
    binding: bytes | None = None

    def handshakeCompleted(self) -> None:
        self.binding = channel_binding(self.transport)

    def tls_failed(self, why: str) -> None:
        raise AssertionError(why)


class BoundFactory(Factory):
    def buildProtocol(self, addr: object) -> Bound:
        self.made = Bound()
        return self.made


class BindingTests(TestCase):
    def setUp(self) -> None:
        self.folder = temporary_folder(self)
        self.folder.joinpath("a.pem").write_bytes(b"".join(Authority.root().sign("a.example")))

    def bound(self, lean: bool, version: int) -> tuple[SSL.Connection, Bound]:
        """Return both ends of a connection behind the handshake."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(version)
        client = SSL.Connection(context)
        client.set_connect_state()
        factory = BoundFactory()
        door: Any = folder_of_certificates(self.folder, lean)
        protocol = door.factory(factory).buildProtocol(None)
        wire = Transport(Clock())
        wire.protocol = protocol
        protocol.makeConnection(wire)
        while factory.made.binding is None:
            with suppressing(SSL.WantReadError):
                client.do_handshake()
            with suppressing(SSL.WantReadError):
                wire.protocol.dataReceived(client.bio_read(2**16))
            client.bio_write(wire.written())
        return client, factory.made

    def test_both_ends_have_the_same(self) -> None:
        for lean in (True, False):
            client, bound = self.bound(lean, SSL.TLS1_3_VERSION)
            self.assertEqual(bound.binding, client.export_keying_material(LABEL, 32))

    def test_lean_tls_does_not_keep_it(self) -> None:
        _, bound = self.bound(True, SSL.TLS1_3_VERSION)
        self.assertEqual(channel_binding(bound.transport), b"")

    def test_an_older_version_has_none(self) -> None:
        for lean in (True, False):
            _, bound = self.bound(lean, SSL.TLS1_2_VERSION)
            self.assertEqual(bound.binding, b"")

    def test_nor_has_a_connection_without_tls(self) -> None:
        plain: Any = Transport(Clock())
        self.assertEqual(channel_binding(plain), b"")

"""TLS for clients: tickets that are good at any worker, and a certificate for each name.

A connection begins with a *door*, a context that has the key of the tickets and no certificate.
When the client has said which name it asks for (SNI), or that it asks for none, the door gives the
connection the context of the certificate for it. So tickets are good for all names, and stay so
when certificates are replaced. A door that was made before a fork has the same key in all
processes (docs/decisions/0230-tickets.md).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IProtocolNegotiationFactory,
)
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from zope.interface import implementer

from ecm.net.certificates import Identity, by_name, in_short, read_folder
from ecm.net.handshake import Handshake, log_keys
from ecm.net.lean_tls import LeanTls, LeanTlsFactory

# Sessions are resumed only where they have the name (SSL_CTX_set_session_id_context(3)) that they
# were made with. Twisted gives each context another one.
_SESSIONS: Final = b"ecm"


@attrs.frozen
class Contexts:
    """``choose`` returns the context for a name; for b"" where the client asks for none.

    ``certificates`` has the first name of each certificate, and when it expires.
    """

    choose: Callable[[bytes], SSL.Context]
    certificates: tuple[tuple[str, float], ...]


@implementer(IOpenSSLServerConnectionCreator)
class Door:
    """Makes the TLS of connections. ``contexts`` has the contexts of the certificates.

    With ``lean``, which must be as it was for these contexts, OpenSSL has the handshakes alone.
    """

    def __init__(self, contexts: Contexts, lean: bool, method: int | None = None) -> None:
        self.contexts = contexts
        self._lean = lean
        options = CertificateOptions(method=method, enableSessionTickets=True)
        self._context = _shared(options, lean)
        self._context.set_tlsext_servername_callback(self._named)

    def refuse_older(self) -> None:
        """Take no clients with an older version than TLS 1.3.

        The version is chosen before the context of the name, so this one decides.
        """
        self._context.set_min_proto_version(SSL.TLS1_3_VERSION)

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context)
        connection.set_app_data(protocol)
        return connection

    def factory(self, inner: IProtocolFactory) -> IProtocolFactory:
        """Return the factory of connections over TLS, in which ``inner`` makes the protocols."""
        made = LeanTlsFactory if self._lean else TlsFactory
        return made(self, False, inner)

    def over(self, factory: Any, protocol: IProtocol) -> IProtocol:
        """Return TLS for one connection, as one of ``factory`` has it; ``protocol`` speaks in it.

        It is to be the protocol of a transport without TLS, at the beginning or later.
        """
        made: Any = LeanTls if self._lean else BufferingTLSTransport
        tls: IProtocol = made(factory, protocol)
        return tls

    def handshake(self, factory: LeanTlsFactory) -> Handshake:
        """Return the handshake of a lean connection."""
        return Handshake(self._connection, factory)

    def _connection(self) -> SSL.Connection:
        return SSL.Connection(self._context)

    def _named(self, connection: SSL.Connection) -> None:
        """The client has said which name it asks for, if any, and which version both speak."""
        connection.set_context(self.contexts.choose(connection.get_servername() or b""))
        if connection.get_protocol_version() != SSL.TLS1_3_VERSION:
            connection.set_options(SSL.OP_NO_TICKET)


class TlsFactory(TLSMemoryBIOFactory):
    """Makes the TLS of connections that are OpenSSL's. Where ``inner`` has no protocol for one, it
    is to be cut: Twisted's factory would make TLS of None, and nobody would close the socket."""

    def buildProtocol(self, addr: IAddress | None) -> Any:
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else self.protocol(self, inner)


def one_certificate(options: CertificateOptions, lean: bool) -> Door:
    """Return the door for a single certificate, which Twisted has read for an endpoint ``ssl:``."""
    context = _shared(options, lean)
    method = None if options.method == SSL.TLS_METHOD else options.method
    certificate: Any = options.certificate
    told = (in_short(certificate.to_cryptography()),)
    return Door(Contexts(lambda name: context, told), lean, method)


def folder_of_certificates(folder: Path, lean: bool) -> Door:
    """Return the door for the certificates of a folder. Raises ValueError and OSError."""
    return Door(contexts_of(read_folder(folder), lean), lean)


def contexts_of(identities: Sequence[Identity], lean: bool) -> Contexts:
    """Return the contexts of certificates, the first of which is for names that none has."""
    made = {id(each): _context(each, lean) for each in identities}
    found = {name: made[id(each)] for name, each in by_name(identities).items()}
    default = made[id(identities[0])]

    def context(name: bytes) -> SSL.Context:
        asked = name.decode("latin-1").lower()
        _, _, above = asked.partition(".")
        return found.get(asked) or found.get(f"*.{above}", default)

    return Contexts(context, tuple(in_short(each.certificate) for each in identities))


def _context(identity: Identity, lean: bool) -> SSL.Context:
    make: Any = CertificateOptions  # takes what pyOpenSSL takes, which is more than it says
    options = make(identity.key, identity.certificate, extraCertChain=identity.chain)
    return _shared(options, lean)


def _shared(options: CertificateOptions, lean: bool) -> SSL.Context:
    """Return a context with what all have: one name for sessions, and the protocols over TLS."""
    context = options.getContext()
    context.set_session_id(_SESSIONS)
    context.set_alpn_select_callback(_select)
    if lean:
        log_keys(context)
    return context


def _select(connection: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """Return the protocol to speak over TLS (ALPN, RFC 7301), of those that the client offers.

    If it offers none that is spoken here, it is not answered, and mostly speaks ours.
    """
    factory = IProtocolNegotiationFactory(connection.get_app_data().factory.wrappedFactory, None)
    spoken = [] if factory is None else factory.acceptableProtocols()
    return next((each for each in spoken if each in offered), SSL.NO_OVERLAPPING_PROTOCOLS)

"""Both ends of a TLS connection in memory: OpenSSL as the client, ecm.tls behind the handshake."""

import ssl
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
from OpenSSL import SSL
from twisted.internet.ssl import CertificateOptions

from ecm.net.certificates import read_folder
from ecm.net.handshake import Handshake, Step, log_keys
from ecm.tls.direction import Direction
from ecm.tls.records import Records
from ecm.tls.suites import SUITES
from testkit.certificates import Authority
from testkit.tls_client import TlsClient, client_context

CLIENT = b"CLIENT_TRAFFIC_SECRET_0"
SERVER = b"SERVER_TRAFFIC_SECRET_0"


@attrs.frozen
class Ends:
    """Both ends, behind the handshake; and the means to forge what either would send."""

    client: TlsClient
    records: Records
    forged_client: Direction = attrs.field(repr=False)
    forged_server: Direction = attrs.field(repr=False)


@cache
def server_context(suite: str) -> SSL.Context:
    """Return the context of a server for a.example, with one suite."""
    context = CertificateOptions(*_identity(), enableSessionTickets=True).getContext()
    context.set_session_id(b"test")
    context.set_tls13_ciphersuites(suite.encode())
    log_keys(context)
    return context


def new_handshake(suite: str = "TLS_AES_128_GCM_SHA256") -> Handshake:
    """Return the server's side of a handshake."""
    return Handshake(lambda: SSL.Connection(server_context(suite)))


def new_client(session: ssl.SSLSession | None = None) -> TlsClient:
    return TlsClient(_client_context(), "a.example", session)


def last_step(client: TlsClient, handshake: Handshake) -> Step:
    """Shake hands, and return the last step of the server, whose replies the client has."""
    while True:
        step = handshake.receive(client.shake_hands())
        client.feed(step.reply)
        if step.is_last:
            return step


def ends(suite: str) -> Ends:
    """Return both ends behind a handshake with a suite."""
    client, handshake = new_client(), new_handshake(suite)
    step = last_step(client, handshake)
    assert step.records is not None
    client.read()  # the tickets
    secrets = handshake._secrets
    tickets = step.records._sending.number
    return Ends(
        client,
        step.records,
        Direction(SUITES[suite], secrets[CLIENT], 0),
        Direction(SUITES[suite], secrets[SERVER], tickets),
    )


@cache
def _authority() -> Authority:
    return Authority.root()


@cache
def _client_context() -> ssl.SSLContext:
    return client_context(_authority().issuers)


@cache
def _identity() -> tuple[Any, Any]:
    with TemporaryDirectory() as folder:
        Path(folder, "a.pem").write_bytes(b"".join(_authority().sign("a.example")))
        (identity,) = read_folder(Path(folder))
    return identity.key, identity.certificate

"""TLS 1.3 of clients: OpenSSL for the handshake, and the records behind it without. Sans-IO.

An object of OpenSSL is 17 kB and more for each connection; two secrets are some hundred bytes, as
for ECM's lean TLS.
"""

from ipaddress import ip_address
from typing import Final, NamedTuple

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname, verify_ip_address

from ecm.tls import alerts
from ecm.tls.alerts import Alert, TlsFault
from ecm.tls.direction import HEADER, Direction
from ecm.tls.records import ALERT, DATA, HANDSHAKE, MAX_CONTENT, MAX_RECORD
from ecm.tls.suites import SUITES

_CLIENT: Final = b"CLIENT_TRAFFIC_SECRET_0"
_SERVER: Final = b"SERVER_TRAFFIC_SECRET_0"

# The first bytes of messages that a server may send behind the handshake (RFC 8446, section 4).
_TICKET: Final = 4
_KEY_UPDATE: Final = 24

_OUTPUT: Final = 2**15  # bytes that are taken from OpenSSL at once


class TlsError(Exception):
    """The connection cannot go on; the text says why."""


class Plain(NamedTuple):
    """``data`` has come, ``reply`` is to be sent; ``ended`` is whether the server has ended it."""

    data: bytes
    reply: bytes
    ended: bool


def client_context(*protocols: bytes, trusted: str | None = None) -> SSL.Context:
    """Return what all connections of a process share; the protocols are those of ALPN.

    ``trusted`` is the file with the authorities that may have signed the server's certificate,
    empty for those of this machine. None: it is not looked at.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_verify(SSL.VERIFY_NONE if trusted is None else SSL.VERIFY_PEER)
    if trusted:
        context.load_verify_locations(trusted)
    elif trusted is not None:
        context.set_default_verify_paths()
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_keylog_callback(_key_logged)
    if protocols:
        context.set_alpn_protos(list(protocols))
    return context


class Records:
    """The records of one connection behind its handshake."""

    __slots__ = ("_receiving", "_rest", "_sending")

    def __init__(self, receiving: Direction, sending: Direction) -> None:
        self._receiving = receiving
        self._sending = sending
        self._rest = b""  # of a record that is not whole

    def send(self, data: bytes) -> bytes:
        parts = (data[at : at + MAX_CONTENT] for at in range(0, len(data), MAX_CONTENT))
        return b"".join(self._sending.seal(DATA, part) for part in parts)

    def close(self) -> bytes:
        return self._sending.seal(ALERT, alerts.encode(Alert.CLOSE_NOTIFY))

    def receive(self, data: bytes) -> Plain:
        """Raises TlsError."""
        taken: list[bytes] = []
        replies: list[bytes] = []
        self._rest += data
        while record := self._next_record():
            kind, content = self._opened(record)
            if kind == DATA:
                taken.append(content)
            elif kind == HANDSHAKE:
                replies.append(self._message(content))
            elif content[1:] == bytes((Alert.CLOSE_NOTIFY,)):
                return Plain(b"".join(taken), b"".join(replies), True)
            else:
                raise TlsError(f"alert {content[-1]}")
        return Plain(b"".join(taken), b"".join(replies), False)

    def _next_record(self) -> bytes:
        record, self._rest = cut(self._rest)
        return record

    def _opened(self, record: bytes) -> tuple[int, bytes]:
        try:
            inner = self._receiving.open(record).rstrip(b"\0")
        except TlsFault as fault:
            raise TlsError(str(fault)) from None
        if len(inner) < 2 and inner != bytes((DATA,)):
            raise TlsError("an empty record")
        return inner[-1], inner[:-1]

    def _message(self, content: bytes) -> bytes:
        """Take a message of the handshake, and return what is to be sent for it."""
        if content[0] == _KEY_UPDATE:
            self._receiving.update()
            if content[-1]:
                reply = self._sending.seal(HANDSHAKE, content[:-1] + b"\0")
                self._sending.update()
                return reply
        elif content[0] != _TICKET:
            raise TlsError("a message that is not expected")
        return b""


class Handshake:
    """The handshake of one connection. ``name`` is that of the server, or its address."""

    def __init__(self, context: SSL.Context, name: str) -> None:
        self._connection = SSL.Connection(context, None)
        self._connection.set_app_data(self)
        self._name = name
        if not _is_address(name):
            self._connection.set_tlsext_host_name(name.encode())
        self._connection.set_connect_state()
        self._secrets: dict[bytes, bytes] = {}
        self._rest = b""

    def key_logged(self, line: bytes) -> None:
        """Take a line of what OpenSSL has for a log of keys."""
        label, _, secret = line.split()
        if label in (_CLIENT, _SERVER):
            self._secrets[label] = bytes.fromhex(secret.decode())

    def begin(self) -> bytes:
        """Return the first that is sent."""
        self._goes_on()
        return self._output()

    def receive(self, data: bytes) -> tuple[bytes, Records | None, bytes]:
        """Take bytes of the server; return what is to be sent, and once the handshake is complete,
        the records, and the bytes that are theirs. Raises TlsError."""
        self._rest += data
        while True:
            record, self._rest = cut(self._rest)
            if not record:
                return self._output(), None, b""
            self._connection.bio_write(record)
            if not self._goes_on():
                self._check_name()
                return self._output(), self._records(), self._rest

    def _goes_on(self) -> bool:
        """Let OpenSSL do what it can, and return whether that is not all. Raises TlsError."""
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return True
        except SSL.Error as error:
            told = error.args[0] if error.args else ()
            raise TlsError(told[0][2] if told else "no handshake") from None
        return False

    def _check_name(self) -> None:
        """Raises TlsError where the certificate is another server's, and somebody cares."""
        if self._connection.get_verify_mode() & SSL.VERIFY_PEER:
            verify = verify_ip_address if _is_address(self._name) else verify_hostname
            try:
                verify(self._connection, self._name)
            except (VerificationError, CertificateError):
                raise TlsError(f"the certificate is not for {self._name}") from None

    def _records(self) -> Records:
        suite = SUITES[self._connection.get_cipher_name() or ""]
        self._connection.set_app_data(None)
        server, client = self._secrets[_SERVER], self._secrets[_CLIENT]
        return Records(Direction(suite, server, 0), Direction(suite, client, 0))

    def _output(self) -> bytes:
        output = []
        while True:
            try:
                output.append(self._connection.bio_read(_OUTPUT))
            except SSL.WantReadError:
                return b"".join(output)


def cut(data: bytes) -> tuple[bytes, bytes]:
    """Return the record at the beginning, empty while it is not whole, and what is behind it.

    Raises TlsError where it can be no record.
    """
    if len(data) < HEADER:
        return b"", data
    end = HEADER + int.from_bytes(data[3:HEADER])
    if end > HEADER + MAX_RECORD or data[1] != 3:
        raise TlsError("not TLS")
    return (data[:end], data[end:]) if len(data) >= end else (b"", data)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _key_logged(connection: SSL.Connection, line: bytes) -> None:
    handshake = connection.get_app_data()
    assert isinstance(handshake, Handshake)
    handshake.key_logged(line)

"""A handshake of TLS 1.3 by OpenSSL, and the secrets with which ecm.tls goes on behind it.

OpenSSL gets one record at a time, so that it has read nothing behind the client's last message when
the handshake is complete. The secrets come from the callback that is meant for a log of keys: here
there is no log, and they go nowhere else. What OpenSSL has sent with them, the tickets, is counted,
since records are numbered. Then its object goes, with all that it holds for a connection.
"""

from collections.abc import Callable
from typing import Any, Final

import attrs
from OpenSSL import SSL
from twisted.python.failure import Failure

from ecm.limits import MAX_CLIENT_HELLO
from ecm.net.transport import exported, tls_error
from ecm.tls.direction import HEADER
from ecm.tls.records import MAX_RECORD, Records
from ecm.tls.suites import SUITES

_CLIENT: Final = b"CLIENT_TRAFFIC_SECRET_0"
_SERVER: Final = b"SERVER_TRAFFIC_SECRET_0"

_FAILED: Final = "the handshake has failed"
_TOO_LONG: Final = "its first message is too long"


@attrs.frozen
class Step:
    """A step of a handshake. ``reply`` is to be sent.

    With the last one there are ``records``, for which the ``rest`` of the bytes is; or ``failed``
    says why there will be none; or the client speaks an older version: then ``older`` is all that
    it has sent, and nothing was sent to it.
    """

    reply: bytes = b""
    records: Records | None = None
    rest: bytes = b""
    older: bytes | None = None
    failed: str = ""

    @property
    def is_last(self) -> bool:
        return self.failed != "" or self.records is not None or self.older is not None


class Handshake:
    """The handshake of one connection; ``factory`` is that of its TLS.

    ``begin`` makes OpenSSL's object for it, when the first bytes come: while it waits for its turn,
    there is none.
    """

    __slots__ = ("_begin", "_begun", "_connection", "_replied", "_rest", "_secrets", "factory")

    def __init__(self, begin: Callable[[], SSL.Connection], factory: Any = None) -> None:
        self.factory = factory
        self._begin = begin
        self._connection: SSL.Connection | None = None
        self._rest = b""
        self._begun = b""  # all that has come until something is sent
        self._replied = False
        self._secrets: dict[bytes, bytes] = {}

    def key_logged(self, line: bytes) -> None:
        """Take a line of what OpenSSL has for a log of keys."""
        label, _, secret = line.split()
        if label in (_CLIENT, _SERVER):
            self._secrets[label] = bytes.fromhex(secret.decode())

    def receive(self, data: bytes) -> Step:
        """Take bytes from the client. Not to be called behind the last step."""
        connection = self._connection or self._connect()
        self._rest += data
        if not self._replied:
            self._begun += data
        replies = []
        while record := self._next_record():
            step = self._feed(connection, record)
            replies.append(step.reply)
            if step.is_last:
                return attrs.evolve(step, reply=b"".join(replies))
        if not self._replied and len(self._begun) > MAX_CLIENT_HELLO:
            return Step(failed=_TOO_LONG)
        return Step(b"".join(replies))

    @property
    def protocol(self) -> bytes | None:
        """The protocol over TLS (ALPN, RFC 7301), if the client and we have agreed on one."""
        if self._connection is None:
            return None
        return self._connection.get_alpn_proto_negotiated() or None

    @property
    def exported(self) -> bytes:
        """The binding of logins (``ecm.net.transport.channel_binding``)."""
        return b"" if self._connection is None else exported(self._connection)

    @property
    def held(self) -> int:
        """The bytes that have come, and are kept."""
        return len(self._rest) + len(self._begun)

    def forget(self) -> None:
        """Let go of OpenSSL's object, and of the secrets. Nothing may be called any more."""
        if self._connection is not None:
            self._connection.set_app_data(None)
            self._connection = None
        self._secrets.clear()

    def _connect(self) -> SSL.Connection:
        self._connection = connection = self._begin()
        connection.set_app_data(self)
        connection.set_accept_state()
        return connection

    def _next_record(self) -> bytes:
        """Take the next record, if it is whole; or all, if it can be none."""
        length = _length(self._rest)
        if len(self._rest) < length:
            return b""
        record, self._rest = self._rest[:length], self._rest[length:]
        return record

    def _feed(self, connection: SSL.Connection, record: bytes) -> Step:
        connection.bio_write(record)
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            return self._goes_on(connection)
        except SSL.Error:
            return Step(_output(connection), failed=tls_error(Failure()) or _FAILED)
        return self._complete(connection)

    def _goes_on(self, connection: SSL.Connection) -> Step:
        reply = _output(connection)
        if reply and not self._replied:
            if connection.get_protocol_version() < SSL.TLS1_3_VERSION:
                return Step(older=self._begun)
            self._replied, self._begun = True, b""
        return Step(reply)

    def _complete(self, connection: SSL.Connection) -> Step:
        tickets = _output(connection)
        suite = SUITES[connection.get_cipher_name() or ""]
        client, server = self._secrets[_CLIENT], self._secrets[_SERVER]
        records = Records(suite, client, server, _count(tickets))
        return Step(tickets, records, self._rest)


def _output(connection: SSL.Connection) -> bytes:
    """Return what OpenSSL has to send."""
    output = []
    while True:
        try:
            output.append(connection.bio_read(2**15))
        except SSL.WantReadError:
            return b"".join(output)


def _length(data: bytes) -> int:
    """Return the length of the record that begins here: that of all, if it can be none."""
    if len(data) < HEADER:
        return HEADER
    length = HEADER + int.from_bytes(data[3:HEADER])
    return length if length <= HEADER + MAX_RECORD and data[1] == 3 else len(data)


def _count(output: bytes) -> int:
    """Return the number of records in some output of OpenSSL."""
    number = at = 0
    while at < len(output):
        at += _length(output[at : at + HEADER])
        number += 1
    return number


def log_keys(context: SSL.Context) -> None:
    """Have the handshakes of a context told their secrets."""
    context.set_keylog_callback(_key_logged)


def _key_logged(connection: SSL.Connection, line: bytes) -> None:
    handshake = connection.get_app_data()
    if isinstance(handshake, Handshake):  # otherwise Twisted's TLS, which needs none
        handshake.key_logged(line)

"""The client's ends of real connections, with what StreamClient needs of a stream at a link.

There is a class for each transport, which knows how ECM offers it.
"""

import socket
from collections.abc import Iterator, Sequence
from math import inf
from typing import Any, cast
from xml.etree.ElementTree import Element, XMLPullParser, fromstring, tostring

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.net.transport import IStreamTransport
from ecm.websocket.frames import CLOSE, PING, PONG, TEXT
from testkit.certificates import ServerCertificate
from testkit.cutting_proxy import HOST
from testkit.ecm_process import LOOPBACK
from testkit.samples.before_tls import HEADER, STARTTLS
from testkit.samples.websocket_handshakes import handshake
from testkit.stream_framing import FRAMING
from testkit.streaming_end import Received
from testkit.websocket_frames import masked

_HEADER = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='%b' version='1.0'"
    b" xmlns:stream='http://etherx.jabber.org/streams'>"
)
_END = b"</stream:stream>"
_OPEN, _CLOSE = (f"<{name} xmlns='{FRAMING}'/>".encode() for name in ("open", "close"))

_PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

_PLACE = "port=0:interface=127.0.0.1"

_SMALL = 64 * 1024  # bytes in the kernel for a client that is not to read


class ClientEnd(Protocol):
    """A connection to a port on this machine, until the test ends.

    One that is ``narrow`` lets the kernel take little of what is not read. With TLS it trusts who
    has signed the ``certificate``.
    """

    window = inf  # TCP has its own
    transport: IStreamTransport

    def __init__(
        self, test: TestCase, port: int, certificate: ServerCertificate, narrow: bool = False
    ) -> None:
        self._test = test
        self._port = port
        self._certificate = certificate
        self._narrow = narrow
        self._early: list[bytes] = []
        self._is_open = self._is_over = False
        self._received: Received

    @staticmethod
    def offered(certificate: ServerCertificate) -> Sequence[str]:
        """Return the options with which ECM offers this transport at its last port."""
        raise NotImplementedError

    def open(self, line: str, received: Received) -> int:
        """Connect. The line is for those at a link."""
        self._received = received
        connecting = connectProtocol(TCP4ClientEndpoint(reactor, HOST, self._port), self)
        connecting.addErrback(lambda why: self._over(why.getErrorMessage()))
        return 0

    def say(self, stream: int, content: bytes) -> None:
        kind, _, body = content.partition(b"\n")
        if kind == b"message":
            self._write(self._wrapped(body))
        elif kind.startswith(b"close"):
            self.abort()

    def _wrapped(self, body: bytes) -> bytes:
        """Return a message as it is sent."""
        raise NotImplementedError

    def abort(self) -> None:
        """Reset the connection, without a word."""
        self._is_over = True
        self.transport.abortConnection()

    def pause(self) -> None:
        """Read nothing more."""
        self.transport.pauseProducing()

    def go_on(self) -> None:
        """Read again."""
        self.transport.resumeProducing()

    def connectionMade(self) -> None:
        self._test.addCleanup(self.transport.abortConnection)
        if self._narrow:
            own: Any = self.transport
            own.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)

    def _secure(self) -> None:
        """Begin TLS."""
        own: Any = self.transport
        authority = Certificate.loadPEM(self._certificate.ca)
        own.startTLS(optionsForClientTLS("localhost", authority))

    def _write(self, data: bytes) -> None:
        if self._is_open:
            self.transport.write(data)
        else:
            self._early.append(data)

    def _begin(self) -> None:
        """The server speaks as this end does: send what has waited for that."""
        self._is_open = True
        self.transport.writeSequence(self._early)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over("lost")

    def _over(self, why: str) -> None:
        if not self._is_over:
            self._is_over = True
            self._received("close", why.encode())


class WebSocketEnd(ClientEnd):
    """A WebSocket (RFC 6455)."""

    def __init__(
        self, test: TestCase, port: int, certificate: ServerCertificate, narrow: bool = False
    ) -> None:
        super().__init__(test, port, certificate, narrow)
        self._data = bytearray()

    @staticmethod
    def offered(certificate: ServerCertificate) -> Sequence[str]:
        return "--listen", LOOPBACK

    def _wrapped(self, body: bytes) -> bytes:
        return masked(TEXT, body)

    def connectionMade(self) -> None:
        super().connectionMade()
        self._shake_hands()

    def _shake_hands(self) -> None:
        self.transport.write(handshake())

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if not self._is_open and not self._has_begun():
            return
        while not self._is_over and self._next():
            pass

    def _has_begun(self) -> bool:
        head, end, behind = self._data.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 101 "):
            self._over(head.decode().partition("\r")[0])
            return False
        self._data = behind
        self._begin()
        return True

    def _next(self) -> bool:
        """Take a frame. Returns whether there was one."""
        if len(self._data) < 2:
            return False
        opcode, length = self._data[0] & 0x0F, self._data[1]
        size = {126: 2, 127: 8}.get(length, 0)
        if size:
            length = int.from_bytes(self._data[2 : 2 + size])
        start, end = 2 + size, 2 + size + length
        if len(self._data) < end:
            return False
        payload = bytes(self._data[start:end])
        del self._data[:end]
        self._take(opcode, payload)
        return True

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self._received("message", payload)
        elif opcode == PING:
            self._write(masked(PONG, payload))
        elif opcode == CLOSE:
            self._write(masked(CLOSE, payload[:2]))
            self._over(str(int.from_bytes(payload[:2])))


class SecureWebSocketEnd(WebSocketEnd):
    """A WebSocket over TLS."""

    @staticmethod
    def offered(certificate: ServerCertificate) -> Sequence[str]:
        return "--listen", certificate.endpoint()

    def _shake_hands(self) -> None:
        self._secure()
        super()._shake_hands()


class TcpEnd(ClientEnd):
    """An XMPP stream over TCP (RFC 6120) without TLS. Its user speaks as over WebSocket.

    So ``<open/>`` and ``<close/>`` are the tags that begin and end the stream, and what comes is
    told one element at a time, with its namespaces.
    """

    _parser: "XMLPullParser[Element]"
    _stream: Element
    _depth: int

    @staticmethod
    def offered(certificate: ServerCertificate) -> Sequence[str]:
        return "--stream", f"plain:{LOOPBACK}"

    def _wrapped(self, body: bytes) -> bytes:
        if body.startswith(b"<open "):
            self._parser = XMLPullParser(("start", "end"))  # also where it begins anew
            self._depth = 0
            return _HEADER % self._domain(body)
        return _END if body.startswith(b"<close ") else body

    def _domain(self, opening: bytes) -> bytes:
        return fromstring(opening).get("to", "").encode()

    def connectionMade(self) -> None:
        super().connectionMade()
        self._begin()

    def dataReceived(self, data: bytes) -> None:
        self._parser.feed(data)
        for kind, element in cast(Iterator[tuple[str, Element]], self._parser.read_events()):
            self._depth += 1 if kind == "start" else -1
            if (kind, self._depth) == ("start", 1):
                self._stream = element
                self._received("message", _OPEN)
            elif (kind, self._depth) == ("end", 1):
                self._stream.remove(element)
                self._received("message", tostring(element))
            elif (kind, self._depth) == ("end", 0):
                self._received("message", _CLOSE)


class TlsEnd(TcpEnd):
    """The same with TLS at once (XEP-0368)."""

    @staticmethod
    def offered(certificate: ServerCertificate) -> Sequence[str]:
        return "--stream", f"tls:{certificate.in_one_file().parent}:{_PLACE}"

    def _begin(self) -> None:
        self._secure()
        super()._begin()


class StartTlsEnd(TcpEnd):
    """The same with STARTTLS (RFC 6120, section 5)."""

    _is_secure = False
    _before = b""  # what has come before TLS

    @staticmethod
    def offered(certificate: ServerCertificate) -> Sequence[str]:
        return "--stream", f"starttls:{certificate.in_one_file().parent}:{_PLACE}"

    def connectionMade(self) -> None:
        ClientEnd.connectionMade(self)
        self.transport.write(HEADER + STARTTLS)

    def dataReceived(self, data: bytes) -> None:
        if self._is_secure:
            super().dataReceived(data)
            return
        self._before += data
        if self._before.endswith(_PROCEED):
            self._is_secure = True
            self._secure()
            self._begin()

"""A user over WebSocket (RFC 7395), with ``websockets``: logs in, says and hears. Blocking."""

from base64 import b64encode
from contextlib import suppress
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

FRAMING: Final = "{urn:ietf:params:xml:ns:xmpp-framing}"
CLIENT: Final = "{jabber:client}"
SM: Final = "{urn:xmpp:sm:3}"
_SASL: Final = "{urn:ietf:params:xml:ns:xmpp-sasl}"
_BIND: Final = "{urn:ietf:params:xml:ns:xmpp-bind}"
_OPEN: Final = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='%s' version='1.0'/>"
_TIMEOUT: Final = 30.0


class WebSocketUser:
    """One connection. ``jid`` is set once a resource is bound."""

    def __init__(self, url: str, domain: str) -> None:
        self.jid = ""
        self._domain = domain
        self._connection = connect(url, subprotocols=[Subprotocol("xmpp")], compression=None)

    def say(self, text: str) -> None:
        self._connection.send(text)

    def hear(self, *tags: str) -> Element:
        """Return the next element that has one of these tags; the others are passed over."""
        while True:
            element = ElementTree.fromstring(self._connection.recv(_TIMEOUT))
            if element.tag in tags:
                return element

    def open(self) -> Element:
        """Begin a stream, and return its features."""
        self.say(_OPEN % self._domain)
        self.hear(FRAMING + "open")
        return self.hear("{http://etherx.jabber.org/streams}features")

    def authenticate(self, name: str, password: str) -> None:
        self.open()
        told = b64encode(f"\0{name}\0{password}".encode()).decode()
        self.say(f"<auth xmlns='{_SASL[1:-1]}' mechanism='PLAIN'>{told}</auth>")
        self.hear(_SASL + "success")
        self.open()

    def log_in(self, name: str, password: str) -> None:
        """Authenticate, bind a resource, and come online."""
        self.authenticate(name, password)
        self.say(
            f"<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='{_BIND[1:-1]}'/></iq>"
        )
        jid = self.hear(CLIENT + "iq").findtext(f"{_BIND}bind/{_BIND}jid")
        assert jid is not None
        self.jid = jid
        self.say("<presence xmlns='jabber:client'/>")
        while self.hear(CLIENT + "presence").get("from") != self.jid:
            pass

    def message(self, to: str, body: str) -> None:
        self.say(
            f"<message xmlns='jabber:client' type='chat' to='{escape(to)}'>"
            f"<body>{escape(body)}</body></message>"
        )

    def body(self) -> str:
        """Return the body of the next message that has one."""
        while True:
            body = self.hear(CLIENT + "message").findtext(CLIENT + "body")
            if body is not None:
                return body

    def leave(self) -> int:
        """End the stream, and return the status code with which the server closes."""
        self.say("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
        self.hear(FRAMING + "close")
        with suppress(ConnectionClosed):
            while True:
                self._connection.recv(_TIMEOUT)
        code = self._connection.close_code
        return 0 if code is None else code

    def vanish(self) -> None:
        """Drop the connection without a word."""
        self._connection.socket.close()

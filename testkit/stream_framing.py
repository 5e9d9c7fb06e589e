"""Streams as clients write and read them: over WebSocket, and over TCP."""

from collections.abc import Iterator
from typing import Any, Protocol
from xml.etree.ElementTree import Element, XMLPullParser, fromstring
from xml.sax.saxutils import quoteattr

FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"

# The beginning and the end of a stream, as elements, however they are written.
OPEN = f"{{{FRAMING}}}open"
CLOSE = f"{{{FRAMING}}}close"

_STREAMS = "http://etherx.jabber.org/streams"


class Framing(Protocol):
    end: str

    def begin(self, domain: str, jid: str) -> str:
        """Return what begins the stream, or begins it anew; ``jid`` may be empty."""

    def read(self, body: bytes) -> list[Element]:
        """Return the elements in a message of the server."""


class WebSocketFraming:
    """Each message is an element (RFC 7395, section 3.3)."""

    end = f"<close xmlns='{FRAMING}'/>"

    def begin(self, domain: str, jid: str) -> str:
        return f"<open xmlns='{FRAMING}'{_addresses(domain, jid)} version='1.0'/>"

    def read(self, body: bytes) -> list[Element]:
        return [fromstring(body)]


class TcpFraming:
    """All messages are one document (RFC 6120, section 4). The server may begin a new one, too,
    with an error behind a login."""

    end = "</stream:stream>"

    def begin(self, domain: str, jid: str) -> str:
        self._begin_document()
        return (
            f"<?xml version='1.0'?><stream:stream xmlns='jabber:client'"
            f" xmlns:stream='{_STREAMS}'{_addresses(domain, jid)} version='1.0'>"
        )

    def _begin_document(self) -> None:
        self._parents: list[Element] = []
        self._parser: XMLPullParser[Any] = XMLPullParser(("start", "end"))

    def read(self, body: bytes) -> list[Element]:
        if body.startswith(b"<?xml") and self._parents:
            self._begin_document()
        self._parser.feed(body)
        events: Iterator[Any] = self._parser.read_events()
        found = [self._element(event, parsed) for event, parsed in events]
        return [element for element in found if element is not None]

    def _element(self, event: str, parsed: Element) -> Element | None:
        if event == "start":
            self._parents.append(parsed)
            return Element(OPEN, parsed.attrib) if len(self._parents) == 1 else None
        self._parents.pop()
        if not self._parents:
            return Element(CLOSE)
        if len(self._parents) > 1:
            return None
        self._parents[0].remove(parsed)
        return parsed


def framing(line: str) -> Framing:
    """Return that of the stream which this line opens."""
    return TcpFraming() if line.startswith("tcp") else WebSocketFraming()


def _addresses(domain: str, jid: str) -> str:
    return f" to={quoteattr(domain)}" + (f" from={quoteattr(jid)}" if jid else "")

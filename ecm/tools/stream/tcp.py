"""Streams over TCP (RFC 6120): elements one behind the other, and STARTTLS before them. Pure."""

from xml.sax.saxutils import quoteattr

from ecm.tools.bosh.http import BadAnswer
from ecm.tools.bosh.login import FEATURES
from ecm.tools.stream.elements import whole
from ecm.tools.stream.wire import Heard, Opening, Refused

_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
_STARTTLS = f"<starttls xmlns='{_TLS}'/>".encode()
_END = b"</stream:stream>"


class TcpWire:
    """``starttls`` is whether each stream is to begin with it."""

    farewell = _END

    def __init__(self, domain: str, starttls: bool) -> None:
        self.header = (
            f"<?xml version='1.0'?><stream:stream to={quoteattr(domain)} version='1.0'"
            " xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
        ).encode()
        self.greeting = self.header if starttls else b""

    def opening(self, data: bytes) -> Opening | None:
        """Take the features, and the answer to STARTTLS (RFC 6120, section 5.4.2)."""
        text, rest = whole(data)
        if b"<proceed" in text:
            if rest:
                raise BadAnswer("something between STARTTLS and TLS")
            return Opening(ready=True, secures=True)
        if b"<failure" in text:
            raise Refused("STARTTLS has failed")
        if not FEATURES.search(text):
            return None
        if b"<starttls" not in text:
            raise Refused("STARTTLS is not offered")
        return Opening(says=_STARTTLS, rest=rest)

    def wrapped(self, element: bytes) -> bytes:
        return element

    def heard(self, data: bytes) -> Heard:
        text, rest = whole(data)
        return Heard(text, rest=rest, ended="closed" if text.endswith(_END) else "")

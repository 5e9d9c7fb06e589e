"""The <body/> of requests and answers (XEP-0124, XEP-0206), as bytes. Pure.

Of an answer's body only the start tag is looked into; there is no tree.
"""

import re
from xml.sax.saxutils import quoteattr

from ecm.tools.bosh.http import BadAnswer

NAMESPACE = "http://jabber.org/protocol/httpbind"
_XBOSH = " xmlns:xmpp='urn:xmpp:xbosh'"

TERMINATE = b" type='terminate'"

_XMLNS = f" xmlns='{NAMESPACE}'".encode()
_EMPTY = b"<body rid='%d' sid='%b'%b" + _XMLNS + b"/>"
_FILLED = b"<body rid='%d' sid='%b'%b" + _XMLNS + b">%b</body>"
_CREATION = b"<body rid='%d'%b" + _XMLNS + b">%b</body>"

# The values of a start tag may contain ">" (XML 1.0, section 3.1).
_START = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<body((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>")
_SID = re.compile(rb"\ssid\s*=\s*[\"']([^\"']+)")
_HOLD = re.compile(rb"\shold\s*=\s*[\"']([0-9]{1,9})[\"']")
_TERMINATE = re.compile(rb"\stype\s*=\s*[\"']terminate[\"']")
_CONDITION = re.compile(rb"\scondition\s*=\s*[\"']([^\"']+)")


def body(rid: int, sid: bytes, stanzas: bytes = b"", attributes: bytes = b"") -> bytes:
    """Return the body of a request in a session. ``sid`` and ``attributes`` are as they stand in
    XML, each of the attributes with a space before it."""
    if stanzas:
        return _FILLED % (rid, sid, attributes, stanzas)
    return _EMPTY % (rid, sid, attributes)


def creation_body(rid: int, stanzas: bytes, attributes: bytes) -> bytes:
    """Return the body of the request that creates a session."""
    return _CREATION % (rid, attributes, stanzas)


def creation(domain: str, wait: int, hold: int, **more: str) -> bytes:
    """Return the attributes that create a session (XEP-0124, section 7.1)."""
    return named(
        to=domain,
        wait=str(wait),
        hold=str(hold),
        ver="1.11",
        **{"xml:lang": "en", "xmpp:version": "1.0"},
        **more,
    )


def restart(domain: str) -> bytes:
    """Return the attributes that restart the stream (XEP-0206, section 5)."""
    return named(to=domain, **{"xmpp:restart": "true"})


def named(**attributes: str) -> bytes:
    """Return attributes as ``body`` takes them, without empty ones.

    The prefix ``xmpp`` is declared if one has it.
    """
    text = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items() if value)
    return (text + (_XBOSH if " xmpp:" in text else "")).encode()


def attributes(body: bytes) -> bytes:
    """Return the attributes of the body's start tag. Raises BadAnswer."""
    start = _START.match(body)
    if start is None:
        raise BadAnswer("not a body of BOSH")
    return start[1]


def sid(body: bytes) -> bytes | None:
    """Return the ID of the session that this creates, as it stands in XML. Raises BadAnswer."""
    found = _SID.search(attributes(body))
    return found[1] if found else None


def hold(body: bytes) -> int:
    """Return how many requests the session that this creates holds (XEP-0124, section 7.2).

    Raises BadAnswer.
    """
    found = _HOLD.search(attributes(body))
    return int(found[1]) if found else 1


def termination(body: bytes) -> str | None:
    """Return the condition with which the session ended (XEP-0124, section 17), None if it goes on.

    Raises BadAnswer.
    """
    if b"terminate" not in body:  # nearly always; spares the regular expression
        return None
    tag = attributes(body)
    if _TERMINATE.search(tag) is None:
        return None
    condition = _CONDITION.search(tag)
    return condition[1].decode(errors="replace") if condition else "without a condition"

"""Host metadata (RFC 6415): where clients find BOSH and WebSocket (XEP-0156). Pure."""

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

XML_PATH: Final = b"/.well-known/host-meta"
JSON_PATH: Final = b"/.well-known/host-meta.json"

XML_TYPE: Final = b"application/xrd+xml; charset=utf-8"
JSON_TYPE: Final = b"application/json"

# Relations of a link (XEP-0156, section 4).
BOSH: Final = "urn:xmpp:alt-connections:xbosh"
WEBSOCKET: Final = "urn:xmpp:alt-connections:websocket"

# What may stand in a path as it is (RFC 3986, section 3.3), and percent signs.
_IN_PATHS: Final = "/:@!$&'()*+,;=~%"


def links(origin: str, bosh: bytes, websocket: bytes | None) -> dict[str, str]:
    """Return addresses by their relations, for paths at an origin (``https://chat.example``)."""
    found = {}
    if websocket is not None:
        found[WEBSOCKET] = _address("ws" + origin.removeprefix("http"), websocket)
    found[BOSH] = _address(origin, bosh)
    return found


def _address(origin: str, path: bytes) -> str:
    return f"{origin}{quote(path or b'/', safe=_IN_PATHS)}"


def as_xml(links: Mapping[str, str]) -> bytes:
    """Return the XRD document (RFC 6415, section 2) with these links."""
    lines = [
        f"  <Link rel={quoteattr(relation)} href={quoteattr(address)}/>\n"
        for relation, address in links.items()
    ]
    return (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n"
        f"{''.join(lines)}</XRD>\n"
    ).encode()


def as_json(links: Mapping[str, str]) -> bytes:
    """Return the same as JSON (RFC 6415, appendix A)."""
    told = [{"rel": relation, "href": address} for relation, address in links.items()]
    return json.dumps({"links": told}, indent=2).encode() + b"\n"

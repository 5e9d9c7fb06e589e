"""Bodies as they are written in scripts, and as they go over the wire."""

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.sax.saxutils import escape

from conformance.limits import MAX_DEPTH, MAX_ELEMENTS

HTTPBIND = "http://jabber.org/protocol/httpbind"
XBOSH = "urn:xmpp:xbosh"
STREAM = "http://etherx.jabber.org/streams"
CLIENT = "jabber:client"

_SPACE_BETWEEN_TAGS = re.compile(r">\s+<")
_TAG = re.compile(r"<([\w:-]+)((?:\s+[\w:-]+\s*=\s*(?:'[^']*'|\"[^\"]*\"))*)\s*(/?)>")
_STANZAS = ("message", "presence", "iq")
_PREFIXES = {"xmpp": XBOSH, "stream": STREAM}


def completed(text: str, attributes: Mapping[str, str]) -> str:
    """The body with what the script left out: these attributes, and the namespaces.

    White space between the tags goes: a body must not contain character data (XEP-0124, 6). An
    attribute that is empty in the script is left out.
    """
    text = _SPACE_BETWEEN_TAGS.sub("><", text.strip())
    prefixes = {f"xmlns:{name}": uri for name, uri in _PREFIXES.items() if f"{name}:" in text}
    filled = {"xmlns": HTTPBIND} | prefixes | dict(attributes)
    text = _TAG.sub(lambda tag: _with(tag, filled), text, count=1)
    return _TAG.sub(_stanza, text)


def _stanza(tag: re.Match[str]) -> str:
    return _with(tag, {"xmlns": CLIENT}) if tag[1] in _STANZAS else tag[0]


def _with(tag: re.Match[str], filled: Mapping[str, str]) -> str:
    given = {
        name: value[1:-1]
        for name, value in re.findall(r"([\w:-]+)\s*=\s*('[^']*'|\"[^\"]*\")", tag[2])
    }
    written = "".join(f" {name}='{value}'" for name, value in {**filled, **given}.items() if value)
    return f"<{tag[1]}{written}{tag[3]}>"


def escaped(value: str) -> str:
    """A value as it is written in a body. Values come from the server, and may be anything."""
    return escape(value, {"'": "&apos;", '"': "&quot;"})


def element(text: str | bytes) -> Element:
    """Parse a body. Raises ValueError."""
    parser = XMLParser(target=_Bounded())
    try:
        parser.feed(text)
        found: Element = parser.close()
    except (ParseError, LookupError) as error:
        raise ValueError(f"no well-formed XML ({error})") from None
    return found


class _Bounded(TreeBuilder):
    """Refuses what an answer has no need of, and what takes far more memory than bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._number = 0

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        """Entities are what expands (XEP-0124, section 6, forbids them)."""
        raise ValueError("no body of BOSH: it has a document type")

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self._depth += 1
        self._number += 1 + len(attrs)
        if self._depth > MAX_DEPTH or self._number > MAX_ELEMENTS:
            raise ValueError("more elements than an answer needs, or deeper ones")
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        self._depth -= 1
        return super().end(tag)


def short(tag: str) -> str:
    """The name of an element or attribute as it is written in scripts: ``stream:features``."""
    namespace, _, name = tag.rpartition("}")
    for prefix, uri in (_PREFIXES | {"xml": "http://www.w3.org/XML/1998/namespace"}).items():
        if namespace == "{" + uri:
            return f"{prefix}:{name}"
    return name


def shown(element: Element) -> str:
    """The element as a script would have it, for people."""
    attributes = "".join(f" {short(name)}='{value}'" for name, value in element.items())
    inside = (element.text or "").strip() + "".join(
        shown(child) + (child.tail or "").strip() for child in element
    )
    name = short(element.tag)
    return f"<{name}{attributes}>{inside}</{name}>" if inside else f"<{name}{attributes}/>"

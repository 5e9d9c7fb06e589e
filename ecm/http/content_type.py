"""The Content-Type of the answers of a session (XEP-0124, section 7.1). Pure."""

import re
from typing import Final

from ecm.limits import MAX_CONTENT_TYPE

DEFAULT: Final = b"text/xml; charset=utf-8"

# XML (RFC 7303): a browser that shows an answer as a page would read any other type as the sender
# of a stanza likes. The only parameter is the encoding that answers have: in another one they may
# be another text. A value has no control character, so that nothing else gets into the header.
_XML: Final = re.compile(
    r"(?:text/xml|application/xml|(?:text|application)/([!#$&^_.+0-9a-z-]+)\+xml)"
    r'(?: *; *charset=(?:utf-8|"utf-8"))?',
    re.ASCII | re.IGNORECASE,
)

# Parts of the names of XML's languages that run something: XHTML, SVG, MathML, XSLT, XUL.
# ``ecm.http.response.INERT`` keeps browsers from it; these keep those that do not know that.
_SCRIPTED: Final = ("html", "svg", "math", "xsl", "xul")


def value(requested: str | None) -> bytes:
    """Return the value of the header: the requested one, if that is safe, or the default."""
    if requested is None or len(requested) > MAX_CONTENT_TYPE:
        return DEFAULT
    xml = _XML.fullmatch(requested)
    if xml is None or any(part in (xml[1] or "").lower() for part in _SCRIPTED):
        return DEFAULT
    return requested.encode()

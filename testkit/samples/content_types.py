"""Media types that a session may ask its answers to have, by what becomes of them."""

from ecm.limits import MAX_CONTENT_TYPE

LONGEST = f"application/{'x' * (MAX_CONTENT_TYPE - 16)}+xml"

XML = [
    *("text/xml", "application/xml", "Text/XML", "application/xmpp+xml", "text/a.b-c+d+xml"),
    *("text/xml; charset=utf-8", "application/xml;charset=UTF-8", 'text/xml ; charset="utf-8"'),
    LONGEST,
]

OTHERS = ["text/html", "text/plain", "application/octet-stream", "text/html+xml;charset=utf-8"]

SCRIPTED = [
    *("application/xhtml+xml", "image/svg+xml", "application/mathml+xml", "application/xslt+xml"),
    *("application/vnd.mozilla.xul+xml", "application/vnd.wap.XHTML+xml", "application/svg+xml"),
    *("text/xsl", "application/mathml-presentation+xml", "multipart/x+xml", "model/x3d+xml"),
]

BREAKS = ["text/xml\r\nX: y", "text/xml\n", "text/xml; a=\0", "text/xml;\x7f", "\ufefftext/xml"]

MALFORMED = [
    "",
    "text",
    "xml",
    "text/",
    "/xml",
    "text /xml",
    "text/xml x",
    "text/ü+xml",
    " text/xml",
]

PARAMETERS = ["text/xml;", "text/xml; a=b", "text/xml; charset=utf-7", "text/xml; charset=utf-16"]

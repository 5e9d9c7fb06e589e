"""The tags that come before TLS, as XML has them. Pure.

There are three or four, in 4,096 bytes at most, and nothing but white space between them. What XMPP
forbids in XML (RFC 6120, section 11.1) is refused here.
"""

import re
from collections.abc import Mapping
from typing import Final

import attrs

from ecm.xmpp.errors import (
    NOT_WELL_FORMED,
    RESTRICTED_XML,
    UNSUPPORTED_ENCODING,
    StreamError,
)

WHITE_SPACE: Final = b" \t\r\n"

_S: Final = r"[ \t\r\n]"
_PART: Final = r"[A-Za-z_][A-Za-z0-9._-]*"  # no client has other names in these tags
_NAME: Final = f"{_PART}(?::{_PART})?"
_ENTITY: Final = r"&(?:lt|gt|amp|quot|apos);"
_VALUE: Final = f"\"(?:[^<&\"]|{_ENTITY})*\"|'(?:[^<&']|{_ENTITY})*'"
_IS: Final = f"{_S}*={_S}*"

# Up to the first > that stands in no value.
_WHOLE: Final = re.compile(rb"<(?:[^\"'>]|\"[^\"]*\"|'[^']*')*>")
_TAG: Final = re.compile(f"<(/?)({_NAME})((?:{_S}+{_NAME}{_IS}(?:{_VALUE}))*){_S}*(/?)>")
_ATTRIBUTE: Final = re.compile(f"{_S}({_NAME}){_IS}({_VALUE})")
_DECLARATION: Final = re.compile(
    rf"<\?xml{_S}+version{_IS}(?P<q>['\"])1\.[0-9]+(?P=q)"
    rf"(?:{_S}+encoding{_IS}(?P<e>['\"])(?P<encoding>[A-Za-z][A-Za-z0-9._-]*)(?P=e))?"
    rf"(?:{_S}+standalone{_IS}(?P<s>['\"])(?:yes|no)(?P=s))?{_S}*\?>"
)

# Characters that no XML has (XML 1.0, section 2.2).
_NO_XML: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@attrs.frozen
class Tag:
    """A tag. The values of its attributes are as they were written, but for their quotes."""

    name: str
    attributes: Mapping[str, str] = attrs.Factory(dict)
    is_end: bool = False
    is_empty: bool = False


def split(data: bytes) -> tuple[bytes, bytes] | None:
    """Return the tag with which ``data`` begins, and what stands behind it.

    None where it is not complete. Raises StreamError where there is none.
    """
    if data and data[:1] != b"<":
        raise StreamError(NOT_WELL_FORMED)
    whole = _WHOLE.match(data)
    return None if whole is None else (whole[0], data[whole.end() :])


def is_declaration(tag: bytes) -> bool:
    """Return whether a tag is the declaration of XML. Raises StreamError for one that is wrong."""
    if not tag.startswith(b"<?xml"):
        return False
    found = _DECLARATION.fullmatch(_text(tag))
    if found is None:
        raise StreamError(NOT_WELL_FORMED)
    if (found["encoding"] or "utf-8").lower() != "utf-8":
        raise StreamError(UNSUPPORTED_ENCODING)
    return True


def parse(tag: bytes) -> Tag:
    """Return a tag that ``split`` has found. Raises StreamError."""
    if tag[1:2] in (b"!", b"?"):
        raise StreamError(RESTRICTED_XML)
    found = _TAG.fullmatch(_text(tag))
    if found is None:
        raise StreamError(NOT_WELL_FORMED)
    end, name, attributes, empty = found.groups()
    pairs = [(key, value[1:-1]) for key, value in _ATTRIBUTE.findall(attributes)]
    if len(dict(pairs)) < len(pairs) or (end and (pairs or empty)):
        raise StreamError(NOT_WELL_FORMED)
    return Tag(name, dict(pairs), bool(end), bool(empty))


def _text(tag: bytes) -> str:
    try:
        text = tag.decode()
    except UnicodeDecodeError:
        raise StreamError(NOT_WELL_FORMED) from None
    if _NO_XML.search(text):
        raise StreamError(NOT_WELL_FORMED)
    return text

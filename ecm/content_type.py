"""The Content-Type of the answers of a session (XEP-0124, section 7.1). Pure."""

import re
from typing import Final

from ecm.limits import MAX_CONTENT_TYPE

USUAL: Final = b"text/xml; charset=utf-8"

# A media type, and parameters of visible ASCII (RFC 9110, section 8.3.1). No control character can
# get into the header.
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE: Final = re.compile(rf"{_TOKEN}/{_TOKEN}(?: *;[ -~]*)?")


def value(asked: str | None) -> bytes:
    """Return the value of the header: what a client asks for, if it can be one, or the usual."""
    if asked is None or len(asked) > MAX_CONTENT_TYPE or not _MEDIA_TYPE.fullmatch(asked):
        return USUAL
    return asked.encode()

"""The ends of elements of a stream, in bytes of a server (RFC 6120, section 4). Pure.

There is no tree: tags are counted.
"""

import re
from collections.abc import Iterator

from ecm.tools.bosh.http import BadAnswer

# More is no element that a client here has asked for. What is not whole is read again with each
# piece that comes, which for so little does not matter.
MAX_ELEMENT = 1024 * 1024

# The values of a tag may contain ">" (XML 1.0, section 3.1). What it has matched it does not give
# back, so that a long piece of a tag is read once.
_TAG = re.compile(rb"<([/?]?)([^\s>/?\"']*+)(?:[^>\"']|\"[^\"]*\"|'[^']*')*+>")
_STREAM = b"stream:stream"


def ends(data: bytes) -> Iterator[int]:
    """Yield where each element that is whole ends.

    The tags that begin and end the stream are elements of their own. Raises BadAnswer.
    """
    depth = end = 0
    while tag := _next_tag(data, end):
        mark, name = tag.groups()
        end = tag.end()
        if mark == b"?":
            continue
        if name != _STREAM and not tag[0].endswith(b"/>"):
            depth += -1 if mark else 1
        if depth < 0:
            raise BadAnswer("an end without a beginning")
        if not depth:
            yield end


def _next_tag(data: bytes, at: int) -> re.Match[bytes] | None:
    """Return the next tag; None where there is none, or it is not whole."""
    begin = data.find(b"<", at)
    return _TAG.match(data, begin) if begin >= 0 else None


def split(data: bytes) -> list[bytes]:
    """Return each of the elements. Raises BadAnswer."""
    at = [0, *ends(data)]
    return [data[begin:end] for begin, end in zip(at, at[1:], strict=False)]


def whole(data: bytes) -> tuple[bytes, bytes]:
    """Return the elements that are whole, and the rest. Raises BadAnswer."""
    end = max(ends(data), default=0)
    if len(data) - end > MAX_ELEMENT:
        raise BadAnswer("element too long")
    return data[:end], data[end:]

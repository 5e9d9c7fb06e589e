"""Range requests for one part of a file (RFC 9110, section 14). Pure."""

import re
from collections.abc import Sequence
from typing import Final

# One range, of numbers that no file is larger than.
_ONE: Final = re.compile(rb"bytes=([0-9]{0,18})-([0-9]{0,18})")


class Unsatisfiable(Exception):
    """The file has no such part."""


def part(headers: Sequence[bytes], size: int) -> tuple[int, int] | None:
    """Return where the part begins and ends; None where all ``size`` bytes are to be sent.

    ``headers`` are the values of Range. A server may ignore several ranges, and a malformed one
    (section 14.2). This one does: a response with several parts is expensive, and no browser needs
    it. Raises Unsatisfiable.
    """
    asked = _ONE.fullmatch(headers[0]) if len(headers) == 1 else None
    if asked is None or asked[0] == b"bytes=-" or size == 0:
        return None
    first, last = asked.groups()
    if not first:
        begin, end = max(size - int(last), 0), size
    else:
        begin, end = int(first), min(int(last) + 1, size) if last else size
    if last and first and int(last) < int(first):
        return None
    if begin >= size:
        raise Unsatisfiable
    return begin, end

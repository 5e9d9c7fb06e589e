"""Chunked bodies (RFC 9112, section 7.1): bytes in, content out. Pure.

Of the framing, only an incomplete line is held, and no part of it may be endless. The time is in
proportion to the bytes, however they are split.
"""

import re
from http import HTTPStatus
from typing import Final, NoReturn

from ecm.http.request import RequestError
from ecm.limits import CHUNKS_AT_ONCE

# Nothing in these can be read in two ways, so that no byte is looked at more than a few times. A
# size of more digits than 64 bits have is somebody's hope for an overflow. There are no possessive
# quantifiers: Python before 3.11.5, Debian's too, gets some of them wrong.
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_VALUE: Final = rb"[\t ]*=[\t ]*(?:%b|%b)" % (_TOKEN, _QUOTED)
_EXTENSION: Final = rb"[\t ]*;[\t ]*%b(?:%b)?" % (_TOKEN, _VALUE)
_DIGITS: Final = rb"(?=[0-9A-Fa-f])0*([1-9A-Fa-f][0-9A-Fa-f]{0,15})?"
_SIZE: Final = re.compile(rb"%b(?:%b)*\r\n" % (_DIGITS, _EXTENSION))
_PLAIN: Final = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_FIELD: Final = re.compile(rb"%b:[\t -~\x80-\xff]*\r\n" % _TOKEN)
_EMPTY: Final = b"\r\n"

# Bytes that a line around any chunk may have. A body in small chunks has many such lines, which are
# not to be taken for a long head; what is above that in a line counts: zeros, and extensions.
_PLAIN_LINE: Final = len(b"12345678\r\n")

# What the next line is: the size of a chunk, the end of one, or a field of the trailer.
_AT_SIZE: Final = 0
_AT_END: Final = 1
_AT_FIELD: Final = 2


class ChunkedBody:
    """Moves a body from what was received to what is kept of it.

    ``length`` is that of the chunks that have begun, in bytes. What is beside them may take
    ``room`` bytes. ``is_behind`` is set while some of what has come is left for the next ``move``.
    """

    __slots__ = ("_left", "_looked", "_place", "_room", "is_behind", "length")

    def __init__(self, room: int) -> None:
        self.length = 0
        self.is_behind = False
        self._room = room
        self._place = _AT_SIZE
        # Bytes of the chunk that are still to come.
        self._left = 0
        # How far the end of a line has been looked for in what was received.
        self._looked = 0

    def move(self, received: bytearray, body: bytearray, maximum: int) -> bool:
        """Take what can be taken from ``received``, some chunks at most; return whether the body is
        complete.

        ``body`` grows to ``maximum`` bytes, and no further. Raises RequestError.
        """
        at, complete, left = 0, False, CHUNKS_AT_ONCE
        while not complete and left > 0:
            at = self._move_content(received, at, body, maximum)
            at, left = self._move_plain(received, at, body, maximum, left)
            end = self._line_end(received, at) if not self._left else 0
            if not end:
                break
            complete = self._take(received[at:end])
            at = end
            left -= 1
        del received[:at]
        self._looked = max(0, self._looked - at)
        self.is_behind = not complete and left <= 0
        return complete

    def _move_content(self, received: bytearray, at: int, body: bytearray, maximum: int) -> int:
        """Move what has come of a chunk from ``at`` on, and return where it ends."""
        if not self._left:
            return at
        size = min(self._left, maximum - len(body), len(received) - at)
        body += received[at : at + size]
        self._left -= size
        return at + size

    def _move_plain(
        self, received: bytearray, at: int, body: bytearray, maximum: int, left: int
    ) -> tuple[int, int]:
        """Move the chunks that are there as a whole, and have no extensions, while some are left to
        be moved. Returns where they end, and how many are left.

        It makes no difference but to the time, which for small chunks is a third.
        """
        while left > 0 and self._place == _AT_SIZE and (match := _PLAIN.match(received, at)):
            size, start = int(match[1], 16), match.end()
            end = start + size
            if not size or len(body) + size > maximum or received[end : end + 2] != _EMPTY:
                break
            body += received[start:end]
            self.length += size
            at = end + 2
            left -= 1
        return at, left

    def _line_end(self, received: bytearray, at: int) -> int:
        """Return where the line ends that begins at ``at``, or 0 where that has not come yet."""
        end = received.find(b"\n", max(at, self._looked)) + 1
        if not end:
            self._looked = len(received)
            self._room_beside(self._looked - at)
        return end

    def _room_beside(self, size: int) -> int:
        """Return what room is left beside a line of so many bytes. Raises RequestError."""
        free = 0 if self._place == _AT_FIELD else _PLAIN_LINE
        room = self._room - max(0, size - free)
        if room < 0:
            raise RequestError(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "What is beside the chunks is too long"
            )
        return room

    def _take(self, line: bytearray) -> bool:
        """Take a line, and return whether it is the last."""
        self._room = self._room_beside(len(line))
        if self._place == _AT_SIZE:
            self._take_size(line)
        elif self._place == _AT_FIELD:
            return _is_last(line)
        elif line == _EMPTY:
            self._place = _AT_SIZE
        else:
            _refuse("A chunk is longer than its size")
        return False

    def _take_size(self, line: bytearray) -> None:
        match = _SIZE.fullmatch(line)
        if match is None:
            _refuse("The size of a chunk is malformed")
        self._left = int(match[1] or b"0", 16)
        self.length += self._left
        self._place = _AT_END if self._left else _AT_FIELD


def _is_last(line: bytearray) -> bool:
    """Return whether a line ends the trailer, whose fields may be discarded (RFC 9110, 6.5.1)."""
    if line != _EMPTY and _FIELD.fullmatch(line) is None:
        _refuse("A field of the trailer is malformed")
    return line == _EMPTY


def _refuse(reason: str) -> NoReturn:
    raise RequestError(HTTPStatus.BAD_REQUEST, reason)

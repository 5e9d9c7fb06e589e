"""The heap of C: what OpenSSL and Python have freed there goes back to the kernel now and then."""

import ctypes
from collections.abc import Callable
from typing import Final

from ecm.limits import TRIM_PAUSE

# Only glibc has it. By itself it gives back what is free at the end of the heap alone.
_MALLOC_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)


def trim() -> None:
    """Give back all whole pages that are free (malloc_trim(3)), where libc can do that."""
    if _MALLOC_TRIM is not None:
        _MALLOC_TRIM(0)


class Trimming:
    """Trims the heap every TRIM_PAUSE seconds.

    A handshake takes tens of kilobytes for as long as it lasts. Where many clients come at once, as
    behind a reload, so much is free then, below what those who stay have allocated meanwhile.
    """

    def __init__(self, act: Callable[[], None] = trim) -> None:
        self._act = act
        self._next = 0.0

    def tick(self, now: float) -> None:
        if now >= self._next:
            self._next = now + TRIM_PAUSE
            self._act()

"""The heap of C: what OpenSSL and Python have freed there goes back to the kernel now and then."""

import ctypes
from collections.abc import Callable

from ecm.limits import TRIM_PAUSE


def trim() -> None:
    """Give back all whole pages that are free (malloc_trim(3)); nothing with another libc than
    glibc, which gives back those at the end of the heap alone.
    """
    act = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if act is not None:
        act(0)


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

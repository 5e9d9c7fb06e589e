"""A test that hangs tells where, shortly before its time is over."""

import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import iscoroutine, iscoroutinefunction
from typing import Any

from twisted.internet import reactor
from twisted.trial import unittest

Test = Callable[[Any], Coroutine[Any, Any, None]]

# Seconds before trial gives a test up, without a word of what it waited for.
_BEFORE = 1.0


class TestCase(unittest.TestCase):
    """The tests that are coroutines print what they await when they have a second left."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, method in [*vars(cls).items()]:
            if name.startswith("test_") and iscoroutinefunction(method):
                setattr(cls, name, _told(method))


def _told(method: Test) -> Test:
    @wraps(method)
    async def test(self: unittest.TestCase) -> None:
        work = method(self)
        late = reactor.callLater(self.getTimeout() - _BEFORE, _tell, work)
        try:
            await work
        finally:
            if late.active():
                late.cancel()

    return test


def _tell(work: Coroutine[Any, Any, None]) -> None:
    print("It waits:", *where(work), sep="\n  ", file=sys.stderr)


def where(work: object) -> list[str]:
    """Return the places at which a coroutine waits, and those that it awaits, each a line."""
    places = []
    while iscoroutine(work) and work.cr_frame is not None:
        code = work.cr_code
        places.append(f"{code.co_filename}:{work.cr_frame.f_lineno} in {code.co_qualname}")
        work = work.cr_await
    return places

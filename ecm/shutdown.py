"""A second signal, which ends a drain at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def hurried_by_signals(reactor: Any, hurry: Callable[[], None]) -> Iterator[None]:
    """Call ``hurry`` in the reactor at each SIGTERM and SIGINT that comes meanwhile."""

    def signalled(*_: object) -> None:
        reactor.callFromThread(hurry)

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, signalled) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

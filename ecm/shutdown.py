"""A second SIGTERM or SIGINT turns a graceful shutdown into a fast one."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twisted.internet.interfaces import IReactorFromThreads


@contextmanager
def fast_shutdown_on_signal(
    reactor: IReactorFromThreads, abort: Callable[[], None]
) -> Iterator[None]:
    """Call ``abort`` in the reactor at each SIGTERM and SIGINT while the context lasts."""

    def signalled(*_: object) -> None:
        reactor.callFromThread(abort)

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, signalled) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

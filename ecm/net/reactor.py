"""The reactor: its type, and another process's reactor of the same kind."""

import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFDSet,
    IReactorPluggableNameResolver,
    IReactorSocket,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
)


class ReactorCore(
    IReactorCore,
    IReactorTime,
    IReactorFDSet,
    IReactorTCP,
    IReactorSocket,
    IReactorThreads,
    IReactorPluggableNameResolver,
):
    """The interfaces of a reactor that ECM uses. Twisted has no public name for the sum."""


def global_reactor() -> ReactorCore:
    """Return the reactor of this process. Installs the default one if there is none yet."""
    from twisted.internet import reactor

    return cast(ReactorCore, reactor)


def kind_of(reactor: ReactorCore) -> str:
    """Return the name of the module with whose ``install`` another process gets such a reactor.

    twistd's --reactor chooses it, and Twisted does not say afterwards which one it was.
    """
    kind: type = type(reactor)
    return kind.__module__


def load(kind: str) -> None:
    """Import what a reactor of a kind needs, and install none."""
    import_module(kind)


def install(kind: str) -> ReactorCore:
    """Install a reactor of a kind, and return it."""
    import_module(kind).install()
    reactor = global_reactor()
    use_monotonic_time(reactor)
    return reactor


def use_monotonic_time(reactor: ReactorCore) -> None:
    """Have all timers run by the monotonic clock; those that run already keep what is left of them.

    Twisted's reactors run them by the system's time: when that is set back by an hour, no timer
    fires for an hour. They have no option for it; ``seconds`` is what they ask.
    """
    step = time.monotonic() - reactor.seconds()
    replaced: Any = reactor
    for call in reactor.getDelayedCalls():
        pending: Any = call
        pending.time += step
        pending.seconds = time.monotonic
    replaced.seconds = time.monotonic


def run_without_signals(reactor: ReactorCore) -> None:
    """Run a reactor that handles no signals. IReactorCore.run has no such option; reactors do."""
    run: Callable[..., object] = reactor.run
    run(installSignalHandlers=False)


def is_installed() -> bool:
    """Return whether this process has a reactor. To ask Twisted for it would install one."""
    return "twisted.internet.reactor" in sys.modules

"""The order of a check, and its output."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from twisted.internet.defer import ensureDeferred

from ecm import open_files
from ecm.config.check import certificates, sockets
from ecm.config.check.finding import Finding, error, fails, ok, warning
from ecm.kernel import raise_open_files
from ecm.net.reactor import ReactorCore, global_reactor
from ecm.settings import Settings


def run(read: Callable[[], tuple[Settings, Sequence[str]]], asks: bool) -> int:
    """Print a line for each finding. Returns the exit status.

    ``read`` returns the settings, and what is to be warned of; it raises ValueError. With ``asks``
    each node of ejabberd is asked for a link.
    """
    try:
        settings, warnings = read()
    except ValueError as why:
        print(error(str(why)))
        return 1
    found = [*_of_settings(settings, warnings)]
    _print(found)
    if asks:
        asked = _asked(settings, global_reactor())
        _print(asked)
        found += asked
    return int(fails(found))


def _of_settings(settings: Settings, warnings: Iterable[str]) -> Iterator[Finding]:
    given = sum(origin != "default" for origin in settings.origins.values())
    yield ok(f"{given} options, and what they name, can be read")
    files = raise_open_files()
    said = [*warnings, *open_files.warnings(settings, files)]
    if complaint := open_files.complaint(files):
        yield error(complaint)
    else:
        yield ok(open_files.describe(files, settings.workers))
    yield from map(warning, said)
    yield from sockets.check(settings)
    yield from certificates.check(settings.ports, datetime.now(UTC))


def _asked(settings: Settings, reactor: ReactorCore) -> list[Finding]:
    """Ask each node, in a reactor that runs for it alone.

    A signal ends that, and with it the connections: what they say then is not found.
    """
    from ecm.config.check import upstream  # a start does without

    found = [error("the check was interrupted")]
    ends: list[None] = []

    async def ask() -> None:
        try:
            outcome = await upstream.check(settings, reactor)
        except Exception as why:  # whoever checks must not take it for good
            outcome = [error(f"the check itself has failed: {why!r}")]
        if not ends:
            found[:] = outcome
            reactor.stop()

    reactor.addSystemEventTrigger("before", "shutdown", ends.append, None)
    reactor.callWhenRunning(lambda: ensureDeferred(ask()))
    reactor.run()
    return found


def _print(findings: Iterable[Finding]) -> None:
    try:
        for each in findings:
            print(each, flush=True)
    except BrokenPipeError:  # the reader has enough, as ``head`` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

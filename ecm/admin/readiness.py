"""Readiness: whether clients should come to an ECM, and otherwise why not. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from ecm.operated import DRAINS, ProcessStatus
from ecm.status.snapshot import LinkReport, Snapshot

NO_WORKER: Final = "no worker"
DRAINING: Final = "draining"


def reasons(
    processes: Sequence[ProcessStatus],
    snapshots: Sequence[Snapshot],
    now: float,
    every: bool = False,
) -> list[str]:
    """Return why an ECM is not ready: nothing if one of its processes is, or ``every`` one.

    ``now`` is in seconds since 1970.
    """
    told = {(each.number, each.pid): each for each in snapshots}
    # The first of a number is the one that serves; behind it stand those that it replaces.
    serving = {each.number: each for each in reversed(processes)}
    found = {
        number: [*_reasons(process, told.get((number, process.pid)), now)]
        for number, process in sorted(serving.items())
    }
    why = {number: lines for number, lines in found.items() if lines}
    if len(why) < len(found) and not every:
        return []
    if why and all(lines == [DRAINING] for lines in why.values()):
        return [DRAINING]
    if not told:
        return [NO_WORKER]
    of = "" if len(found) == 1 else "worker {}: "
    return [of.format(number) + line for number, lines in why.items() for line in lines]


def _reasons(process: ProcessStatus, snapshot: Snapshot | None, now: float) -> Iterator[str]:
    """Yield why one process is not ready."""
    if process.state == DRAINS or (snapshot is not None and snapshot.state == DRAINS):
        yield DRAINING
    elif snapshot is None:
        yield process.state
    elif snapshot.refusal:
        lines = [line for link in snapshot.links if (line := _of_link(link, snapshot, now))]
        yield from lines or [snapshot.refusal]


def _of_link(link: LinkReport, snapshot: Snapshot, now: float) -> str:
    """Return why a link takes no requests; empty if it does."""
    to = f" to {link.node or link.endpoint}" if len(snapshot.links) > 1 else ""
    why = f": {link.error}" if link.error else ""
    if link.state == "draining":
        return f"link{to}: ejabberd is stopping"
    if link.up and link.full_since:
        return f"link{to} full for {_seconds(link.full_since, now)} s"
    if link.up:
        return ""
    since = f" since {_seconds(link.since, now)} s" if link.since else ""
    return f"link{to}: down{since}{why}"


def _seconds(since: float, now: float) -> int:
    return max(0, round(now - since))

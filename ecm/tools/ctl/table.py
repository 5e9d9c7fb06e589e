"""The status of an ECM as text, from what /status.json says. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_NONE: Final = "-"
_NEWEST: Final = 5  # warnings

Words = Mapping[str, Any]


def status(told: Words, now: float) -> str:
    """Return the status of an ECM; ``now`` is in seconds since 1970."""
    return printable("\n".join(_lines(told, now)) + "\n")


def _lines(told: Words, now: float) -> Iterator[str]:
    yield f"ECM {told['version']}: {'ready' if told['ready'] else 'NOT READY'}"
    yield from (f"  {reason}" for reason in told["reasons"])
    snapshots = told["snapshots"]
    by_process = {(each.get("number", 1), each.get("pid", 0)): each for each in told["snapshots"]}
    yield ""
    yield from columns(_WORKERS, [_worker(each, by_process, now) for each in told["processes"]])
    links = [(each.get("number", 1), link) for each in snapshots for link in each.get("links", ())]
    if links:
        yield ""
        yield from columns(_LINKS, [_link(number, link, now) for number, link in links])
    nodes = _nodes(snapshots)
    if nodes:
        yield ""
        yield from columns(_NODES, [_node(name, node) for name, node in nodes.items()])
    if warnings := _warnings(snapshots):
        yield ""
        yield from warnings


_WORKERS: Final = ("worker", "pid", "generation", "state", "up", "connections", "held", "rss") + (
    "cpu",
    "restarts",
)


def _worker(process: Words, told_by: Mapping[Any, Words], now: float) -> Sequence[str]:
    told = told_by.get((process["number"], process["pid"]), {})
    connections = told.get("connections", {})
    limit = connections.get("limit", 0)
    return (
        f"{process['number']}",
        f"{process['pid'] or _NONE}",
        f"{process['generation']}",
        process["state"],
        span(now - told["started"]) if "started" in told else _NONE,
        f"{connections.get('open', 0):,}" + (f" of {limit:,}" if limit else ""),
        f"{told.get('held', 0):,}",
        f"{process['rss'] / 1e6:.0f} MB",
        f"{process['cpu']:.0f} s",
        f"{process['restarts']}",
    )


_LINKS: Final = ("worker", "link to", "state", "protocol", "since", "round trip", "queue", "error")


def _link(worker: int, link: Words, now: float) -> Sequence[str]:
    up = link.get("state") in ("writable", "congested")
    return (
        f"{worker}",
        link.get("node") or link.get("endpoint") or _NONE,
        link.get("state", "down"),
        link.get("protocol") or _NONE,
        span(now - link["since"]) if link.get("since") else _NONE,
        f"{link['round_trip'] * 1000:.1f} ms" if link.get("round_trip") else _NONE,
        f"{link.get('queue_bytes', 0):,} B",
        _NONE if up else link.get("error") or _NONE,
    )


_NODES: Final = ("node", "held", "away", "pending", "streams")


def _nodes(snapshots: Any) -> dict[str, Words]:
    """Return the statistics of each node, of the first worker that told them."""
    last_first = reversed(snapshots)
    return {name: node for each in last_first for name, node in each.get("node_stats", {}).items()}


def _node(name: str, node: Words) -> Sequence[str]:
    return (name, *(f"{int(node.get(f'sessions.{state}', 0)):,}" for state in _NODES[1:]))


def _warnings(snapshots: Any) -> list[str]:
    """Return the last warnings, the newest first, with how often all workers have had each."""
    found: dict[str, tuple[float, int]] = {}
    for warned in (each for snapshot in snapshots for each in snapshot.get("warnings", ())):
        text = warned.get("text", "")
        last, count = found.get(text, (0, 0))
        found[text] = max(last, warned.get("last", 0)), count + warned.get("count", 1)
    newest = sorted(found.items(), key=lambda each: each[1], reverse=True)[:_NEWEST]
    return [text + (f" (x{count})" if count > 1 else "") for text, (_, count) in newest]


def printable(text: str) -> str:
    """Return a text that does to a terminal nothing but show: names and paths are others' words."""
    return "".join(
        each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def span(seconds: float) -> str:
    """Return a time in its largest unit, two digits if there are few."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def columns(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; the last column has no spaces behind it."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()


def request(told: Words, when: str) -> str:
    """Return the line of a request that was traced, and came at a time of day."""
    if "missed" in told:
        return f"{told['missed']} more, for which there was no room"
    asked = f"{when}  {told['method']} {told['path']}  {told['size']:,} B"
    if "status" in told:
        response = f"{told['status']}  {told['response']:,} B"
    else:
        response = f"no response: {told['why']}" if "why" in told else "a file"
    return printable(f"{asked}  {response}  after {told['held']:.3f} s")

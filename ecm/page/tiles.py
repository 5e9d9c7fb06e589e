"""The figures of the page, each with its line over the last hour. Pure."""

from collections.abc import Sequence
from typing import Final

from ecm.page.chart import Said, Values, chart, peak
from ecm.page.figures import round_trips
from ecm.page.history import SAMPLE_SECONDS
from ecm.page.html import Markup, join, tag
from ecm.page.view import View
from ecm.page.words import NONE, count, listed, plural, rate, seconds, size, span

# Samples that are no history yet: those of the first minute.
FEW: Final = 6

Lines = Sequence[tuple[str, Values]]


def tiles(view: View) -> Markup:
    """Return all figures."""
    each = (_online, _connections, _held, _requests, _unavailable, _round_trip)
    return tag("dl", *[one(view) for one in each], class_="tiles")


def _online(view: View) -> Markup:
    nodes = view.nodes
    online = count(sum(node.online for node in nodes)) if nodes else NONE
    lines = [("users", view.history.of("online"))]
    if not nodes:
        note = "no node has told its numbers"
    elif len(nodes) == 1:
        note = _highest(lines, count)
    else:
        note = listed([f"{count(node.online)} on {node.name}" for node in nodes])
    return _tile("Users online", online, "", lines, count, note)


def _connections(view: View) -> Markup:
    lines = [("connections", view.history.of("connections"))]
    of_limit = f" of {count(view.limit)}" if view.limit else ""
    speaking: dict[str, int] = {}
    for snapshot in view.snapshots:
        for name, number in snapshot.connections.by_transport.items():
            speaking[name] = speaking.get(name, 0) + number
    names = {"http": "HTTP", "websocket": "WebSocket", "tcp": "TCP"}
    note = listed([f"{count(number)} {names.get(name, name)}" for name, number in speaking.items()])
    return _tile("Connections", count(view.open), of_limit, lines, count, note)


def _held(view: View) -> Markup:
    held = sum(each.held for each in view.snapshots)
    parked = sum(each.parked for each in view.snapshots)
    waiting = sum(each.parked_bytes for each in view.snapshots)
    lines = [("requests", view.history.of("held"))]
    note = f"{plural(parked, 'more waits', 'more wait')} for a link, {size(waiting)}"
    note = note if parked else _highest(lines, count)
    return _tile("Requests held", count(held), "", lines, count, note)


def _requests(view: View) -> Markup:
    lines = [("requests", view.history.of("requests"))]
    return _tile("Requests", _last(lines, rate), "/s", lines, rate, _highest(lines, rate))


def _unavailable(view: View) -> Markup:
    lines = [("refusals", view.history.of("unavailable"))]
    return _tile("Answers 503", _last(lines, rate), "/s", lines, rate, _highest(lines, rate))


def _round_trip(view: View) -> Markup:
    typical, slowest = round_trips(view.snapshots)
    history = view.history
    lines = [
        ("median", history.of("round_trip")),
        ("slowest link", history.of("slow_round_trip")),
    ]
    note = join(
        tag("span", "median of all links", class_="key"),
        " ",
        tag("span", f"slowest, now {seconds(slowest)}", class_="key key-2"),
    )
    return _tile("Round trip to ejabberd", seconds(typical), "", lines, seconds, note)


def _tile(name: str, figure: str, unit: str, lines: Lines, say: Said, note: str) -> Markup:
    number = tag("dd", figure, tag("small", unit) if unit and figure != NONE else "")
    drawing = tag("dd", chart(name, say, lines), class_="drawing")
    return tag(
        "div", tag("dt", name), number, drawing, tag("dd", note, class_="note"), class_="card tile"
    )


def _last(lines: Lines, say: Said) -> str:
    values = lines[0][1]
    return say(values[-1]) if values and values[-1] is not None else NONE


def _highest(lines: Lines, say: Said) -> str:
    values = lines[0][1]
    highest = peak(values)
    if highest is None or len(values) < FEW:
        return "no history yet"
    if len(values) * SAMPLE_SECONDS < 3600:
        return f"at most {say(highest)} in {span(len(values) * SAMPLE_SECONDS)}"
    return f"at most {say(highest)} in the last hour"

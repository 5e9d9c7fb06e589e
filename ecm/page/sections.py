"""The tables of the page: workers, links, nodes, certificates, warnings, configuration. Pure."""

from ecm.operated import DRAINS, SERVES
from ecm.page.figures import Node
from ecm.page.html import Markup, join, tag
from ecm.page.signs import BAD, GOOD, WARN, ago, day, sign
from ecm.page.table import Column, table
from ecm.page.view import EXPIRES_SOON, View
from ecm.page.words import NONE, count, seconds, size, span
from ecm.status.snapshot import Certificate, LinkReport, Snapshot

_WORKERS = (
    Column("Worker"),
    Column("State"),
    Column("PID", True),
    Column("Generation", True),
    Column("Connections", True),
    Column("Held", True),
    Column("Links"),
    Column("Memory", True),
    Column("CPU time", True),
    Column("Up", True),
    Column("Restarts", True),
)
_LINKS = (
    Column("Node"),
    Column("Worker", True),
    Column("State"),
    Column("Protocol"),
    Column("Endpoint"),
    Column("Round trip", True),
    Column("Queue", True),
    Column("Since", True),
    Column("Last error", wide=True),
)
_CERTIFICATES = (
    Column("Name"),
    Column("Expires"),
    Column("Left", True),
    Column("Endpoint"),
)
_WARNINGS = (Column("Warning"), Column("Times", True), Column("Level"), Column("Last", True))
_CONFIGURATION = (Column("Option"), Column("Value"), Column("From"))

_STATES = {SERVES: GOOD, DRAINS: WARN}
_LINK_STATES = {"writable": (GOOD, "up"), "congested": (WARN, "full"), "draining": (WARN, "drains")}
_LEVELS = {"warn": WARN, "error": BAD, "critical": BAD}


def sections(view: View) -> Markup:
    """Return all tables, each in a card of its own."""
    return join(
        _card("workers", _workers(view)),
        _card("links", _links(view)),
        _card("nodes", _nodes(view)),
        _card("certificates", _certificates(view)) if view.certificates else "",
        _card("warnings", _warnings(view)),
        _card("configuration", _configuration(view)) if view.options else "",
    )


def _card(name: str, content: str) -> Markup:
    return tag("section", content, id=name, class_="card", data_live=True)


def _workers(view: View) -> Markup:
    told = {(each.number, each.pid): each for each in view.snapshots}
    rows = []
    for process in view.processes:
        snapshot = told.get((process.number, process.pid), Snapshot())
        state = sign(_STATES.get(process.state, BAD), process.state)
        up = sum(link.up for link in snapshot.links)
        links = f"{up} of {len(snapshot.links)} up" if snapshot.links else NONE
        kind = GOOD if up == len(snapshot.links) else BAD
        rows.append(
            [
                count(process.number),
                state,
                str(process.pid or NONE),
                count(process.generation),
                count(snapshot.connections.open),
                count(snapshot.held),
                sign(kind, links) if snapshot.links else links,
                size(process.rss) if process.rss else NONE,
                span(process.cpu),
                ago(snapshot.started, view.now),
                count(process.restarts),
            ]
        )
    return table("Workers", _WORKERS, rows, "No worker runs.")


def _links(view: View) -> Markup:
    rows = [_link(number, link, view.now) for number, link in view.links]
    return table("Links to ejabberd", _LINKS, rows, "No worker has told of a link.")


def _link(number: int, link: LinkReport, now: float) -> list[str]:
    kind, word = _LINK_STATES.get(link.state, (BAD, link.state))
    return [
        link.node or "not known",
        count(number),
        sign(kind, word),
        link.protocol or NONE,
        tag("span", link.endpoint, class_="mono"),
        seconds(link.round_trip or None),
        size(link.queue_bytes),
        ago(link.since, now),
        link.error,
    ]


def _nodes(view: View) -> Markup:
    nodes = view.nodes
    states = list(dict.fromkeys(state for node in nodes for state in node.sessions))
    columns = [
        Column("Node"),
        Column("Online", True),
        *(Column(state.capitalize(), True) for state in states),
    ]
    rows = [_node(node, states) for node in nodes]
    return table(
        "Nodes", columns, rows, "No node has told its numbers: it must have a mod_ecm that does."
    )


def _node(node: Node, states: list[str]) -> list[str]:
    return [node.name, count(node.online), *(count(node.sessions.get(each, 0)) for each in states)]


def _certificates(view: View) -> Markup:
    rows = [
        [
            each.name,
            day(each.not_after),
            _left(view.days_left(each)),
            tag("span", endpoint, class_="mono"),
        ]
        for endpoint, each in sorted(view.certificates, key=_end)
    ]
    return table("Certificates", _CERTIFICATES, rows, "")


def _end(pair: tuple[str, Certificate]) -> float:
    return pair[1].not_after


def _left(days: int) -> Markup:
    if days < 0:
        return sign(BAD, "expired")
    return sign(GOOD if days >= EXPIRES_SOON else BAD, f"{count(days)} d")


def _warnings(view: View) -> Markup:
    rows = [
        [
            each.text,
            f"×{count(each.count)}",
            sign(_LEVELS.get(each.level, WARN), each.level),
            ago(each.last, view.now),
        ]
        for each in view.warnings
    ]
    return table("Last warnings", _WARNINGS, rows, "None since the start.")


def _configuration(view: View) -> Markup:
    options = sorted(view.options, key=lambda each: (not each.is_given, each.name))
    rows = [
        [
            tag("span", each.name, class_="mono"),
            tag("span", " ".join(each.texts) or NONE, class_="mono"),
            tag("span", each.where, class_="quiet"),
        ]
        for each in options
    ]
    given = sum(each.is_given for each in options)
    inner = table("Options in force", _CONFIGURATION, rows, "")
    title = f"Configuration: {given} of {len(options)} options given, the others have defaults"
    return tag("details", tag("summary", title), inner, id="options")

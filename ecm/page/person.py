"""The page of one user: the sessions that ejabberd has, and the connections here. Pure."""

from typing import Any, Final

from ecm.page.document import bar, document
from ecm.page.found import Found
from ecm.page.html import Markup, join, tag
from ecm.page.signs import ago
from ecm.page.table import Column, table
from ecm.page.who import ADDRESS, NAMES
from ecm.page.words import NONE, count, plural, seconds, size, span

_CONNECTIONS: Final = (
    Column("From"),
    Column("Worker", True),
    Column("Transport"),
    Column("State"),
    Column("Last heard", True),
    Column("Last sent", True),
    Column("Not taken", True),
    Column("Round trip", True),
    Column("Number on the link"),
)

_TRANSPORTS: Final = {"http": "HTTP", "websocket": "WebSocket", "tcp": "TCP"}

# Fields of a session that mod_ecm names, in their order; others follow as they are named.
_FIELDS: Final = {
    "jid": "JID",
    "state": "State",
    "transport": "Transport",
    "client": "Client library",
    "peer": "Client's address",
    "since": "Online for",
    "held": "Request held for",
    "expires": "Ends without it in",
    "waiting": "Stanzas that wait",
    "waiting-bytes": "Bytes that wait",
    "rid": "Last RID",
    "open": "Requests open",
    "window": "Requests at most",
    "wait": "Request held at most",
    "sm": "Stream management",
    "errors": "Last errors",
    "node": "Node",
    "tag": "Tag in the log",
    "id": "Number on the link",
}

_STATES: Final = {
    "away": "away, between requests",
    "pending": "pending, has not logged in",
}

# Spans of time, in seconds; sizes; and numbers that are names.
_SPANS: Final = ("held", "expires", "wait")
_SIZES: Final = ("waiting-bytes",)
_NAMES: Final = ("rid", "tag", "id")

_BEHIND_PROXIES: Final = (
    "A connection behind a proxy has the address of the proxy; over BOSH the client's, if the proxy"
    " sends a PROXY header. Otherwise look for the JID."
)


def user_page(found: Found, now: float) -> str:
    """Return the page of a user; ``now`` is in seconds since 1970."""
    body = join(
        bar(found.who),
        tag("main", _head(found), _sessions(found, now), _connections(found)),
        tag("footer", _footer()),
    )
    return document(f"{found.who} – Megaphone", body)


def mistake_page(who: str, why: str) -> str:
    """Return the page for a question that is none."""
    title = tag("h1", tag("span", "✗", class_="mark", aria_hidden="true"), "Not understood")
    state = tag("div", title, tag("p", why), class_="state bad", role="status")
    return document("not understood – Megaphone", join(bar(who), tag("main", state)), is_good=False)


def _head(found: Found) -> Markup:
    sessions = len(found.sessions) + found.more_sessions
    connections = len(found.connections) + found.more_connections
    words = f"{plural(sessions, 'session')} of ejabberd, {plural(connections, 'connection')} here"
    troubles = [tag("li", each) for each in (*found.why, *found.errors)]
    about = tag("p", f"{NAMES[found.kind]}: {words}", class_="quiet")
    listed = tag("ul", *troubles) if troubles else ""
    return tag("div", tag("h1", found.who), about, listed, class_="state person", role="status")


def _sessions(found: Found, now: float) -> Markup:
    cards = [_session(each, now) for each in found.sessions]
    if not cards:
        return join()
    more = f"{count(found.more_sessions)} more are left out." if found.more_sessions else ""
    return tag("div", *cards, tag("p", more, class_="empty") if more else "")


def _session(session: dict[str, str], now: float) -> Markup:
    known = [name for name in _FIELDS if name in session and name != "jid"]
    others = sorted(set(session) - set(_FIELDS))
    facts = [
        tag(
            "div",
            tag("dt", _FIELDS.get(name, name)),
            tag("dd", _said(name, session[name], now)),
        )
        for name in (*known, *others)
    ]
    title = tag("h2", f"Session {session.get('jid', '')}")
    return tag("section", title, tag("dl", *facts, class_="facts"), class_="card")


def _said(name: str, value: str, now: float) -> str:
    """Return the value of a field as a person reads it."""
    if name == "errors":
        return ", ".join(_error(each, now) for each in value.split(","))
    if name == "state":
        return _STATES.get(value, value)
    if not value.isdecimal() or name in _NAMES:
        return value or NONE
    number = int(value)
    if name == "since":
        return ago(number, now)
    if name in _SPANS:
        return span(number)
    return size(number) if name in _SIZES else count(number)


def _error(text: str, now: float) -> str:
    """Return an error, ``CAUSE@SECONDS``, with how long ago it was."""
    cause, _, moment = text.partition("@")
    return f"{cause} {span(now - int(moment))} ago" if moment.isdecimal() else text


def _connections(found: Found) -> Markup:
    rows = [_connection(each) for each in found.connections]
    inner = table("Connections", _CONNECTIONS, rows, "None here at the moment.")
    notes = []
    if found.more_connections:
        notes.append(f"{count(found.more_connections)} more are left out.")
    if found.kind == ADDRESS:
        notes.append(_BEHIND_PROXIES)
    note = tag("p", " ".join(notes), class_="empty") if notes else ""
    return tag("section", inner, note, id="connections", class_="card")


def _connection(connection: dict[str, Any]) -> list[str]:
    address, port = connection["address"], connection["port"]
    came, sent, waits = connection["came"], connection["sent"], connection["waits"]
    return [
        (f"[{address}]:{port}" if ":" in address else f"{address}:{port}")
        if address
        else "a UNIX socket",
        count(connection["process"]),
        _TRANSPORTS.get(connection["kind"], connection["kind"])
        + (", TLS" if connection["tls"] else ""),
        _state(connection),
        NONE if came is None else f"{span(came)} ago",
        NONE if sent is None else f"{span(sent)} ago",
        NONE if waits is None else size(waits),
        seconds(connection["round_trip"]),
        tag("span", ", ".join(connection["ids"]), class_="mono"),
    ]


def _state(connection: dict[str, Any]) -> str:
    phase, came = connection["phase"], connection["came"]
    if phase != "held":
        return str(phase)
    if connection["kind"] != "http":
        return "open"
    requests = connection["requests"]
    held = f"{plural(requests, 'request')} held" if requests > 1 else "request held"
    return held if came is None else f"{held} for {span(came)}"


def _footer() -> Markup:
    return join(
        "Nothing here is the text of a stanza, or a password. ",
        tag("a", "Status", href="status"),
    )

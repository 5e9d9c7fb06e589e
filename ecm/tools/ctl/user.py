"""One user as text, from what /user.json says. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ecm.tools.ctl.table import columns, printable, span

_NONE: Final = "-"

Words = Mapping[str, Any]

_CONNECTIONS: Final = (
    *("from", "worker", "transport", "state", "last heard", "last sent", "not taken", "round trip"),
    "number on the link",
)


def user(told: Words) -> str:
    """Return the sessions and the connections of a user."""
    return printable("\n".join(_lines(told)) + "\n")


def _lines(told: Words) -> Iterator[str]:
    sessions, connections = told["sessions"], told["connections"]
    online = _plural(len(sessions) + told["more_sessions"], "session")
    here = _plural(len(connections) + told["more_connections"], "connection")
    yield f"{told['who']}: {online} of ejabberd, {here} here"
    yield from (f"  {each}" for each in (*told["why"], *told["errors"]))
    for session in sessions:
        yield ""
        yield f"session {session.get('jid', '')}".rstrip()
        names = [name for name in session if name != "jid"]
        width = max(map(len, names), default=0)
        yield from (f"  {name.ljust(width)}  {session[name]}" for name in names)
    if connections:
        yield ""
        yield from columns(_CONNECTIONS, [_connection(each) for each in connections])


def _connection(connection: Words) -> Sequence[str]:
    round_trip, waits = connection["round_trip"], connection["waits"]
    requests = connection["requests"]
    return (
        _from(connection["address"], connection["port"]),
        f"{connection['process']}",
        connection["kind"] + (" over TLS" if connection["tls"] else ""),
        connection["phase"] + (f", {requests:,} requests" if requests > 1 else ""),
        _ago(connection["came"]),
        _ago(connection["sent"]),
        _NONE if waits is None else f"{waits:,} B",
        _NONE if round_trip is None else f"{round_trip * 1000:.1f} ms",
        " ".join(connection["ids"]) or _NONE,
    )


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _from(address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{port}" if address else "a UNIX socket"


def _ago(seconds: float | None) -> str:
    return _NONE if seconds is None else f"{span(seconds)} ago"

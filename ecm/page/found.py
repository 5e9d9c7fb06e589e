"""A user, from what the processes have told. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

Words = dict[str, Any]


@attrs.frozen
class Found:
    """A user, as an operator has named one: the sessions of ejabberd, the connections here.

    ``kind`` is one of ``who``. A session has fields as mod_ecm names them; a connection has those
    of ``ecm.frontend.about``, and the number of its ``process``. ``why`` says why sessions are
    missing, ``errors`` which processes have not answered.
    """

    who: str
    kind: str
    sessions: Sequence[dict[str, str]] = ()
    more_sessions: int = 0
    why: Sequence[str] = ()
    connections: Sequence[Words] = ()
    more_connections: int = 0
    errors: Sequence[str] = ()

    def words(self) -> Words:
        """Return all of it for JSON."""
        return attrs.asdict(self)


def with_connections(found: Found, answers: Sequence[Words]) -> Found:
    """Return it with the connections of which the processes have told."""
    connections = [
        {"process": answer.get("process", 1), **connection}
        for answer in answers
        for connection in answer.get("connections", ())
    ]
    return attrs.evolve(
        found,
        connections=connections,
        more_connections=sum(answer.get("more", 0) for answer in answers),
        errors=_merged(found.errors, _errors(answers)),
    )


def with_sessions(found: Found, answers: Sequence[Words]) -> Found:
    """Return it with the sessions of which ejabberd has told one of the processes or several."""
    told = [each for answer in answers for each in answer.get("told", ())]
    sessions = {
        tuple(sorted(session.items())): session for each in told for session in each["sessions"]
    }
    why = [each["why"] for each in told if each["why"]]
    return attrs.evolve(
        found,
        sessions=[*sessions.values()],
        more_sessions=max((each["more"] for each in told), default=0),
        why=[] if sessions else _merged((), why),
        errors=_merged(found.errors, _errors(answers)),
    )


def ids_of_sessions(found: Found) -> list[str]:
    """Return the numbers of the connections that the sessions have at the moment."""
    listed = [session.get("id", "") for session in found.sessions]
    return [each for ids in listed for each in ids.split(",") if each.isdecimal()]


def ids_of_connections(found: Found) -> list[str]:
    """Return the numbers of the connections."""
    return [each for connection in found.connections for each in connection["ids"]]


def _errors(answers: Sequence[Words]) -> list[str]:
    failed = [answer for answer in answers if answer.get("error")]
    return [f"worker {answer.get('process', 1)}: {answer['error']}" for answer in failed]


def _merged(before: Iterable[str], after: Iterable[str]) -> list[str]:
    return [*dict.fromkeys([*before, *after])]

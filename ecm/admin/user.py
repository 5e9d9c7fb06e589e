"""The search for one user: ejabberd knows of the sessions, processes of the connections."""

from twisted.internet.defer import Deferred

from ecm.limits import MAX_SOUGHT
from ecm.operated import Operated
from ecm.page.found import (
    Found,
    ids_of_connections,
    ids_of_sessions,
    with_connections,
    with_sessions,
)
from ecm.page.who import ADDRESS, kind_of
from ecm.questions import ABOUT


def find(ecm: Operated, who: str) -> Deferred[Found]:
    """Find the user whom a JID, an address or a SID names. Raises ValueError if it names none.

    All processes are asked, twice at most: ejabberd says which connections a session has, and the
    process of each says how it is; or the other way round.
    """
    found = Found(who, kind_of(who))
    search = _from_address if found.kind == ADDRESS else _from_session
    return Deferred.fromCoroutine(search(ecm, found))


async def _from_session(ecm: Operated, found: Found) -> Found:
    answers = await ecm.ask({ABOUT: {found.kind: found.who}})
    found = with_sessions(found, answers)
    ids = ids_of_sessions(found)[:MAX_SOUGHT]
    return with_connections(found, await ecm.ask({ABOUT: {"ids": ids}})) if ids else found


async def _from_address(ecm: Operated, found: Found) -> Found:
    answers = await ecm.ask({ABOUT: {"address": found.who.strip("[]")}})
    found = with_connections(found, answers)
    ids = ids_of_connections(found)[:MAX_SOUGHT]
    return with_sessions(found, await ecm.ask({ABOUT: {"in_flight": ids}})) if ids else found

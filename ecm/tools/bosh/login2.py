"""The steps of a login with SASL2 (XEP-0388) and Bind 2 (XEP-0386). Sans-IO.

A session is created for a user; one request logs in and binds a resource, another sends presence.
"""

import re
from collections.abc import Callable
from typing import Generic, TypeVar

from ecm.tools.bosh import stanzas
from ecm.tools.bosh.body import named
from ecm.tools.bosh.login import FAILURE, Content, LoginError, appeared, has_features
from ecm.tools.bosh.session import Client, Phase, Session

_JID = re.compile(rb"<authorization-identifier>([^<]+)</authorization-identifier>")
_BOUND = re.compile(rb"<bound[ />]")

C = TypeVar("C", bound=Client)
S = TypeVar("S", bound=Session)

_NOTHING: Content = (b"", b"")


class Sasl2Steps(Generic[C]):
    """Makes what a client says next from the answer to what it has said before, as Steps does.

    ``authenticate`` returns the one step that logs in and binds.
    """

    __slots__ = ("_authenticate", "_is_begun")

    def __init__(
        self, authenticate: Callable[[C], str], is_begun: Callable[[C, bytes], bool]
    ) -> None:
        self._authenticate = authenticate
        self._is_begun = is_begun

    def advance(self, session: C, body: bytes) -> Content:
        """Return what is said after this answer. Raises LoginError, BadAnswer."""
        match session.phase:
            case Phase.CREATING:
                return self._created(session, body)
            case Phase.AUTHENTICATING:
                return _authenticated(session, body)
        appeared(session, body)
        return _NOTHING

    def _created(self, session: C, body: bytes) -> Content:
        if not self._is_begun(session, body):
            return _NOTHING
        if stanzas.SASL2.encode() not in body:
            raise LoginError("SASL2 is not offered")
        session.phase = Phase.AUTHENTICATING
        return self._authenticate(session).encode(), b""


class Sasl2Login(Sasl2Steps[S]):
    """The steps in a session of BOSH. ``jid`` returns the bare JID of the user of a session."""

    __slots__ = ("_creation", "_jid")

    def __init__(
        self, creation: bytes, jid: Callable[[S], str], authenticate: Callable[[S], str]
    ) -> None:
        """``creation`` has the attributes of the first request, but for ``from``."""
        super().__init__(authenticate, has_features)
        self._creation = creation
        self._jid = jid

    def begin(self, session: S) -> bytes:
        """Return the body of the first request."""
        attributes = self._creation + named(**{"from": self._jid(session)})
        return session.body(session.rid, b"", attributes)


def _authenticated(session: Client, body: bytes) -> Content:
    if failure := FAILURE.search(body):
        raise LoginError(f"SASL {failure[1].decode()}")
    if b"<success" not in body:
        return _NOTHING
    jid = _JID.search(body)
    if jid is None or not _BOUND.search(body):
        raise LoginError("no resource")
    session.jid = jid[1]
    session.phase = Phase.APPEARING
    session.stanzas = stanzas.PRESENCE
    return session.stanzas, b""

"""The steps of a login, in as few requests as the protocols have. Sans-IO.

A session is created, SASL has its first response with it, the stream is restarted, a resource bound
and presence sent (XEP-0206, RFC 6120, RFC 6121).
"""

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Generic, TypeVar

from ecm.tools.bosh import stanzas
from ecm.tools.bosh.body import restart, sid
from ecm.tools.bosh.session import Client, Phase, Session

FEATURES = re.compile(rb"</(?:stream:)?features>|<stream:features[^>]*/>")
FAILURE = re.compile(rb"<failure[^>]*>\s*<([a-z-]+)")
_CHALLENGE = re.compile(rb"<challenge[^>]*>([A-Za-z0-9+/=]+)<")
_JID = re.compile(rb"<jid>([^<]+)</jid>")
# RFC 6121 has dropped this step; a server that has it for older clients says that it is optional.
_SESSION_REQUIRED = re.compile(rb"<session [^>]*>(?!\s*<optional)")

C = TypeVar("C", bound=Client)
S = TypeVar("S", bound=Session)

Content = tuple[bytes, bytes]  # the stanzas and the attributes of a body
_NOTHING: Content = (b"", b"")


class LoginError(Exception):
    """The server does not let this user in; the text says why."""


def has_features(session: Session, body: bytes) -> bool:
    """Take the SID from an answer to a creation; say whether the features of the stream are there,
    too. Raises LoginError."""
    session.sid = session.sid or sid(body) or b""
    if not session.sid:
        raise LoginError("no session")
    return FEATURES.search(body) is not None


class Steps(Generic[C]):
    """Makes what a client says next from the answer to what it has said before.

    ``authenticate`` returns the first step of SASL for a client, and ``respond`` the answer to a
    challenge, where the mechanism has one; ``restart`` has the attributes with which the stream
    begins again; ``is_begun`` says whether an answer has the features of the first stream.
    """

    __slots__ = ("_restart", "_bind", "_mechanism", "_authenticate", "_is_begun", "_respond")

    def __init__(
        self,
        resource: str,
        authenticate: Callable[[C], bytes],
        mechanism: str,
        restart: bytes,
        is_begun: Callable[[C, bytes], bool],
        respond: Callable[[C, bytes], bytes] | None = None,
    ) -> None:
        self._respond = respond
        self._bind = stanzas.bind(resource)
        self._authenticate = authenticate
        self._mechanism = mechanism
        self._restart = restart
        self._is_begun = is_begun

    def advance(self, session: C, body: bytes) -> Content:
        """Return what is said after this answer. Raises LoginError, BadAnswer."""
        return _STEPS[session.phase](self, session, body)

    def _created(self, session: C, body: bytes) -> Content:
        if not self._is_begun(session, body):
            return _NOTHING
        if f">{self._mechanism}<".encode() not in body:
            raise LoginError(f"SASL {self._mechanism} is not offered")
        session.phase = Phase.AUTHENTICATING
        return self._authenticate(session), b""

    def _authenticated(self, session: C, body: bytes) -> Content:
        if b"<success" in body:
            session.phase = Phase.RESTARTING
            return b"", self._restart
        if failure := FAILURE.search(body):
            raise LoginError(f"SASL {failure[1].decode()}")
        if self._respond is not None and (challenge := _CHALLENGE.search(body)):
            return self._respond(session, b64decode(challenge[1])), b""
        return _NOTHING

    def _restarted(self, session: C, body: bytes) -> Content:
        if not FEATURES.search(body):
            return _NOTHING
        session.phase = Phase.BINDING
        needs_session = _SESSION_REQUIRED.search(body) is not None
        session.stanzas = stanzas.SESSION * needs_session + stanzas.PRESENCE
        return self._bind, b""

    def _bound(self, session: C, body: bytes) -> Content:
        if jid := _JID.search(body):
            session.jid = jid[1]
            session.phase = Phase.APPEARING
            return session.stanzas, b""
        if b"<error" in body:
            raise LoginError("no resource")
        return _NOTHING

    def _appeared(self, session: C, body: bytes) -> Content:
        appeared(session, body)
        return _NOTHING


def appeared(session: Client, body: bytes) -> None:
    """The server sends a user its own presence (RFC 6121, section 4.2.2). Only then is the login
    complete for it."""
    if b"<presence" in body:
        session.phase = Phase.ONLINE
        session.stanzas = b""


_STEPS: dict[Phase, Callable[..., Content]] = {
    Phase.CREATING: Steps._created,
    Phase.AUTHENTICATING: Steps._authenticated,
    Phase.RESTARTING: Steps._restarted,
    Phase.BINDING: Steps._bound,
    Phase.APPEARING: Steps._appeared,
}


class Login(Steps[S]):
    """The steps in a session of BOSH. ``creation`` has the attributes of the first request."""

    __slots__ = ("creation",)

    def __init__(
        self,
        domain: str,
        creation: bytes,
        resource: str,
        authenticate: Callable[[S], bytes],
        mechanism: str = "PLAIN",
        respond: Callable[[S, bytes], bytes] | None = None,
    ) -> None:
        begun_anew = restart(domain)
        super().__init__(resource, authenticate, mechanism, begun_anew, has_features, respond)
        self.creation = creation

    def begin(self, session: S) -> bytes:
        """Return the body of the first request."""
        return session.body(session.rid, b"", self.creation)

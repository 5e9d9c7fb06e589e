"""The steps of a login, in as few requests as the protocols have: a session, SASL with its first
response, restart, a resource, presence (XEP-0206, RFC 6120, RFC 6121). Pure."""

import re

from ecm.tools.bosh import body as requests
from ecm.tools.bosh import http as answer
from ecm.tools.bosh.body import Requests
from ecm.tools.swarm.accounts import Accounts
from ecm.tools.swarm.user import Phase, User

_FEATURES = re.compile(rb"</(?:stream:)?features>|<stream:features[^>]*/>")
_FAILURE = re.compile(rb"<failure[^>]*>\s*<([a-z-]+)")
_JID = re.compile(rb"<jid>([^<]+)</jid>")
# RFC 6121 has dropped this step; a server that has it for older clients says that it is optional.
_SESSION_REQUIRED = re.compile(rb"<session [^>]*>(?!\s*<optional)")


class LoginError(Exception):
    """The server lets this user not in; the text says how."""


class Login:
    """Makes the next request from the answer to the one before."""

    __slots__ = ("_requests", "_accounts", "_domain")

    def __init__(self, made: Requests, accounts: Accounts | None, domain: str) -> None:
        """``accounts`` is None for SASL ANONYMOUS."""
        self._requests = made
        self._accounts = accounts
        self._domain = domain

    def begin(self, user: User) -> bytes:
        """Return the first request."""
        return self._requests.creation(user.rid)

    def go_on(self, user: User, body: bytes) -> bytes:
        """Return the request after this answer. Raises LoginError."""
        user.rid += 1
        return _STEPS[user.phase](self, user, body)

    def jid(self, user: User) -> bytes:
        """Return who a user is who is online."""
        return user.jid or self._expected_jid(user.number)

    def _created(self, user: User, body: bytes) -> bytes:
        if user.sid is None:
            user.sid = answer.sid(body)
            if user.sid is None:
                raise LoginError("no session")
            if answer.hold(body) > 1:  # what a user says would be held, too, and answer nothing
                raise LoginError("a hold above 1 is granted: use --hold 1")
        if not _FEATURES.search(body):
            return self._wait(user)
        mechanism = b"ANONYMOUS" if self._accounts is None else b"PLAIN"
        if b">%b<" % mechanism not in body:
            raise LoginError(f"SASL {mechanism.decode()} is not offered")
        user.phase = Phase.AUTHENTICATING
        return self._requests.carrying(user.rid, user.sid, self._auth(user.number))

    def _auth(self, number: int) -> bytes:
        if self._accounts is None:
            return requests.ANONYMOUS
        return requests.plain(self._accounts.name(number), self._accounts.password(number))

    def _authenticated(self, user: User, body: bytes) -> bytes:
        if b"<success" in body:
            user.phase = Phase.RESTARTING
            return self._requests.restart(user.rid, user.sid or b"")
        if failure := _FAILURE.search(body):
            raise LoginError(f"SASL {failure[1].decode()}")
        return self._wait(user)

    def _restarted(self, user: User, body: bytes) -> bytes:
        if not _FEATURES.search(body):
            return self._wait(user)
        user.phase = Phase.BINDING
        needs_session = _SESSION_REQUIRED.search(body) is not None
        user.said = requests.SESSION + requests.PRESENCE if needs_session else requests.PRESENCE
        return self._requests.carrying(user.rid, user.sid or b"", requests.BIND)

    def _bound(self, user: User, body: bytes) -> bytes:
        if jid := _JID.search(body):
            if jid[1] != self._expected_jid(user.number):
                user.jid = jid[1]
            user.phase = Phase.APPEARING
            return self._requests.carrying(user.rid, user.sid or b"", user.said or b"")
        if b"<error" in body:
            raise LoginError("no resource")
        return self._wait(user)

    def _appeared(self, user: User, body: bytes) -> bytes:
        """A user is told of its own presence (RFC 6121, section 4.2.2), and only by then has a
        server done all that a login takes."""
        if b"<presence" in body:
            user.phase = Phase.ONLINE
        return self._wait(user)

    def _wait(self, user: User) -> bytes:
        """What is waited for comes with the next answer."""
        return self._requests.empty(user.rid, user.sid or b"")

    def _expected_jid(self, number: int) -> bytes:
        if self._accounts is None:
            return b""
        return f"{self._accounts.name(number)}@{self._domain}/{requests.RESOURCE}".encode()


_STEPS = {
    Phase.CREATING: Login._created,
    Phase.AUTHENTICATING: Login._authenticated,
    Phase.RESTARTING: Login._restarted,
    Phase.BINDING: Login._bound,
    Phase.APPEARING: Login._appeared,
}

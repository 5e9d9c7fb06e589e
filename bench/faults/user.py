"""A user of the lab: a session like Strophe's, on two connections."""

from collections import Counter

from bench.faults.strophe import WAIT, Request, Strophe
from ecm.tools.bosh import stanzas
from ecm.tools.bosh.body import TERMINATE, creation
from ecm.tools.bosh.login import Login
from ecm.tools.bosh.session import Phase, Session

DOMAIN = "localhost"
RESOURCE = "lab"
PASSWORD = "secret"


class LabSession(Session):
    """The session of the account with this number. It ``leaves`` when it has said goodbye."""

    __slots__ = ("number", "leaves")

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.leaves = False


class User:
    """``number`` names the account. There is a ``session`` from the first request to the end.

    ``lines`` are the connections, each with the request that it carries, if any. ``errors`` are
    failures that a page would have seen, and ``lost`` its sessions that have ended, by the kind.
    ``aborts`` are requests that were repeated because their answer was late, as nobody sees it.
    A user who ``is_dismissed`` does not come again.
    """

    __slots__ = (
        "number",
        "session",
        "strophe",
        "lines",
        "errors",
        "aborts",
        "lost",
        "is_dismissed",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.session: LabSession | None = None
        self.strophe = Strophe(Session())
        self.lines: dict[int, Request | None] = {}
        self.errors: Counter[str] = Counter()
        self.aborts = 0
        self.lost: Counter[str] = Counter()
        self.is_dismissed = False

    @property
    def is_online(self) -> bool:
        return self.session is not None and self.session.phase is Phase.ONLINE

    @property
    def is_in_trouble(self) -> bool:
        """True if a request has failed, and waits to be repeated."""
        return self.session is not None and self.strophe.is_in_trouble

    def free_line(self) -> int | None:
        """Return a connection that carries nothing, if there is one."""
        return next((line for line, carries in self.lines.items() if carries is None), None)

    def line_of(self, request: Request) -> int | None:
        """Return the connection that carries a request, if one does."""
        return next((line for line, carries in self.lines.items() if carries is request), None)

    def begin(self, now: float) -> None:
        """Begin a session, and with it the login."""
        self.session = LabSession(self.number)
        self.strophe = Strophe(self.session)
        self.strophe.begin(_LOGIN.begin(self.session), now)

    def advance(self, body: bytes, now: float) -> None:
        """Take the next step of the login after an answer. Raises LoginError, BadAnswer."""
        assert self.session is not None
        content = _LOGIN.advance(self.session, body)
        if self.session.phase is not Phase.ONLINE:
            self.strophe.ask(*content, now)

    def forgive(self) -> None:
        """Count errors from now on."""
        self.aborts = 0
        self.errors.clear()
        self.lost.clear()

    def missed(self, why: str) -> None:
        """Count a session, or a login, that has come to an end."""
        if self.is_online:
            self.lost[why] += 1
        else:
            self.errors[f"login: {why}"] += 1

    def leave(self, now: float) -> None:
        """Say goodbye (XEP-0124, section 13)."""
        assert self.session is not None
        self.session.leaves = True
        self.strophe.ask(stanzas.ABSENCE, TERMINATE, now)


def name(number: int) -> str:
    return f"user{number}"


def jid(number: int) -> bytes:
    """Return the full JID of a user, as it stands in XML."""
    return f"{name(number)}@{DOMAIN}/{RESOURCE}".encode()


def _authenticate(session: LabSession) -> bytes:
    return stanzas.plain(name(session.number), PASSWORD)


_LOGIN = Login(DOMAIN, creation(DOMAIN, WAIT, 1), RESOURCE, _authenticate)

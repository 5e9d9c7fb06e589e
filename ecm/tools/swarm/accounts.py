"""The users of a swarm: names and passwords, from a pattern and a number. Pure."""

import re

from ecm.tools.bosh import stanzas
from ecm.tools.bosh.sasl import Scram, plain
from ecm.tools.swarm.messages import Task
from ecm.tools.swarm.user import User

RESOURCE = "swarm"

# The ways to log in.
SASL = "sasl"
SCRAM = "scram"
SASL2 = "sasl2"

_MECHANISMS = {SASL: "PLAIN", SCRAM: "SCRAM-SHA-1", SASL2: "PLAIN"}

_PLACE = re.compile(r"\{(0?)([0-9]?)\}")
# Characters that need no escape in XML, in a JID (RFC 7622) or in PLAIN (RFC 4616).
_NAME = re.compile(r"[a-z0-9._~!#$%()*+=?^`|-]+")


class Accounts:
    """``user{}:secret`` gives user0, user1 ... one password; ``u{06}:p{}`` gives u000001 and p1."""

    __slots__ = ("_name", "_password")

    def __init__(self, pattern: str) -> None:
        """Raises ValueError with advice."""
        name, colon, password = pattern.partition(":")
        if not _NAME.fullmatch(_PLACE.sub("", name) or "0") or not _PLACE.search(name):
            raise ValueError(
                f"{pattern!r}: give NAME:PASSWORD with {{}} for the number in the name"
            )
        if not colon or not password or not password.isascii() or not password.isprintable():
            raise ValueError(f"{pattern!r}: give a password of ASCII characters behind the colon")
        self._name, self._password = _template(name), _template(password)

    def name(self, number: int) -> str:
        return _filled(self._name, number)

    def password(self, number: int) -> str:
        return _filled(self._password, number)


def _template(text: str) -> str:
    """Return a template for str.__mod__ with one number, as often as it occurs."""
    return _PLACE.sub(lambda place: f"%(n){place[1]}{place[2]}d", text.replace("%", "%%"))


def _filled(template: str, number: int) -> str:
    return template % {"n": number}


class Identities:
    """The users of a task: their JIDs, and how they show who they are.

    ``mechanism`` is the one of SASL.
    """

    __slots__ = ("_accounts", "_domain", "_proofs", "mechanism")

    def __init__(self, task: Task) -> None:
        self._accounts = None if task.accounts is None else Accounts(task.accounts)
        self._domain = task.domain
        self._proofs: dict[int, Scram] = {}  # of those who are logging in, by their numbers
        self.mechanism = _MECHANISMS[task.login] if self._accounts else "ANONYMOUS"

    def authenticate(self, user: User) -> bytes:
        """Return the first step of SASL."""
        if self._accounts is None:
            return stanzas.ANONYMOUS
        if self.mechanism == _MECHANISMS[SCRAM]:
            proof = self._proofs[user.number] = Scram(*self._credentials(user), self.mechanism)
            return stanzas.auth(self.mechanism, proof.first())
        return stanzas.plain(*self._credentials(user))

    def respond(self, user: User, challenge: bytes) -> bytes:
        """Return the answer to a challenge of SCRAM. What the server proves is not looked at."""
        return stanzas.response(self._proofs.pop(user.number).respond(challenge))

    def authenticate2(self, user: User) -> str:
        """Return the one step of SASL2, which asks for a resource, too."""
        initial = plain(*self._credentials(user)).first()
        return stanzas.authenticate("PLAIN", initial, stanzas.bind2(RESOURCE))

    def bare_jid(self, user: User) -> str:
        return f"{self._credentials(user)[0]}@{self._domain}"

    def _credentials(self, user: User) -> tuple[str, str]:
        assert self._accounts is not None  # the options see to that
        return self._accounts.name(user.number), self._accounts.password(user.number)

    def jid(self, user: User) -> bytes:
        """Return the full JID of a user who is online."""
        return user.jid or self._expected_jid(user.number)

    def remember(self, user: User) -> None:
        """Keep the JID of a user who has come online only if it cannot be made again."""
        if user.jid == self._expected_jid(user.number):
            user.jid = None

    def _expected_jid(self, number: int) -> bytes:
        if self._accounts is None:
            return b""
        return f"{self._accounts.name(number)}@{self._domain}/{RESOURCE}".encode()

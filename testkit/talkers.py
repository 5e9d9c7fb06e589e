"""Users who talk to each other whatever happens to their sessions, and the account of what is lost.

They behave as Strophe does: at most two requests, the same RID again after an error, and a login
anew when their session is gone. A message counts as accepted once its request has an answer that
does not end the session.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import attrs
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from ecm.link.events import Answered
from ecm.tools.bosh.body import creation, termination
from ecm.tools.bosh.login import Login, LoginError
from ecm.tools.bosh.session import Phase, Session
from ecm.tools.bosh.stanzas import plain
from ecm.tools.demo.plan import DOMAIN
from testkit.link_peer import EcmEnd, NotAnswered
from testkit.link_user import PASSWORD, RESOURCE
from testkit.stanzas import message

_TEXT = re.compile(rb"<body>([^<]*)</body>")
_REQUESTS = 2
_WAIT = 2  # seconds: a request with messages is answered by then
_RETRY = 0.05  # seconds before a login or a request is tried again


@attrs.define(eq=False)
class _Request:
    rid: int
    texts: list[str]
    body: bytes
    answer: bytes | None = None


@attrs.define(eq=False)
class Talker:
    """A user. ``accepted`` are the texts that the server has taken, ``got`` those that came.

    ``refused`` counts the ends of sessions by their condition.
    """

    name: str
    link: EcmEnd
    accepted: set[str] = attrs.field(factory=set)
    sent: list[str] = attrs.field(factory=list)
    got: list[str] = attrs.field(factory=list)
    logins: int = 0
    refused: Counter[str] = attrs.field(factory=Counter)
    _session: Session | None = None
    _outbox: list[tuple[str, str]] = attrs.field(factory=list)
    _requests: list[_Request] = attrs.field(factory=list)
    _stopped: bool = False

    @property
    def jid(self) -> str:
        return f"{self.name}@{DOMAIN}"

    @property
    def is_online(self) -> bool:
        return self._session is not None

    @property
    def is_idle(self) -> bool:
        """True if it has said all that it had to say, and has the answers."""
        return self.is_online and not self._outbox and not any(r.texts for r in self._requests)

    def say(self, to: str, text: str) -> None:
        self.sent.append(text)
        self._outbox.append((to, text))
        self._pump()

    def stop(self) -> None:
        self._stopped = True

    async def log_in(self) -> None:
        """Log in and come online. The session that there was is not looked at any more."""
        self._session, self._requests = None, []
        session = Session()
        while session.phase < Phase.ONLINE and not self._stopped:
            try:
                await self._advance(session)
            except (NotAnswered, LoginError, AssertionError):
                await deferLater(reactor, _RETRY)
                session = Session()
        self.logins += 1
        self._session = session
        self._pump()

    async def _advance(self, session: Session) -> None:
        login = Login[Session](
            DOMAIN, creation(DOMAIN, _WAIT, 1), RESOURCE, lambda _: plain(self.name, PASSWORD)
        )
        body = login.begin(session)
        while session.phase < Phase.ONLINE:
            answer = await self.link.ask(body)[1]
            if termination(answer.body) is not None:
                raise LoginError
            content = login.advance(session, answer.body)
            self._take(answer.body)
            body = session.next_body(*content)
        session.rid -= 1  # that one is not sent

    def _pump(self) -> None:
        if self._session is None or self._stopped:
            return
        while self._outbox and len(self._requests) < _REQUESTS:
            taken, self._outbox = self._outbox, []
            self._ask([text for _, text in taken], "".join(message(*each) for each in taken))
        if not self._requests:
            self._ask([], "")

    def _ask(self, texts: list[str], payload: str) -> None:
        assert self._session is not None
        body = self._session.next_body(payload.encode())
        request = _Request(self._session.rid, texts, body)
        self._requests.append(request)
        self._send(request, self._session)

    def _send(self, request: _Request, session: Session) -> None:
        _, answer = self.link.ask(request.body)
        answer.addCallbacks(
            lambda answered: self._answered(answered, request, session),
            lambda why: self._not_answered(why, request, session),
        )

    def _answered(self, answered: Answered, request: _Request, session: Session) -> None:
        if session is not self._session:
            return
        ended = termination(answered.body)
        if ended is not None:
            self.refused[ended] += 1
            self._again()
        elif b"type='error'" in answered.body[:200] or answered.status != 200:
            self._repeat(request, session)
        else:
            request.answer = answered.body
            self._in_order()
            self._pump()

    def _in_order(self) -> None:
        while self._requests and (answer := self._requests[0].answer) is not None:
            self.accepted.update(self._requests.pop(0).texts)
            self._take(answer)

    def _take(self, answer: bytes) -> None:
        self.got += [text.decode() for text in _TEXT.findall(answer)]

    def _not_answered(self, why: Failure, request: _Request, session: Session) -> None:
        why.trap(NotAnswered)
        if session is self._session:
            self._repeat(request, session)

    def _repeat(self, request: _Request, session: Session) -> None:
        if not self._stopped:
            reactor.callLater(_RETRY, self._repeat_now, request, session)

    def _repeat_now(self, request: _Request, session: Session) -> None:
        if session is self._session:
            self._send(request, session)

    def _again(self) -> None:
        self._session = None
        if not self._stopped:
            ensureDeferred(self.log_in())


@attrs.define
class Account:
    """The messages that were accepted, or not, and where they are now.

    ``unanswered`` may have come, or not. ``ends`` are the conditions with which sessions ended.
    """

    accepted: int
    unanswered: int
    lost: list[str]
    stuck: list[str]
    twice: list[str]
    disordered: int
    logins: int
    ends: Counter[str]


def account(talkers: Iterable[Talker], stored: Iterable[str]) -> Account:
    """Return the account; ``stored`` is what is still in offline storage, of everybody."""
    people = [*talkers]
    accepted = set().union(*(each.accepted for each in people))
    sent = set().union(*(each.sent for each in people))
    got = Counter(text for each in people for text in each.got)
    waiting = set(stored) - set(got)
    return Account(
        accepted=len(accepted),
        unanswered=len(sent - accepted),
        lost=sorted(accepted - set(got) - waiting),
        stuck=sorted(waiting),
        twice=sorted(text for text, times in got.items() if times > 1),
        disordered=sum(_disordered(each.got) for each in people),
        logins=sum(each.logins for each in people),
        ends=sum((each.refused for each in people), Counter()),
    )


def _disordered(got: list[str]) -> int:
    """Texts are ``SENDER NUMBER``, in order. Those that come again do not count."""
    last: dict[str, int] = defaultdict(int)
    seen: set[str] = set()
    late = 0
    for text in got:
        sender, number = text.split()
        if text in seen:
            continue
        seen.add(text)
        late += int(number) < last[sender]
        last[sender] = max(last[sender], int(number))
    return late

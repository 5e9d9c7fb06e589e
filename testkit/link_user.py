"""A BOSH client at a link, which does with its RIDs as the test says."""

from twisted.internet.defer import Deferred

from ecm.link.events import Answered
from ecm.tools.bosh.body import creation, named
from ecm.tools.bosh.login import Login
from ecm.tools.bosh.session import Phase, Session
from ecm.tools.bosh.stanzas import plain
from ecm.tools.demo.plan import DOMAIN
from testkit.link_peer import EcmEnd
from testkit.resuming_end import ResumingEnd

PASSWORD = "secret"
RESOURCE = "test"
FIRST_RID = 1000


class LinkUser:
    """One user's session. ``link`` may be replaced by another link to the same cluster."""

    def __init__(self, link: EcmEnd | ResumingEnd, name: str, resource: str = RESOURCE) -> None:
        self.link = link
        self.name = name
        self.jid = f"{name}@{DOMAIN}/{resource}"
        self.session = Session(FIRST_RID)
        self.answers: list[Answered] = []
        self._resource = resource
        self._ids: dict[int, int] = {}

    def ask(self, payload: str = "", **attributes: str) -> Deferred[Answered]:
        """Make the next request, and fire with its answer."""
        self.session.rid += 1
        return self.ask_as(self.session.rid, payload, **attributes)

    def ask_as(self, rid: int, payload: str = "", /, **attributes: str) -> Deferred[Answered]:
        """Make a request out of order, or again."""
        return self._send(rid, self.session.body(rid, payload.encode(), named(**attributes)))

    def _send(self, rid: int, body: bytes) -> Deferred[Answered]:
        self._ids[rid], answer = self.link.ask(body)
        return answer.addCallback(self._take)

    def _take(self, answer: Answered) -> Answered:
        self.answers.append(answer)
        return answer

    def vanish(self, rid: int) -> None:
        """Close the connection of a request that has not been answered."""
        self.link.gone(self._ids[rid])

    async def log_in(self, wait: int = 60, hold: int = 1) -> None:
        """Begin a session, log in and bind the resource. The accounts are there."""
        await self.begin(wait, hold)
        await self.go_on()

    async def begin(self, wait: int = 60, hold: int = 1) -> None:
        """Begin a session, and do nothing else."""
        self._login = Login[Session](
            DOMAIN,
            creation(DOMAIN, wait, hold, ack="1"),
            self._resource,
            lambda _: plain(self.name, PASSWORD),
        )
        await self._advance(self._login.begin(self.session))

    async def go_on(self) -> None:
        """Log in and bind the resource. It sends no presence by itself."""
        while self.session.phase < Phase.APPEARING:
            await self.step()

    async def step(self) -> None:
        """Take the next step of the login."""
        await self._advance(self.session.next_body(*self._content))

    async def _advance(self, body: bytes) -> None:
        answer = await self._send(self.session.rid, body)
        self._content = self._login.advance(self.session, answer.body)


def attribute(body: bytes, name: str) -> str:
    """Return an attribute of a body's first tag."""
    return body.decode().partition(f" {name}='")[2].partition("'")[0]


def accounts(*names: str) -> str:
    """Erlang that makes these accounts, with nothing of earlier ones of these names."""
    made = ", ".join(f"<<{', '.join(map(str, name.encode()))}>>" for name in names)
    return f"""
        lists:foreach(fun(Name) ->
            ok = ejabberd_auth:remove_user(Name, <<"{DOMAIN}">>),
            ok = ejabberd_auth:try_register(Name, <<"{DOMAIN}">>, <<"{PASSWORD}">>)
        end, [{made}])"""

"""A BOSH client at a link, which does with its RIDs as the test says."""

from xml.sax.saxutils import quoteattr

from twisted.internet.defer import Deferred

from ecm.link.events import Answered
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import BIND, HTTPBIND, SASL, XBOSH
from testkit.link_peer import LinkSpeaker
from testkit.xmpp_login import plain

PASSWORD = "secret"
RESOURCE = "test"
FIRST_RID = 1000


class LinkUser:
    """One user's session. ``speaker`` may be replaced by another link to the same cluster."""

    def __init__(self, speaker: LinkSpeaker, name: str, resource: str = RESOURCE) -> None:
        self.speaker = speaker
        self.name = name
        self.jid = f"{name}@{DOMAIN}/{resource}"
        self.sid = ""
        self.rid = FIRST_RID
        self.answers: list[Answered] = []
        self._resource = resource
        self._ids: dict[int, int] = {}

    def ask(self, payload: str = "", **attributes: str) -> Deferred[Answered]:
        """Make the next request, and fire with its answer."""
        self.rid += 1
        return self.ask_as(self.rid, payload, **attributes)

    def ask_as(self, rid: int, payload: str = "", /, **attributes: str) -> Deferred[Answered]:
        """Make a request out of order, or again."""
        named = {"rid": str(rid), "sid": self.sid} | attributes
        written = " ".join(f"{key}={quoteattr(value)}" for key, value in named.items() if value)
        body = f"<body xmlns='{HTTPBIND}' xmlns:xmpp='{XBOSH}' {written}>{payload}</body>"
        self._ids[rid], answer = self.speaker.ask(body.encode())
        return answer.addCallback(self._take)

    def _take(self, answer: Answered) -> Answered:
        self.answers.append(answer)
        return answer

    def vanish(self, rid: int) -> None:
        """Close the connection of a request that has not been answered."""
        self.speaker.gone(self._ids[rid])

    async def log_in(self, wait: int = 60, hold: int = 1) -> None:
        """Begin a session, log in and bind the resource. The accounts are there."""
        language = {"xml:lang": "en", "xmpp:version": "1.0"}
        created = await self.ask(
            to=DOMAIN, wait=str(wait), hold=str(hold), ver="1.11", ack="1", **language
        )
        self.sid = attribute(created.body, "sid")
        initial = plain(self.name, PASSWORD)
        await self.ask(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{initial}</auth>")
        await self.ask(to=DOMAIN, **{"xmpp:restart": "true"})
        resource = f"<resource>{self._resource}</resource>"
        await self.ask(f"<iq type='set' id='b'><bind xmlns='{BIND}'>{resource}</bind></iq>")


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

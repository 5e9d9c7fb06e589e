"""A BOSH client (XEP-0124, XEP-0206) over treq, for conversations with a running stack."""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element, ParseError, fromstring

from treq import content
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue, ensureDeferred, succeed
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers

from ecm.tools.bosh.body import creation, named, restart
from ecm.tools.bosh.sasl import Mechanism, OneStep, Scram, plain
from ecm.tools.bosh.session import Session
from ecm.tools.bosh.stanzas import BIND2, SASL, SASL2, authenticate
from testkit.settling import SettlingEndpoints

BIND = "urn:ietf:params:xml:ns:xmpp-bind"
CLIENT = "jabber:client"
REGISTER = "jabber:iq:register"
ROSTER = "jabber:iq:roster"
SM = "urn:xmpp:sm:3"
STREAMS = "urn:ietf:params:xml:ns:xmpp-streams"

_REFUSED = "refused"  # in the queue of stanzas, the end of the session

WAIT = 60  # seconds that a request may be held
REQUESTS = 2  # that may be at the server at a time: one that is held, and one more


class Refused(Exception):
    """An answer that ends the conversation: an HTTP status, or a terminate condition.

    With the condition come the names of a stream error; if the body is not well-formed, it is all.
    """


def http_client(test: TestCase, address: str = "127.0.0.1") -> HTTPClient:
    """A client whose connections stay open between requests, and close when the test ends.

    They come from ``address``, one of 127.0.0.0/8.
    """
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = 1000
    endpoints = SettlingEndpoints(address)
    test.addCleanup(pool.closeCachedConnections)
    test.addCleanup(lambda: ensureDeferred(endpoints.settled()))
    return HTTPClient(Agent.usingEndpointFactory(reactor, endpoints, pool))


def _condition(answer: Element) -> str:
    names = (element.tag.partition("}")[2] for element in answer.iterfind(f".//{{{STREAMS}}}*"))
    return " ".join([answer.get("condition", ""), *names])


def sasl_mechanism(mechanism: str, name: str, password: str) -> Mechanism:
    """Return the mechanism of this name for a user."""
    if mechanism.startswith("SCRAM-"):
        return Scram(name, password, mechanism)
    return OneStep(mechanism, b"" if mechanism == "ANONYMOUS" else plain(name, password).first())


class BoshClient:
    """One user's session. ``headers`` are sent with each request, beside the usual ones."""

    def __init__(
        self, http: HTTPClient, url: str, domain: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self._http = http
        self._url = url
        self._headers = Headers({"Content-Type": ["text/xml; charset=utf-8"]})
        for name, value in (headers or {}).items():
            self._headers.addRawHeader(name, value)
        self._domain = domain
        self._in_flight = 0
        self._answered: Deferred[None] = Deferred()
        self._last_turn: Deferred[None] = succeed(None)
        self._outbox: list[str] = []
        self._polls = False
        self._stanzas: DeferredQueue[Element] = DeferredQueue()
        self.session = Session()
        self.jid = ""

    def move(self, url: str) -> None:
        """Go on with the session at another address."""
        self._url = url

    # One request, one answer.

    async def ask(self, payload: str = "", **attributes: str) -> Element:
        """Send a request, and return the body of its answer. Raises Refused."""
        return await self._post(self.next_body(payload, **attributes))

    async def _post(self, body: bytes) -> Element:
        response = await self._http.post(self._url, data=body, headers=self._headers)
        text = await content(response)
        if response.code != 200:
            raise Refused(str(response.code))
        try:
            answer = fromstring(text)
        except ParseError:  # ejabberd writes some attributes twice where it refuses a session
            raise Refused(text) from None
        if answer.get("type") == "terminate":
            raise Refused(_condition(answer))
        return answer

    def next_body(self, payload: str = "", rid: str = "", **attributes: str) -> bytes:
        """Return the body of the next request, to be sent by others; ``rid`` is a wrong one."""
        self.session.rid += 1
        return self.session.body(
            int(rid or self.session.rid), payload.encode(), named(**attributes)
        )

    async def ask_again(self) -> Element:
        """Repeat the last request, whose answer was lost, and return the body of the answer."""
        return await self._post(self.session.body(self.session.rid))

    # The way to a session (RFC 6120, sections 6 and 7; XEP-0206).

    async def create(self, jid: str = "", payload: str = "", ack: str = "") -> Element:
        """Create the session, and return the answer, with the features of the stream.

        ``jid`` says whose client this is, without which there is no SASL2. With ``ack`` it
        acknowledges answers.
        """
        more = {"from": jid, "ack": ack}
        attributes = creation(self._domain, WAIT, hold=1, content="text/xml; charset=utf-8", **more)
        answer = await self._post(self.session.next_body(payload.encode(), attributes))
        self.session.sid = answer.attrib["sid"].encode()
        return answer

    async def register(self, name: str, password: str) -> None:
        """Create an account (XEP-0077), before the login."""
        account = f"<username>{name}</username><password>{password}</password>"
        await self.iq("set", f"<query xmlns='{REGISTER}'>{account}</query>")

    async def login(
        self, name: str, password: str, mechanism: str = "PLAIN", resource: str = ""
    ) -> None:
        """Log in, bind a resource, and begin to poll. Raises Refused if the password is wrong.

        ``resource`` may be empty: the server chooses one then.
        """
        await self.authenticate(name, password, mechanism)
        await self.bind(resource)

    async def bind(self, resource: str = "") -> None:
        """Bind a resource, and begin to poll."""
        wanted = f"<resource>{resource}</resource>" if resource else ""
        bound = await self.iq("set", f"<bind xmlns='{BIND}'>{wanted}</bind>")
        self.jid = bound.findtext(f".//{{{BIND}}}jid") or ""
        self._polls = True

    async def authenticate(self, name: str, password: str, mechanism: str = "PLAIN") -> Element:
        """Show who this is, and return the features of the stream that begins then.

        The password of X-OAUTH2 is a token; ANONYMOUS has no name and no password.
        """
        await self._sasl(sasl_mechanism(mechanism, name, password))
        return await self._post(self.session.next_body(b"", restart(self._domain)))

    async def authenticate2(self, mechanism: Mechanism, *inline: str) -> Element:
        """Log in with SASL2 (XEP-0388) and whatever is to be done with it; return the success.

        If a resource is bound (XEP-0386) or a stream resumed by that, begin to poll. Raises Refused
        with the condition.
        """
        initial = authenticate(mechanism.name, mechanism.first(), *inline)
        return await self._finished(mechanism, await self.ask(initial))

    async def begin2(self, jid: str, mechanism: Mechanism, *inline: str) -> Element:
        """The same with the request that creates the session."""
        initial = authenticate(mechanism.name, mechanism.first(), *inline)
        answer = await self.create(jid, initial)
        answer.remove(answer[0])  # the features that nobody has waited for
        return await self._finished(mechanism, answer)

    async def _finished(self, mechanism: Mechanism, answer: Element) -> Element:
        """Go on behind the answer to the first step."""
        step, *others = answer
        while step.tag == f"{{{SASL2}}}challenge":
            response = b64encode(mechanism.respond(b64decode(step.text or ""))).decode()
            step, *others = await self.ask(f"<response xmlns='{SASL2}'>{response}</response>")
        if step.tag != f"{{{SASL2}}}success":
            raise Refused(step[0].tag.partition("}")[2])
        final = b64decode(step.findtext(f"{{{SASL2}}}additional-data") or "")
        if not mechanism.verifies(final):
            raise Refused("the server does not know the secret")
        self.jid = step.findtext(f"{{{SASL2}}}authorization-identifier") or ""
        if any(done.tag in (f"{{{BIND2}}}bound", f"{{{SM}}}resumed") for done in step):
            self._polls = True
        for element in others:
            self._stanzas.put(element)
        return step

    async def resume(self, stream: str, received: int) -> None:
        """Go on with an earlier stream (XEP-0198, section 5) of this user, and begin to poll.

        ``received`` is how many stanzas of it have come here. Raises Refused.
        """
        answer = await self.ask(f"<resume xmlns='{SM}' previd='{stream}' h='{received}'/>")
        resumed, *stanzas = answer
        if resumed.tag != f"{{{SM}}}resumed":
            raise Refused(resumed.tag)
        for stanza in stanzas:
            self._stanzas.put(stanza)
        self._polls = True

    async def _sasl(self, mechanism: Mechanism) -> None:
        """RFC 6120, section 6.4."""
        initial = b64encode(mechanism.first()).decode() or "="
        payload = f"<auth xmlns='{SASL}' mechanism='{mechanism.name}'>{initial}</auth>"
        [step] = await self.ask(payload)
        while step.tag == f"{{{SASL}}}challenge":
            response = b64encode(mechanism.respond(b64decode(step.text or ""))).decode()
            [step] = await self.ask(f"<response xmlns='{SASL}'>{response}</response>")
        if step.tag != f"{{{SASL}}}success" or not mechanism.verifies(b64decode(step.text or "")):
            raise Refused("not-authorized")

    # Stanzas, either way.

    def send(self, *stanzas: str) -> None:
        """Send stanzas. What comes in answer is for ``receive``, as is what comes by itself."""
        self._outbox += stanzas
        self._pump()

    async def receive(self, wanted: Callable[[Element], bool]) -> Element:
        """Return the next stanza that is wanted; those before it are dropped. Raises Refused."""
        self._pump()
        while True:
            stanza = await self._stanzas.get()
            if stanza.tag == _REFUSED:
                raise Refused(stanza.text)
            if wanted(stanza):
                return stanza

    async def iq(self, kind: str, query: str) -> Element:
        """Send an IQ to the server, and return its result. Raises Refused at an error."""
        name = secrets.token_hex(4)
        stanza = f"<iq xmlns='{CLIENT}' type='{kind}' id='{name}'>{query}</iq>"
        if self._polls:
            self.send(stanza)
            result = await self.receive(lambda stanza: stanza.get("id") == name)
        else:
            result = (await self.ask(stanza))[0]
        if result.get("type") == "error":
            raise Refused(result[-1][0].tag)
        return result

    async def message(self) -> tuple[str, str]:
        """Return the next message: the bare JID of the sender, and the text."""
        stanza = await self.receive(lambda stanza: stanza.find(f"{{{CLIENT}}}body") is not None)
        sender = stanza.get("from", "").partition("/")[0]
        return sender, stanza.findtext(f"{{{CLIENT}}}body") or ""

    def rest(self) -> None:
        """Ask no more, as somebody whose test ends."""
        self._polls = False

    async def terminate(self) -> None:
        """End the session. All its requests have been answered then."""
        self.rest()
        await self._until_at_most(REQUESTS - 1)
        try:
            await self.ask(f"<presence xmlns='{CLIENT}' type='unavailable'/>", type="terminate")
        except Refused as ended:
            if str(ended):
                raise
        await self._until_at_most(0)

    async def _until_at_most(self, requests: int) -> None:
        while self._in_flight > requests:
            await self._answered

    def _pump(self) -> None:
        """Send what waits, or keep one request at the server."""
        if self._polls and self._in_flight < (REQUESTS if self._outbox else 1):
            payload, self._outbox = "".join(self._outbox), []
            self._in_flight += 1
            ensureDeferred(self._exchange(payload, self._turn()))

    def _turn(self) -> tuple[Deferred[None], Deferred[None]]:
        """Return what fires once all earlier answers have been taken, and what to fire then."""
        mine, self._last_turn = self._last_turn, Deferred()
        return mine, self._last_turn

    async def _exchange(self, payload: str, turn: tuple[Deferred[None], Deferred[None]]) -> None:
        stanzas = await self._stanzas_of(payload)
        await turn[0]  # answers may overtake each other: they come on several connections
        for stanza in stanzas:
            self._stanzas.put(stanza)
        self._in_flight -= 1
        turn[1].callback(None)
        answered, self._answered = self._answered, Deferred()
        answered.callback(None)
        self._pump()

    async def _stanzas_of(self, payload: str) -> list[Element]:
        try:
            return list(await self.ask(payload))
        except Refused as refused:
            self._polls = False
            last = Element(_REFUSED)
            last.text = str(refused)
            return [last]

"""A client whose WebSocket (RFC 7395) or TCP (RFC 6120) is a stream at a link; or real, at ECM."""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Protocol
from xml.etree.ElementTree import Element

from twisted.internet.defer import DeferredQueue

from ecm.tools.bosh.sasl import Mechanism
from ecm.tools.bosh.stanzas import SASL, SASL2, authenticate
from testkit.bosh_client import BIND, CLIENT, REGISTER, SM, Refused, sasl_mechanism
from testkit.stream_framing import CLOSE, OPEN, framing
from testkit.streaming_end import Received, cost

_CLOSED = "closed"  # in the queue of elements, the end of the stream


class Denied(Refused):
    """The server knows no stream that could go on."""


class End(Protocol):
    """Carries the messages of a stream, as StreamingEnd does."""

    window: float

    def open(self, line: str, received: Received) -> int:
        """Open a stream. Returns its ID."""

    def say(self, stream: int, content: bytes) -> None:
        """Send a packet on a stream."""


class StreamClient:
    """One user's stream. It has the methods of BoshClient that a test of both needs.

    ``reads`` says whether what has come is given back: a client that does not read gives nothing.
    """

    def __init__(
        self, link: End, domain: str, line: str = "websocket peer=192.0.2.7:51234 secure=1"
    ) -> None:
        self._link = link
        self._domain = domain
        self._line = line
        self._framing = framing(line)
        self._elements: DeferredQueue[Element] = DeferredQueue()
        self._outbox: list[bytes] = []
        self._sent = 0
        self._kept = 0
        self.reads = True
        self.received_bytes = 0
        self.jid = ""

    async def create(self, jid: str = "") -> Element:
        """Begin the stream, and return its features."""
        self._id = self._link.open(self._line, self._received)
        return await self.begin(jid)

    async def begin(self, jid: str = "") -> Element:
        """Begin the stream, or begin it anew after a login."""
        self.send(self._framing.begin(self._domain, jid))
        await self.receive(lambda element: element.tag == OPEN)
        return await self.receive(lambda element: element.tag.endswith("}features"))

    async def register(self, name: str, password: str) -> None:
        """Create an account (XEP-0077), before the login."""
        account = f"<username>{name}</username><password>{password}</password>"
        await self.iq("set", f"<query xmlns='{REGISTER}'>{account}</query>")

    async def login(
        self, name: str, password: str, mechanism: str = "PLAIN", resource: str = ""
    ) -> None:
        """Log in and bind a resource. Raises Refused."""
        await self.authenticate(name, password, mechanism)
        await self.bind(resource)

    async def bind(self, resource: str = "") -> None:
        """Bind a resource."""
        wanted = f"<resource>{resource}</resource>" if resource else ""
        bound = await self.iq("set", f"<bind xmlns='{BIND}'>{wanted}</bind>")
        self.jid = bound.findtext(f".//{{{BIND}}}jid") or ""

    async def authenticate(self, name: str, password: str, mechanism: str = "PLAIN") -> Element:
        """Show who this is, and return the features of the stream that begins then."""
        return await self.prove(sasl_mechanism(mechanism, name, password))

    async def prove(self, mechanism: Mechanism) -> Element:
        """The same with a mechanism of any kind. Raises Refused."""
        initial = b64encode(mechanism.first()).decode()
        self.send(f"<auth xmlns='{SASL}' mechanism='{mechanism.name}'>{initial}</auth>")
        step = await self.receive(lambda element: True)
        while step.tag == f"{{{SASL}}}challenge":
            response = b64encode(mechanism.respond(b64decode(step.text or ""))).decode()
            self.send(f"<response xmlns='{SASL}'>{response}</response>")
            step = await self.receive(lambda element: True)
        if step.tag != f"{{{SASL}}}success":
            raise Refused(step[0].tag.partition("}")[2])
        return await self.begin()

    async def authenticate2(self, mechanism: Mechanism, *inline: str) -> Element:
        """Log in with SASL2 (XEP-0388) and whatever is to be done with it; return the success."""
        self.send(authenticate(mechanism.name, mechanism.first(), *inline))
        step = await self.receive(lambda element: True)
        while step.tag == f"{{{SASL2}}}challenge":
            response = b64encode(mechanism.respond(b64decode(step.text or ""))).decode()
            self.send(f"<response xmlns='{SASL2}'>{response}</response>")
            step = await self.receive(lambda element: True)
        if step.tag != f"{{{SASL2}}}success":
            raise Refused(step[0].tag.partition("}")[2])
        self.jid = step.findtext(f"{{{SASL2}}}authorization-identifier") or ""
        return step

    async def manage(self) -> str:
        """Enable stream management (XEP-0198, section 3), and return the name of the stream."""
        self.send(f"<enable xmlns='{SM}' resume='true'/>")
        enabled = await self.receive(lambda element: element.tag == f"{{{SM}}}enabled")
        return enabled.get("id", "")

    async def resume(self, stream: str, received: int) -> int:
        """Go on with an earlier stream (XEP-0198, section 5) of this user.

        Returns the number of stanzas that the server has. Raises Denied if it knows none, and
        Refused where the connection ends.
        """
        self.send(f"<resume xmlns='{SM}' previd='{stream}' h='{received}'/>")
        answer = await self.receive(lambda element: True)
        if answer.tag != f"{{{SM}}}resumed":
            raise Denied(answer.tag)
        return int(answer.get("h", ""))

    def send(self, *elements: str) -> None:
        """Send elements, one message each, as far as there is credit; the others wait."""
        self._outbox += [element.encode() for element in elements]
        while self._outbox and self._sent < self._link.window:
            message = self._outbox.pop(0)
            self._sent += cost(message)
            self._link.say(self._id, b"message\n" + message)

    async def receive(self, wanted: Callable[[Element], bool]) -> Element:
        """Return the next element that is wanted; those before it are dropped. Raises Refused."""
        while True:
            element = await self._elements.get()
            if element.tag == _CLOSED:
                raise Refused(element.text)
            if wanted(element):
                return element

    async def iq(self, kind: str, query: str) -> Element:
        """Send an IQ to the server, and return its result. Raises Refused at an error."""
        name = secrets.token_hex(4)
        self.send(f"<iq xmlns='{CLIENT}' type='{kind}' id='{name}'>{query}</iq>")
        result = await self.receive(lambda element: element.get("id") == name)
        if result.get("type") == "error":
            raise Refused(result[-1][0].tag)
        return result

    async def message(self) -> tuple[str, str]:
        """Return the next message: the bare JID of the sender, and the text."""
        stanza = await self.receive(lambda stanza: stanza.find(f"{{{CLIENT}}}body") is not None)
        sender = stanza.get("from", "").partition("/")[0]
        return sender, stanza.findtext(f"{{{CLIENT}}}body") or ""

    async def told(self) -> tuple[str, str]:
        """Return how the stream ends: the condition of an error, and the words of ``close``."""
        condition = ""
        try:
            while True:
                error = await self.receive(lambda element: element.tag.endswith("}error"))
                condition = error[0].tag.partition("}")[2]
        except Refused as closed:
            return condition, str(closed)

    async def terminate(self) -> None:
        """End the stream, and wait until the server has ended it, too."""
        self.send(self._framing.end)
        await self.receive(lambda element: element.tag == CLOSE)
        await self.told()

    def vanish(self) -> None:
        """The connection of the client has gone."""
        self._link.say(self._id, b"close gone")

    def give_back(self) -> None:
        """Read what has come, and go on."""
        self.reads = True
        self._give(self._kept)
        self._kept = 0

    def _received(self, kind: str, body: bytes) -> None:
        match kind:
            case "message":
                self.received_bytes += len(body)
                for element in self._framing.read(body):
                    self._elements.put(element)
                if self.reads:
                    self._give(cost(body))
                else:
                    self._kept += cost(body)
            case "more":
                self._sent -= int(body)
                self.send()
            case _:
                closed = Element(_CLOSED)
                closed.text = f"{kind} {body.decode()}"
                self._elements.put(closed)

    def _give(self, size: int) -> None:
        self._link.say(self._id, b"more %d" % size)

"""A stream with stream management (XEP-0198), which goes on over one connection after another."""

from collections import deque
from collections.abc import Callable
from xml.etree.ElementTree import Element

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT, SM, Refused
from testkit.stream_client import Denied, End, StreamClient

_STANZAS = {f"{{{CLIENT}}}{kind}" for kind in ("message", "iq", "presence")}


class ManagedClient:
    """A user who is online, with the methods of a StreamClient that people who talk need.

    ``connect`` makes a connection, whenever there is none; ``resumptions`` is how often it went on.
    What the server has not acknowledged is sent again then. It is kept all the time, and so counted
    by its place.
    """

    def __init__(self, connect: Callable[[], End], account: str, password: str) -> None:
        self._connect = connect
        self._account = account
        self._password = password
        self._client: StreamClient
        self._id = ""
        self._received = 0
        # What the server has not acknowledged, behind so much that it has.
        self._unacknowledged: deque[str] = deque()
        self._acknowledged = 0
        self.jid = ""
        self.resumptions = 0

    async def begin(self, client: StreamClient) -> None:
        """Go on with a stream that is online, and enable stream management."""
        self._client, self.jid = client, client.jid
        self._id = await client.manage()

    def send(self, *stanzas: str) -> None:
        self._unacknowledged += stanzas
        self._client.send(*stanzas)

    async def message(self) -> tuple[str, str]:
        """Return the next message: the bare JID of the sender, and the text."""
        while True:
            element = await self._next()
            body = element.findtext(f"{{{CLIENT}}}body")
            if body is not None:
                return element.get("from", "").partition("/")[0], body

    async def _next(self) -> Element:
        """Return the next element, on whatever connection it comes."""
        while True:
            try:
                element = await self._client.receive(lambda element: True)
            except Refused:
                await self._resume()
                continue
            self._received += element.tag in _STANZAS
            match element.tag.partition(SM + "}")[2]:
                case "r":
                    self._client.send(f"<a xmlns='{SM}' h='{self._received}'/>")
                case "a":
                    self._forget(int(element.get("h", "")))
                case _:
                    return element

    def _forget(self, acknowledged: int) -> None:
        for _ in range(acknowledged - self._acknowledged):
            self._unacknowledged.popleft()
        self._acknowledged = acknowledged

    async def _resume(self) -> None:
        """Go on over a new connection, as often as it takes. Raises Denied if it cannot go on."""
        while True:
            client = StreamClient(self._connect(), DOMAIN)
            try:
                await client.create()
                await client.authenticate(self._account, self._password)
                acknowledged = await client.resume(self._id, self._received)
            except Denied:
                raise
            except Refused:  # the connection, not what has to go on
                continue
            break
        self._forget(acknowledged)
        self._client = client
        self.resumptions += 1
        client.send(*self._unacknowledged)

    async def terminate(self) -> None:
        await self._client.terminate()

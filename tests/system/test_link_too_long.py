"""A body that is longer than ECM takes: its session ends, and all sides know."""

from collections.abc import Callable
from xml.etree.ElementTree import fromstring

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from testkit.bosh_client import BoshClient
from testkit.link_case import LinkTestCase
from testkit.raw_client import RawClient
from testkit.stanzas import message

HEAD = b"POST /http-bind HTTP/1.1\r\nHost: a\r\n"
LENGTH = 300_000  # bytes, which are more than --max-body


def whole(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def in_chunks(body: bytes) -> bytes:
    parts = [body[at : at + 4000] for at in range(0, len(body), 4000)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunks


class TooLongTests(LinkTestCase):
    async def test_its_session_ends_and_says_so(self) -> None:
        await self.check(whole, "typed")

    async def test_so_does_one_in_chunks(self) -> None:
        await self.check(in_chunks, "typed")

    async def check(self, send: Callable[[bytes], bytes], listener: str) -> None:
        front = await self.front(listener)
        friend = await self.log_in(self.client(front))
        client = await self.log_in(self.client(front))
        held = await self.held(client, friend)
        answer = await self.answer(send, client, friend)
        self.assertEqual(answer, ("terminate", "policy-violation"))
        held.addErrback(lambda _: None)  # it ends, too
        await friend.receive(
            lambda stanza: (stanza.get("from"), stanza.get("type")) == (client.jid, "unavailable")
        )
        await friend.terminate()

    async def answer(
        self, send: Callable[[bytes], bytes], client: BoshClient, friend: BoshClient
    ) -> tuple[str | None, str | None]:
        body = client.next_body(message(friend.jid, "x" * LENGTH))
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        raw: RawClient = await connectProtocol(endpoint, RawClient(send(body)))
        head, _, said = (await raw.closed).partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"), head)
        element = fromstring(said)
        return element.get("type"), element.get("condition")

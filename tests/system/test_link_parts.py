"""An answer that is longer than a packet crosses a real link in several."""

from xml.etree.ElementTree import Element

from twisted.internet.defer import ensureDeferred

from testkit.bosh_client import BoshClient
from testkit.link_case import LinkTestCase
from testkit.stanzas import message

# Of the ECM of who receives: a packet of it is much shorter than the message.
SMALL = ("--max-packet", "8192", "--max-body", "8000")
LONG = "a long text, " * 6_000


def is_error(stanza: Element) -> bool:
    return stanza.get("type") == "error"


class PartsTests(LinkTestCase):
    async def two(self, *limits: str) -> tuple[BoshClient, BoshClient]:
        """Return who has an ECM of usual size, and who has one with these limits."""
        usual, small = await self.front("typed"), await self.front("typed", *SMALL, *limits)
        return await self.log_in(self.client(usual)), await self.log_in(self.client(small))

    async def test_a_long_message_comes_whole_and_so_does_the_next(self) -> None:
        romeo, juliet = await self.two()
        for text in (LONG, "a short one", LONG):
            romeo.send(message(juliet.jid, text))
            self.assertEqual((await juliet.message())[1], text)
        juliet.send(message(romeo.jid, "done"))
        self.assertEqual((await romeo.message())[1], "done")
        await self.leave(romeo, juliet)

    async def test_one_that_is_longer_than_ecm_takes_comes_back(self) -> None:
        romeo, juliet = await self.two("--max-content", "40000")
        comes = ensureDeferred(juliet.message())
        romeo.send(message(juliet.jid, LONG))
        error = await romeo.receive(is_error)
        self.assertEqual(error.get("from"), juliet.jid)
        romeo.send(message(juliet.jid, "a short one"))
        self.assertEqual((await comes)[1], "a short one")
        await self.leave(romeo, juliet)

    async def leave(self, *clients: BoshClient) -> None:
        for client in clients:
            await client.terminate()

"""A client vanishes while its request is held: the session learns of it at once."""

from xml.etree.ElementTree import Element

from twisted.internet.defer import CancelledError, Deferred
from twisted.web.client import ResponseNeverReceived

from testkit.bosh_client import CLIENT, REGISTER, WAIT
from testkit.link_case import LinkTestCase
from testkit.stanzas import message


class VanishedClientTests(LinkTestCase):
    timeout = WAIT // 2

    async def test_its_session_ends_when_its_inactivity_is_over(self) -> None:
        friend = await self.log_in(self.client(await self.front("typed")))
        client = await self.log_in(self.client(await self.front("hasty")))
        self.vanish(await self.held(client, friend))
        await friend.receive(
            lambda stanza: (stanza.get("from"), stanza.get("type")) == (client.jid, "unavailable")
        )
        await friend.terminate()

    async def test_what_it_was_sent_meanwhile_is_not_lost(self) -> None:
        front = await self.front("typed")
        friend = await self.log_in(self.client(front))
        client = await self.log_in(self.client(front))
        self.vanish(await self.held(client, friend))
        friend.send(message(client.jid, "are you there?"))
        await friend.iq("get", f"<query xmlns='{REGISTER}'/>")  # by then the session has it
        came = [*await client.ask_again()]
        while not came:
            came = [*await client.ask()]
        self.assertEqual(came[0].findtext(f"{{{CLIENT}}}body"), "are you there?")
        for each in (client, friend):
            await each.terminate()

    def vanish(self, held: Deferred[Element]) -> None:
        """Close the connection on which an answer is waited for."""
        held.addErrback(lambda failure: failure.trap(CancelledError, ResponseNeverReceived))
        held.cancel()

"""Whom people know, who is there, and who is not to write: roster, presence, blocking, privacy."""

from testkit.bosh_client import CLIENT, ROSTER, BoshClient, Refused
from testkit.link_case import ServiceTestCase, bare, is_presence
from testkit.stanzas import message
from testkit.stream_services import OverTcp, OverWebSocket

BLOCKING = "urn:xmpp:blocking"
PRIVACY = "jabber:iq:privacy"


def presence(kind: str, to: BoshClient) -> str:
    return f"<presence xmlns='{CLIENT}' type='{kind}' to='{bare(to)}'/>"


class RosterTests(ServiceTestCase):
    async def test_a_change_reaches_all_resources(self) -> None:
        [romeo] = await self.people(1)
        other = await self.again(romeo)
        await other.iq("get", f"<query xmlns='{ROSTER}'/>")
        item = "<item jid='nurse@localhost' name='Nurse'/>"
        await romeo.iq("set", f"<query xmlns='{ROSTER}'>{item}</query>")
        push = await other.receive(lambda stanza: stanza.get("type") == "set")
        [pushed] = push.iter(f"{{{ROSTER}}}item")
        self.assertEqual((pushed.get("jid"), pushed.get("name")), ("nurse@localhost", "Nurse"))
        roster = await other.iq("get", f"<query xmlns='{ROSTER}'/>")
        self.assertEqual([item.get("name") for item in roster.iter(f"{{{ROSTER}}}item")], ["Nurse"])
        await self.leave(romeo, other)


class RosterOverWebSocketTests(OverWebSocket, RosterTests):
    pass


class RosterOverTcpTests(OverTcp, RosterTests):
    pass


class PresenceTests(ServiceTestCase):
    async def subscribed(self) -> tuple[BoshClient, BoshClient]:
        """Return two people, the first of whom sees the presence of the second."""
        romeo, juliet = await self.people(2)
        romeo.send(presence("subscribe", juliet))
        asked = await juliet.receive(lambda stanza: stanza.get("type") == "subscribe")
        self.assertEqual(asked.get("from"), bare(romeo))
        juliet.send(presence("subscribed", romeo))
        await romeo.receive(lambda stanza: is_presence(stanza, juliet))
        return romeo, juliet

    async def test_who_comes_online_learns_who_is_there(self) -> None:
        romeo, juliet = await self.subscribed()
        other = await self.again(romeo)
        await other.receive(lambda stanza: is_presence(stanza, juliet))
        await self.leave(romeo, other, juliet)

    async def test_a_probe_is_answered(self) -> None:
        romeo, juliet = await self.subscribed()
        romeo.send(presence("probe", juliet))
        await romeo.receive(lambda stanza: is_presence(stanza, juliet))
        await self.leave(romeo, juliet)

    async def test_an_end_without_goodbye_is_seen(self) -> None:
        romeo, juliet = await self.subscribed()
        await self.cut(juliet)
        await romeo.receive(lambda stanza: is_presence(stanza, juliet, "unavailable"))
        await self.leave(romeo)


class PresenceOverWebSocketTests(OverWebSocket, PresenceTests):
    pass


class PresenceOverTcpTests(OverTcp, PresenceTests):
    pass


class UnwantedTests(ServiceTestCase):
    async def assert_refused(self, sender: BoshClient, receiver: BoshClient) -> None:
        sender.send(message(receiver.jid, "unwanted"))
        error = await sender.receive(lambda stanza: stanza.get("type") == "error")
        self.assertEqual(error.get("from"), receiver.jid)
        self.assertEqual(await self.texts(receiver), [])

    async def test_who_is_blocked_does_not_get_through(self) -> None:
        romeo, paris = await self.people(2)
        item = f"<item jid='{bare(paris)}'/>"
        await romeo.iq("set", f"<block xmlns='{BLOCKING}'>{item}</block>")
        blocked = await romeo.iq("get", f"<blocklist xmlns='{BLOCKING}'/>")
        jids = [item.get("jid") for item in blocked.iter(f"{{{BLOCKING}}}item")]
        self.assertEqual(jids, [bare(paris)])
        await self.assert_refused(paris, romeo)

        await romeo.iq("set", f"<unblock xmlns='{BLOCKING}'>{item}</unblock>")
        paris.send(message(romeo.jid, "wanted again"))
        self.assertEqual(await romeo.message(), (bare(paris), "wanted again"))
        await self.leave(romeo, paris)

    async def test_an_active_privacy_list_holds_for_its_session_only(self) -> None:
        romeo, paris = await self.people(2)
        other = await self.again(romeo)
        item = f"<item type='jid' value='{bare(paris)}' action='deny' order='1'><message/></item>"
        for setting in (f"<list name='no Paris'>{item}</list>", "<active name='no Paris'/>"):
            await romeo.iq("set", f"<query xmlns='{PRIVACY}'>{setting}</query>")
        await self.assert_refused(paris, romeo)
        paris.send(message(other.jid, "wanted"))
        self.assertEqual(await other.message(), (bare(paris), "wanted"))
        with self.assertRaises(Refused):
            await other.iq("set", f"<query xmlns='{PRIVACY}'><active name='unknown'/></query>")
        await self.leave(romeo, other, paris)


class UnwantedOverWebSocketTests(OverWebSocket, UnwantedTests):
    pass


class UnwantedOverTcpTests(OverTcp, UnwantedTests):
    pass

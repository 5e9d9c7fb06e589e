"""Destinations of messages beside their session: rooms, archive, copies, notifications."""

from secrets import token_hex
from xml.etree.ElementTree import Element

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT, BoshClient, Refused
from testkit.link_case import LAST, ONLINE, PASSWORD, ServiceTestCase, bare, is_presence, name
from testkit.listeners import MAX_WAITING
from testkit.stanzas import message
from testkit.stream_services import OverTcp, OverWebSocket

CARBONS = "urn:xmpp:carbons:2"
CSI = "urn:xmpp:csi:0"
MAM = "urn:xmpp:mam:2"
MUC = "http://jabber.org/protocol/muc"
PING = "urn:xmpp:ping"
PUBSUB = "http://jabber.org/protocol/pubsub"
PUSH = "urn:xmpp:push:0"


def is_of(stanza: Element, sender: str, kind: str | None = None) -> bool:
    return (stanza.get("from"), stanza.get("type")) == (sender, kind)


class RoomTests(ServiceTestCase):
    async def test_people_meet_talk_and_leave(self) -> None:
        romeo, juliet = await self.people(2)
        room = f"room-{token_hex(4)}@conference.localhost"
        await self.join(romeo, f"{room}/romeo")
        await self.join(juliet, f"{room}/juliet")
        await romeo.receive(lambda stanza: is_of(stanza, f"{room}/juliet"))

        text = "<body>wherefore art thou?</body>"
        juliet.send(f"<message xmlns='{CLIENT}' type='groupchat' to='{room}'>{text}</message>")
        for client in (romeo, juliet):
            self.assertEqual(await client.message(), (room, "wherefore art thou?"))

        juliet.send(f"<presence xmlns='{CLIENT}' type='unavailable' to='{room}/juliet'/>")
        for client in (romeo, juliet):
            await client.receive(lambda stanza: is_of(stanza, f"{room}/juliet", "unavailable"))
        await self.leave(romeo, juliet)

    async def test_a_session_that_ends_leaves_its_rooms(self) -> None:
        romeo, juliet = await self.people(2)
        room = f"room-{token_hex(4)}@conference.localhost"
        await self.join(romeo, f"{room}/romeo")
        await self.join(juliet, f"{room}/juliet")
        await self.cut(juliet)
        await romeo.receive(lambda stanza: is_of(stanza, f"{room}/juliet", "unavailable"))
        await self.leave(romeo)

    async def join(self, client: BoshClient, occupant: str) -> None:
        client.send(f"<presence xmlns='{CLIENT}' to='{occupant}'><x xmlns='{MUC}'/></presence>")
        await client.receive(lambda stanza: is_of(stanza, occupant))
        await client.receive(lambda stanza: stanza.find(f"{{{CLIENT}}}subject") is not None)


class RoomOverWebSocketTests(OverWebSocket, RoomTests):
    pass


class RoomOverTcpTests(OverTcp, RoomTests):
    pass


class ArchiveTests(ServiceTestCase):
    async def test_it_has_what_was_said(self) -> None:
        romeo, juliet = await self.people(2)
        romeo.send(message(juliet.jid, "remember me"))
        await juliet.message()
        for client in (romeo, juliet):
            query = f"<query xmlns='{MAM}' queryid='all'/>"
            client.send(f"<iq xmlns='{CLIENT}' type='set' id='archive'>{query}</iq>")
            found = await client.receive(lambda stanza: stanza.find(f"{{{MAM}}}result") is not None)
            self.assertEqual(found.findtext(f".//{{{CLIENT}}}body"), "remember me")
            end = await client.receive(lambda stanza: stanza.get("id") == "archive")
            fin = end.find(f"{{{MAM}}}fin")
            assert fin is not None
            self.assertEqual(fin.get("complete"), "true")
        await self.leave(romeo, juliet)


class ArchiveOverWebSocketTests(OverWebSocket, ArchiveTests):
    pass


class ArchiveOverTcpTests(OverTcp, ArchiveTests):
    pass


class CarbonsTests(ServiceTestCase):
    async def test_another_resource_gets_copies_either_way(self) -> None:
        romeo, juliet = await self.people(2)
        other = await self.again(romeo)
        await other.iq("set", f"<enable xmlns='{CARBONS}'/>")
        juliet.send(message(romeo.jid, "to Romeo"))
        await self.assert_copied(other, "received", "to Romeo")
        romeo.send(message(juliet.jid, "from Romeo"))
        await self.assert_copied(other, "sent", "from Romeo")
        self.assertEqual(await romeo.message(), (bare(juliet), "to Romeo"))
        self.assertEqual(await self.texts(romeo), [])
        await self.leave(romeo, other, juliet)

    async def assert_copied(self, client: BoshClient, direction: str, text: str) -> None:
        copy = await client.receive(
            lambda stanza: stanza.find(f"{{{CARBONS}}}{direction}") is not None
        )
        self.assertEqual(copy.findtext(f".//{{{CLIENT}}}body"), text)


class CarbonsOverWebSocketTests(OverWebSocket, CarbonsTests):
    pass


class CarbonsOverTcpTests(OverTcp, CarbonsTests):
    pass


class AwayTests(ServiceTestCase):
    """Messages to somebody who is not there."""

    async def test_they_come_once_at_the_next_login(self) -> None:
        romeo, juliet = await self.people(2)
        await romeo.terminate()
        for text in ("first", "second"):
            juliet.send(message(bare(romeo), text))
        await self.texts(juliet)  # by then these have been dealt with
        for expected in (["first", "second"], []):
            romeo = await self.again(romeo)
            self.assertEqual(await self.texts(romeo), expected)
            await romeo.terminate()
        await self.leave(juliet)

    async def test_a_push_service_is_told_of_them(self) -> None:
        romeo, service = await self.people(2)
        await romeo.iq("set", f"<enable xmlns='{PUSH}' jid='{service.jid}' node='romeo'/>")
        await romeo.terminate()
        service.send(message(bare(romeo), "are you there?"))
        notification = await service.receive(lambda stanza: stanza.get("type") == "set")
        self.assertEqual(notification.get("from"), DOMAIN)
        [publish] = notification.iter(f"{{{PUBSUB}}}publish")
        self.assertEqual(publish.get("node"), "romeo")
        await self.leave(service)


class AwayOverWebSocketTests(OverWebSocket, AwayTests):
    pass


class AwayOverTcpTests(OverTcp, AwayTests):
    pass


class ClientStateTests(ServiceTestCase):
    async def test_presence_waits_until_the_client_is_active(self) -> None:
        romeo, juliet = await self.people(2)
        romeo.send(f"<inactive xmlns='{CSI}'/>")
        await self.texts(romeo)
        juliet.send(f"<presence xmlns='{CLIENT}' to='{romeo.jid}'/>")
        await self.texts(juliet)
        romeo.send(f"<iq xmlns='{CLIENT}' type='get' id='1'><ping xmlns='{PING}'/></iq>")
        await self.assert_next(romeo, "iq")
        romeo.send(f"<active xmlns='{CSI}'/>")
        await self.assert_next(romeo, "presence")
        await self.leave(romeo, juliet)

    async def assert_next(self, client: BoshClient, stanza: str) -> None:
        self.assertEqual((await client.receive(lambda _: True)).tag, f"{{{CLIENT}}}{stanza}")


class ClientStateOverWebSocketTests(OverWebSocket, ClientStateTests):
    pass


class ClientStateOverTcpTests(OverTcp, ClientStateTests):
    pass


class UndeliveredTests(ServiceTestCase):
    """Messages that clients of BOSH have not confirmed."""

    async def test_what_was_found_and_is_not_delivered_goes_nowhere_else(self) -> None:
        romeo, juliet = await self.people(2)
        juliet.send(message(romeo.jid, "remember me"))
        await romeo.message()
        reader = await self.unbound()
        await reader.login(name(romeo), PASSWORD)
        await reader.ask(f"{ONLINE}<presence xmlns='{CLIENT}' to='{juliet.jid}'/>")
        await juliet.receive(lambda stanza: is_presence(stanza, reader))
        query = f"<query xmlns='{MAM}' queryid='all'/>"
        found = [*await reader.ask(f"<iq xmlns='{CLIENT}' type='set' id='1'>{query}</iq>")]
        while not any(stanza.find(f"{{{MAM}}}result") is not None for stanza in found):
            found = [*await reader.ask()]
        with self.assertRaises(Refused):
            await reader.ask(rid="1")
        await self.over(reader, juliet)
        romeo.send(message(romeo.jid, LAST))
        came = await romeo.receive(lambda stanza: stanza.tag == f"{{{CLIENT}}}message")
        self.assertIsNone(came.find(f"{{{MAM}}}result"))
        await self.leave(romeo, juliet)

    async def test_a_copy_that_is_not_delivered_goes_nowhere_else(self) -> None:
        """A user who has the message itself does not get the copy that was for another resource."""
        romeo, juliet = await self.people(2)
        await romeo.iq("set", f"<enable xmlns='{CARBONS}'/>")
        other = await self.unbound()
        await other.login(name(romeo), PASSWORD)
        await other.ask(f"<iq xmlns='{CLIENT}' type='set' id='1'><enable xmlns='{CARBONS}'/></iq>")
        await other.ask(f"{ONLINE}<presence xmlns='{CLIENT}' to='{juliet.jid}'/>")
        await juliet.receive(lambda stanza: is_presence(stanza, other))
        juliet.send(message(romeo.jid, "to Romeo"))
        while not self.copies([*await other.ask()]):
            pass
        with self.assertRaises(Refused):
            await other.ask(rid="1")
        await self.over(other, juliet)
        self.assertEqual(await romeo.message(), (bare(juliet), "to Romeo"))
        romeo.send(message(romeo.jid, LAST))
        came = [await romeo.receive(lambda stanza: stanza.tag == f"{{{CLIENT}}}message")]
        self.assertEqual(self.copies(came), [])
        await self.leave(romeo, juliet)

    def copies(self, stanzas: list[Element]) -> list[Element]:
        return [stanza for stanza in stanzas if stanza.find(f"{{{CARBONS}}}received") is not None]

    async def test_a_client_that_does_not_come_loses_its_session_and_no_message(self) -> None:
        [juliet] = await self.people(1, "narrow")
        romeo = await self.log_in(self.client(self.entrance))
        await romeo.ask(f"{ONLINE}<presence xmlns='{CLIENT}' to='{juliet.jid}'/>")
        await juliet.receive(lambda stanza: is_presence(stanza, romeo))
        sent = [f"message {number}" for number in range(2 * MAX_WAITING)]
        juliet.send(*(message(romeo.jid, text) for text in sent))
        await self.over(romeo, juliet)
        again = await self.again(romeo)
        self.assertEqual(await self.texts(again), sent)
        await self.leave(again, juliet)

    async def test_what_a_session_has_not_delivered_comes_at_the_next_login(self) -> None:
        [juliet] = await self.people(1)
        romeo = await self.log_in(self.client(await self.front("hasty")))
        held = await self.held(romeo, juliet)
        juliet.send(message(romeo.jid, "in the answer that is not confirmed"))
        self.assertEqual(len(await held), 1)
        juliet.send(message(romeo.jid, "after it"))
        await self.over(romeo, juliet)

        romeo = await self.again(romeo)
        texts = [(await romeo.message())[1] for _ in range(2)]
        self.assertEqual(texts, ["in the answer that is not confirmed", "after it"])
        self.assertEqual(await self.texts(romeo), [])
        await self.leave(romeo, juliet)

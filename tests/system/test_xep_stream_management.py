"""Stream management (XEP-0198): each stanza is delivered once, whatever gets lost."""

from xml.etree.ElementTree import Element

from testkit.bosh_client import CLIENT, SM, BoshClient, Refused
from testkit.link_case import ONLINE, PASSWORD, ServiceTestCase, bare, is_presence, name
from testkit.listeners import MAX_WAITING_SIZE
from testkit.stanzas import message
from testkit.stream_services import OverTcp, OverWebSocket

# Bytes of memory, at least, of an element with nothing in it.
ELEMENT = 80
FULL = "<a/>" * (MAX_WAITING_SIZE // ELEMENT // 10)


class ManagementCase(ServiceTestCase):
    async def enable(self, client: BoshClient, resume: str = "false") -> str:
        """Return the name of the stream, if it can be resumed."""
        client.send(f"<enable xmlns='{SM}' resume='{resume}'/>")
        enabled = await client.receive(lambda element: element.tag == f"{{{SM}}}enabled")
        return enabled.get("id", "")

    async def received(self, client: BoshClient) -> str:
        """Return how many stanzas the server says have come."""
        client.send(f"<r xmlns='{SM}'/>")
        return (await client.receive(lambda element: element.tag == f"{{{SM}}}a")).get("h", "")

    async def acknowledge(self, client: BoshClient, stanzas: int) -> None:
        """Say how many stanzas have come, and wait until the server knows."""
        client.send(f"<a xmlns='{SM}' h='{stanzas}'/>")
        await self.received(client)

    def is_request(self, element: Element) -> bool:
        return element.tag == f"{{{SM}}}r"

    async def assert_comes_once(self, romeo: BoshClient, juliet: BoshClient) -> None:
        """The message comes at the next login, once the session has ended."""
        await self.over(romeo, juliet)
        again = await self.again(romeo)
        self.assertEqual((await again.message())[1], "not acknowledged")
        self.assertEqual(await self.texts(again), [])
        await self.leave(again, juliet)


class StreamManagementTests(ManagementCase):
    async def test_either_side_tells_what_it_has_got(self) -> None:
        romeo, juliet = await self.people(2)
        await self.enable(romeo)
        self.assertEqual(await self.received(romeo), "0")
        romeo.send(message(juliet.jid, "one"), message(juliet.jid, "two"))
        self.assertEqual(await self.received(romeo), "2")
        juliet.send(message(romeo.jid, "three"))
        self.assertEqual((await romeo.message())[1], "three")
        await romeo.receive(self.is_request)
        await self.acknowledge(romeo, 1)
        await self.leave(romeo, juliet)

    async def test_who_has_got_more_than_was_sent_is_out(self) -> None:
        [romeo] = await self.people(1)
        await self.enable(romeo)
        romeo.send(f"<a xmlns='{SM}' h='5'/>")
        self.assertIn("remote-stream-error undefined-condition", await self.told(romeo))

    async def test_for_whom_more_waits_than_there_may_is_out_and_the_senders_know(self) -> None:
        romeo, juliet = await self.people(2, "tight")
        await self.enable(romeo)
        for _ in range(20):
            juliet.send(f"<message xmlns='{CLIENT}' to='{romeo.jid}'>{FULL}</message>")
        self.assertIn("remote-stream-error", await self.told(romeo))
        error = await juliet.receive(lambda stanza: stanza.get("type") == "error")
        self.assertEqual(error.get("from"), romeo.jid)
        await self.leave(juliet)

    async def test_what_is_not_acknowledged_comes_once_after_a_goodbye(self) -> None:
        romeo, juliet = await self.unacknowledged("false")
        await romeo.terminate()
        await self.assert_comes_once(romeo, juliet)

    async def test_and_after_an_end_without_one(self) -> None:
        romeo, juliet = await self.unacknowledged("false")
        await self.cut(romeo)
        await self.assert_comes_once(romeo, juliet)

    async def test_and_when_nobody_has_resumed_the_stream_in_time(self) -> None:
        romeo, juliet = await self.unacknowledged("true' max='1")
        await self.cut(romeo)
        await self.assert_comes_once(romeo, juliet)

    async def unacknowledged(self, resume: str) -> tuple[BoshClient, BoshClient]:
        """Return two people, the first of whom has got, and not acknowledged, a message."""
        romeo, juliet = await self.people(2)
        romeo.send(f"<presence xmlns='{CLIENT}' to='{juliet.jid}'/>")
        await juliet.receive(lambda stanza: is_presence(stanza, romeo))
        await self.enable(romeo, resume)
        for text in ("acknowledged", "not acknowledged"):
            juliet.send(message(romeo.jid, text))
            await romeo.message()
        await self.acknowledge(romeo, 1)
        return romeo, juliet

    async def test_a_stream_is_resumed_after_the_end_of_its_session(self) -> None:
        romeo, juliet = await self.people(2)
        stream = await self.enable(romeo, resume="true")
        for text in ("received", "lost"):
            juliet.send(message(romeo.jid, text))
            await romeo.message()
        await self.cut(romeo)
        juliet.send(message(romeo.jid, "sent meanwhile"))
        await self.texts(juliet)

        resumed = await self.resumed(romeo, stream, 1)
        self.assertEqual(await self.texts(resumed), ["lost", "sent meanwhile"])
        await self.assert_talk(resumed, juliet)
        await self.leave(resumed, juliet)

    async def test_a_stream_is_taken_from_a_session_that_goes_on(self) -> None:
        romeo, juliet = await self.people(2)
        stream = await self.enable(romeo, resume="true")
        juliet.send(message(romeo.jid, "lost"))
        await romeo.message()
        resumed = await self.resumed(romeo, stream, 0)
        self.assertEqual(await self.texts(resumed), ["lost"])
        self.assertIn("remote-stream-error conflict", await self.told(romeo))
        await self.assert_talk(resumed, juliet)
        await self.leave(resumed, juliet)

    async def assert_talk(self, romeo: BoshClient, juliet: BoshClient) -> None:
        """Each of them hears the other once."""
        for sender, receiver in ((romeo, juliet), (juliet, romeo)):
            sender.send(message(receiver.jid, "hello"))
            self.assertEqual(await receiver.message(), (bare(sender), "hello"))
            self.assertEqual(await self.texts(receiver), [])

    async def resumed(self, client: BoshClient, stream: str, received: int) -> BoshClient:
        """Return a new session with the stream of an earlier one."""
        new = await self.unbound()
        await new.authenticate(name(client), PASSWORD)
        await new.resume(stream, received)
        new.jid = client.jid
        return new

    async def test_a_stream_that_is_not_there_is_not_resumed(self) -> None:
        [romeo] = await self.people(1)
        with self.assertRaisesRegex(Refused, "failed"):
            await self.resumed(romeo, "nothing", 0)
        await self.leave(romeo)


class StreamManagementOverWebSocketTests(OverWebSocket, StreamManagementTests):
    pass


class StreamManagementOverTcpTests(OverTcp, StreamManagementTests):
    pass


class UnconfirmedTests(ManagementCase):
    """Clients of BOSH that have not confirmed answers either."""

    async def test_and_when_the_client_has_confirmed_no_answer_either(self) -> None:
        [juliet] = await self.people(1)
        romeo = await self.log_in(self.client(self.entrance))
        greeting = f"<presence xmlns='{CLIENT}' to='{juliet.jid}'/>"
        await romeo.ask(f"<enable xmlns='{SM}'/>{ONLINE}{greeting}")
        await juliet.receive(lambda stanza: is_presence(stanza, romeo))
        juliet.send(message(romeo.jid, "not acknowledged"))
        while not any(stanza.tag == f"{{{CLIENT}}}message" for stanza in await romeo.ask()):
            pass
        with self.assertRaises(Refused):
            await romeo.ask(rid="1")
        await self.assert_comes_once(romeo, juliet)

    async def test_what_was_sent_before_it_began_and_is_not_received_is_not_lost(self) -> None:
        [juliet] = await self.people(1)
        romeo = await self.log_in(self.client(self.entrance))
        await romeo.ask(f"{ONLINE}<presence xmlns='{CLIENT}' to='{juliet.jid}'/>")
        await juliet.receive(lambda stanza: is_presence(stanza, romeo))
        juliet.send(message(romeo.jid, "not acknowledged"))
        came: list[Element] = []
        while not any(stanza.tag == f"{{{CLIENT}}}message" for stanza in came):
            came = [*await romeo.ask()]
        await romeo.ask(f"<enable xmlns='{SM}'/>", ack="0")  # it has not got that answer
        with self.assertRaises(Refused):
            await romeo.ask(rid="1")
        await self.assert_comes_once(romeo, juliet)

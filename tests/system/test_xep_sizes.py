"""Long messages, and many, are delivered or bounced; they lock nobody out."""

from xml.etree.ElementTree import Element

from testkit.bosh_client import CLIENT, BoshClient, Refused
from testkit.link_case import ONLINE, ServiceTestCase, bare, is_presence
from testkit.listeners import MAX_ANSWER, MAX_STANZA, MAX_WAITING_SIZE
from testkit.stanzas import message

BODY = f"{{{CLIENT}}}body"
STANZA_ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


def long_texts(number: int, length: int) -> list[str]:
    return [f"{n} {'x' * length}" for n in range(number)]


def texts_in(answer: Element) -> list[str]:
    return [body.text or "" for body in answer.iter(BODY)]


class SizeTests(ServiceTestCase):
    async def away(
        self, friend: BoshClient, listener: str = "tight", protocol: str = "typed"
    ) -> BoshClient:
        """Return somebody new who is online, and makes no request but those of the test."""
        front = await self.front(listener, "--link-mode", protocol)
        user = await self.log_in(self.client(front))
        await user.ask(f"{ONLINE}<presence xmlns='{CLIENT}' to='{friend.jid}'/>")
        await friend.receive(lambda stanza: is_presence(stanza, user))
        return user

    async def said(self, friend: BoshClient, user: BoshClient, texts: list[str]) -> None:
        """Say something to somebody, and return once it is there."""
        friend.send(*(message(user.jid, text) for text in texts))
        await self.texts(friend)

    async def test_what_waits_comes_in_as_many_answers_as_it_takes(self) -> None:
        [juliet] = await self.people(1)
        romeo = await self.away(juliet)
        texts = long_texts(9, MAX_ANSWER // 3)
        await self.said(juliet, romeo, texts)
        received = [texts_in(await romeo.ask())]
        while sum(map(len, received)) < len(texts):
            received.append(texts_in(await romeo.ask()))
        self.assertEqual([text for answer in received for text in answer], texts)
        self.assertLessEqual(max(map(len, received)), 2)
        await romeo.terminate()
        await self.leave(juliet)

    async def test_more_than_a_packet_comes_over_a_plain_link(self) -> None:
        """It has no answers in parts, and its clients no limit but that of a packet."""
        [juliet] = await self.people(1)
        romeo = await self.away(juliet, "plain", "plain")
        texts = long_texts(15, 80_000)
        for text in texts:  # all at once would be too long a request
            await self.said(juliet, romeo, [text])
        received: list[str] = []
        while len(received) < len(texts):
            received += texts_in(await romeo.ask())
        self.assertEqual(received, texts)
        await romeo.terminate()
        await self.leave(juliet)

    async def test_too_many_elements_at_once_end_the_session(self) -> None:
        [juliet] = await self.people(1)
        unknown, known = await self.unbound(), await self.again(juliet)
        with self.assertRaisesRegex(Refused, "remote-stream-error policy-violation"):
            await unknown.ask("<a xmlns='urn:example'/>" * 17)
        known.send("<a xmlns='urn:example'/>" * 1001)
        self.assertIn("remote-stream-error policy-violation", await self.told(known))
        await self.leave(juliet)

    async def test_a_stanza_that_is_too_long_goes_back_and_the_session_goes_on(self) -> None:
        [juliet] = await self.people(1)
        romeo = await self.away(juliet)
        juliet.send(message(romeo.jid, "x" * MAX_STANZA))
        error = await juliet.receive(lambda stanza: stanza.get("type") == "error")
        self.assertEqual(error.get("from"), romeo.jid)
        self.assertIsNotNone(error.find(f".//{STANZA_ERRORS}policy-violation"))
        await self.said(juliet, romeo, ["short"])
        answer = await romeo.ask()
        [envelope, _] = answer.iter(f"{{{CLIENT}}}message")
        self.assertEqual((envelope.get("from"), len(envelope)), (juliet.jid, 0))
        self.assertEqual(texts_in(answer), ["short"])
        await romeo.terminate()
        await self.leave(juliet)

    async def test_what_is_more_than_may_wait_comes_at_the_next_login(self) -> None:
        [juliet] = await self.people(1)
        romeo = await self.away(juliet)
        texts = long_texts(5, MAX_WAITING_SIZE // 4)
        for text in texts:  # all at once would be too long a request
            await self.said(juliet, romeo, [text])
        with self.assertRaisesRegex(Refused, "policy-violation"):
            await romeo.ask()
        again = await self.again(romeo)
        self.assertEqual(await self.texts(again), texts)
        await self.leave(again, juliet)

    async def test_what_was_kept_comes_at_the_login_however_much_it_is(self) -> None:
        [juliet] = await self.people(1)
        romeo = await self.away(juliet)
        await romeo.terminate()
        texts = long_texts(20, MAX_ANSWER // 4)
        juliet.send(*(message(bare(romeo), text) for text in texts))
        await self.texts(juliet)  # by then these have been dealt with
        again = await self.again(romeo)
        self.assertEqual(await self.texts(again), texts)
        await self.leave(again, juliet)

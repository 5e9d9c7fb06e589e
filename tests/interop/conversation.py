"""A client's user and Bob: what each says to the other, and whether it comes once and in order."""

from collections.abc import Sequence
from typing import Protocol as Interface
from xml.etree.ElementTree import Element

from twisted.trial.unittest import TestCase

from testkit.bosh_client import CLIENT, BoshClient
from testkit.stanzas import message


class Client(Interface):
    """A client of somebody else's."""

    async def come(self, url: str, jid: str, password: str) -> str:
        """Log in and send presence; return the full JID."""

    async def say(self, to: str, texts: list[str]) -> None:
        """Send each text as a message."""

    async def hear(self, count: int) -> list[str]:
        """Wait until that many messages have come in all, and return the texts of all of them."""

    async def leave(self) -> None:
        """Log out; return once the client says that it is out."""


class Conversation:
    """All texts are numbered. ``jid`` is the full JID of the client."""

    def __init__(self, test: TestCase, client: Client, bob: BoshClient, jid: str) -> None:
        self.jid = jid
        self._bare = jid.partition("/")[0]
        self._test = test
        self._client = client
        self._bob = bob
        self._from_bob: list[str] = []
        self._to_bob: list[str] = []
        self._heard_by_bob: list[str] = []
        self._comings_and_goings: list[tuple[str, str | None]] = []

    async def chat(self, texts: Sequence[str], answers: Sequence[str] | None = None) -> None:
        """Bob says these, the client the same or ``answers`` at the same time; all of it comes."""
        self.bob_says(texts)
        await self.client_says(texts if answers is None else answers)
        await self.all_has_come()

    def bob_says(self, texts: Sequence[str]) -> None:
        first = len(self._from_bob)
        self._from_bob += [f"from Bob {number} {text}" for number, text in enumerate(texts, first)]
        self._bob.send(*(message(self._bare, text) for text in self._from_bob[first:]))

    async def client_says(self, texts: Sequence[str]) -> None:
        first = len(self._to_bob)
        self._to_bob += [f"to Bob {number} {text}" for number, text in enumerate(texts, first)]
        await self._client.say(self._bob.jid, self._to_bob[first:])

    async def all_has_come(self) -> None:
        """Wait for all that has been said so far."""
        self._test.assertEqual(await self._client.hear(len(self._from_bob)), self._from_bob)
        while len(self._heard_by_bob) < len(self._to_bob):
            text = await self._bob.receive(self._is_text)
            self._heard_by_bob.append(text.findtext(f"{{{CLIENT}}}body") or "")
        self._test.assertEqual(self._heard_by_bob, self._to_bob)

    def _is_text(self, stanza: Element) -> bool:
        """Presence of others of the user's resources, before a text, is noted, and its end."""
        sender = stanza.get("from", "")
        if sender.partition("/")[0] != self._bare:
            return False
        is_new = stanza.tag == f"{{{CLIENT}}}presence" and not is_presence(stanza, self.jid, None)
        if is_new:
            self._comings_and_goings.append((sender, stanza.get("type")))
        return stanza.find(f"{{{CLIENT}}}body") is not None

    def assert_present_all_the_time(self) -> None:
        """Bob has not seen it go, nor come anew, until he heard its last text."""
        self._test.assertEqual(self._comings_and_goings, [])

    async def is_gone(self) -> None:
        """Wait until Bob sees that the client is not online any more."""
        await self._bob.receive(lambda stanza: is_presence(stanza, self.jid, "unavailable"))

    async def is_back(self) -> None:
        """Wait until Bob sees its user again, who may have another JID now."""
        presence = await self._bob.receive(lambda stanza: _comes(stanza, self._bare))
        self.jid = presence.get("from", "")

    async def end(self) -> None:
        """Have the client leave, and Bob when he has seen it."""
        await self._client.leave()
        await self.is_gone()
        await self._bob.terminate()


def is_presence(stanza: Element, sender: str, kind: str | None) -> bool:
    presence = stanza.tag == f"{{{CLIENT}}}presence"
    return presence and (stanza.get("from"), stanza.get("type")) == (sender, kind)


def _comes(stanza: Element, bare: str) -> bool:
    sender = stanza.get("from", "")
    return sender.startswith(f"{bare}/") and is_presence(stanza, sender, None)

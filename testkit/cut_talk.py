"""Pairs of people who talk without a pause, while the link of their ECM is cut at random times."""

from collections.abc import Callable, Iterable
from random import Random
from typing import Protocol, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.task import deferLater

from testkit.cutting_proxy import CuttingProxy
from testkit.process import Process
from testkit.stanzas import message

T = TypeVar("T")

_TALK = 0.5  # seconds before a silence, and after it

AHEAD = 4  # messages that are under way to one of them

_LAST = "the last one"


class Person(Protocol):
    """Somebody who sends and gets messages, over whatever connection."""

    @property
    def jid(self) -> str:
        """The full JID."""

    def send(self, *stanzas: str) -> None:
        """Send stanzas."""

    async def message(self) -> tuple[str, str]:
        """Return the next message: the bare JID of the sender, and the text."""


async def cut(proxy: CuttingProxy, times: int, seconds: float, seed: int = 16) -> None:
    """Cut a link so often in so many seconds, at random times; the same ones for the same seed.

    Some cuts come behind a silence, in one direction or both: what was sent in it is lost.
    """
    random = Random(seed)
    now = 0.0
    for time in sorted(random.uniform(0, seconds) for _ in range(times)):
        silent = min(time - now, random.uniform(0, 0.2))
        await deferLater(reactor, time - now - silent)
        proxy.silence(random.choice([True, False]), random.choice([True, False]))
        await deferLater(reactor, silent)
        proxy.cut()
        now = time


async def silence(proxy: CuttingProxy, ecm: Process) -> None:
    """Let nothing pass over a connection any more; over the next one, all."""
    await deferLater(reactor, _TALK)
    proxy.silence(True, True)
    await ecm.printed("link resumed")
    await deferLater(reactor, _TALK)


async def talk(
    pairs: Iterable[tuple[Person, Person]], is_over: Callable[[], bool], in_order: bool = True
) -> int:
    """Let both of each pair talk until it is over. Returns the number of messages.

    Raises AssertionError where one comes twice or, if they are to come ``in_order``, out of it. Is
    one lost, this waits for it.
    """
    talks = [
        ensureDeferred(_say(sender, receiver, is_over, in_order))
        for one, other in pairs
        for sender, receiver in ((one, other), (other, one))
    ]
    return sum(await gather(talks))


async def gather(deferreds: Iterable[Deferred[T]]) -> list[T]:
    """Return the results of all, or raise what the first one raises."""
    done = await DeferredList(deferreds, fireOnOneErrback=True, consumeErrors=True)
    return [result for _, result in done]


async def _say(
    sender: Person, receiver: Person, is_over: Callable[[], bool], in_order: bool
) -> int:
    """Say numbers, a few before the first has been heard, and a last word behind all of them."""
    said, heard = 0, set[int]()
    while True:
        while said < len(heard) + AHEAD and not is_over():
            sender.send(message(receiver.jid, str(said)))
            said += 1
        if len(heard) == said:
            break
        number = int((await receiver.message())[1])
        assert number not in heard, f"{receiver.jid} hears {number} twice"
        assert number == len(heard) or not in_order, f"{receiver.jid} hears {number} too early"
        heard.add(number)
    sender.send(message(receiver.jid, _LAST))
    _, last = await receiver.message()
    assert last == _LAST, f"{receiver.jid} hears {last} behind the rest"
    return said

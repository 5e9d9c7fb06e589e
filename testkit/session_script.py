"""A conversation of two people over BOSH, in which every answer is known before it comes."""

import re
from collections.abc import Awaitable, Callable

import attrs
from twisted.internet.defer import Deferred

from ecm.link.events import Answered
from testkit.bosh_client import CLIENT, ROSTER
from testkit.link_user import LinkUser
from testkit.stanzas import message

_SYNC = f"<iq type='get' id='sync' xmlns='{CLIENT}'><query xmlns='{ROSTER}'/></iq>"

# What ejabberd makes anew each time: the SID, IDs of its own stanzas, and times.
_NEW = re.compile(r"( (?:authid|sid|id|stamp)=')(?:[0-9A-Za-z_-]{10,}|[-0-9:.TZ]{20,})'")


@attrs.define
class SessionScript:
    """Each step begins when ``rest`` says that the one before it is over.

    ``seen`` has who got which status and which body, without what is new each time.
    """

    romeo: LinkUser
    juliet: LinkUser
    rest: Callable[[], Awaitable[None]]
    seen: list[str] = attrs.Factory(list)

    async def play(self) -> None:
        for user in (self.romeo, self.juliet):
            await user.log_in()
        for step in (
            self.come_online,
            self.befriend,
            self.talk,
            self.ask_two_at_once,
            self.ask_out_of_order,
            self.repeat,
            self.pause,
            self.vanish,
            self.terminate,
        ):
            await self.rest()
            await step()
        for user in (self.romeo, self.juliet):
            self.seen += [f"{user.name} {a.status} {_masked(a.body)}" for a in user.answers]

    async def come_online(self) -> None:
        for user in (self.romeo, self.juliet):
            await user.ask(f"<presence xmlns='{CLIENT}'/>")
            await user.ask(_SYNC)

    async def befriend(self) -> None:
        """Stanzas that come to one of them meanwhile are in the answer to the next request."""
        romeo, juliet = self.romeo, self.juliet
        item = f"<item jid='{_bare(juliet)}' name='Juliet'/>"
        query = f"<query xmlns='{ROSTER}'>{item}</query>"
        await romeo.ask(f"<iq xmlns='{CLIENT}' type='set' id='add'>{query}</iq>")
        await romeo.ask(_subscription("subscribe", juliet) + _SYNC)
        await self.rest()
        await juliet.ask(_SYNC)
        await juliet.ask(_subscription("subscribed", romeo) + _SYNC)
        await self.rest()
        await romeo.ask()

    async def talk(self) -> None:
        for text in ("hi", "<&>\"'", "x" * 5000):
            for sender, receiver in ((self.romeo, self.juliet), (self.juliet, self.romeo)):
                held = receiver.ask()
                await self.rest()
                await sender.ask(message(receiver.jid, text) + _SYNC)
                await held

    async def ask_two_at_once(self) -> None:
        """The first is answered as only one may be held, the second when there is something."""
        first, second = self.romeo.ask(), self.romeo.ask()
        await first
        await self.rest()
        await self.say("two")
        await second

    async def ask_out_of_order(self) -> None:
        last = self.romeo.session.rid
        late = self.romeo.ask_as(last + 2, message(self.juliet.jid, "later"))
        await self.rest()
        first = self.romeo.ask_as(last + 1, message(self.juliet.jid, "sooner"))
        self.romeo.session.rid = last + 2
        await first
        await self.rest()
        await self.juliet.ask(_SYNC)
        await self.say("in order")
        await late

    async def repeat(self) -> None:
        """A request that was answered, and one that was not."""
        await self.romeo.ask(_SYNC)
        await self.rest()
        await self.romeo.ask_as(self.romeo.session.rid, _SYNC)
        old = self.romeo.ask()
        await self.rest()
        new = self.romeo.ask_as(self.romeo.session.rid)
        await old
        await self.say("again")
        await new

    async def pause(self) -> None:
        held = self.romeo.ask()
        await self.rest()
        await self.romeo.ask(pause="60")
        await held
        await self.say("while you were away")
        await self.rest()
        await self.romeo.ask()

    async def vanish(self) -> None:
        """And come back, with the same request and with the next one."""
        for comes_back in (self.again, self.romeo.ask):
            self.romeo.ask()
            await self.rest()
            self.romeo.vanish(self.romeo.session.rid)
            await self.rest()
            await self.say("are you there?")
            await self.rest()
            await comes_back()

    def again(self) -> Deferred[Answered]:
        return self.romeo.ask_as(self.romeo.session.rid)

    async def terminate(self) -> None:
        held = [user.ask() for user in (self.romeo, self.juliet)]
        await self.rest()
        await self.romeo.ask(f"<presence xmlns='{CLIENT}' type='unavailable'/>", type="terminate")
        for answer in held:
            await answer
        await self.juliet.ask(type="terminate")

    async def say(self, text: str) -> None:
        """Juliet does, and Romeo's session has it then."""
        await self.juliet.ask(message(self.romeo.jid, text) + _SYNC)


def _bare(user: LinkUser) -> str:
    return user.jid.partition("/")[0]


def _subscription(kind: str, to: LinkUser) -> str:
    return f"<presence xmlns='{CLIENT}' type='{kind}' to='{_bare(to)}'/>"


def _masked(body: bytes) -> str:
    return _NEW.sub(r"\1'", body.decode())

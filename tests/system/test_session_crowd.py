"""Clients that reorder, repeat, drop, reconnect and vanish, under Hypothesis, at a real ejabberd.

Every message arrives once, or is in offline storage; and ejabberd forgets all of it.
"""

from collections import Counter
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from itertools import pairwise
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar, cast

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.trial.unittest import TestCase

from testkit.node_load import NodeLoad
from testkit.population import LISTENERS, Crowd, Member, Sent
from testkit.private_ejabberd import running_ejabberd

USERS = 3
WHO = st.integers(0, USERS - 1)
WHICH = st.integers(0, 3)
LINK = st.integers(0, len(LISTENERS) - 1)
WAYS_OUT = [Crowd.leave, Crowd.vanish, Crowd.sin]

# The first examples load code and fill tables.
WARM_UP = 5
EXAMPLES = 20
STEPS = 40

# Bytes by which the memory of the node may have grown, all of it, and that of its processes: twice
# the most that was seen. Heaps of ejabberd's own processes and Mnesia's log of decisions go up and
# down by that. What is left whole, as a process or a request, is counted exactly.
ALLOWANCE = 2_500_000
PROCESS_ALLOWANCE = 2_000_000

# Seconds in which anything has an answer: longer than the inactivity of a brief session, and
# shorter than `wait`, as an answer that comes only because of that comes too late.
PATIENCE = 20

_P = ParamSpec("_P")
_T = TypeVar("_T")


def in_reactor(
    act: Callable[Concatenate["TalkingCrowd", _P], Coroutine[Any, Any, _T]],
) -> Callable[..., _T]:
    """Let a rule wait for what happens in the reactor. Hypothesis has a thread of its own."""

    def waiting(self: "TalkingCrowd", *args: _P.args, **kwargs: _P.kwargs) -> _T:
        def begin() -> Any:
            return ensureDeferred(act(self, *args, **kwargs)).addTimeout(PATIENCE, reactor)

        result: _T = blockingCallFromThread(cast(IReactorFromThreads, reactor), begin)
        return result

    return update_wrapper(waiting, act)


class TalkingCrowd(RuleBasedStateMachine):
    """The text of each message is a number. All examples share one ``crowd``."""

    crowd: ClassVar[Crowd]

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []
        self.begin()

    @in_reactor
    async def begin(self) -> None:
        self.members = await self.crowd.give_birth(USERS)
        for member in self.members:
            await self.crowd.log_in(member)

    def new_messages(self, who: int, to: int, number: int) -> list[Sent]:
        """One request with messages for another user."""
        sender = self.members[who]
        receiver = self.members[(who + 1 + to % (USERS - 1)) % USERS]
        assert sender.client is not None
        texts = [str(len(self.sent) + each) for each in range(number)]
        made = self.crowd.say(sender, receiver, sender.client, texts)
        self.sent += made
        return made

    @rule(who=WHO, to=WHO, number=st.integers(1, 3), link=LINK)
    @in_reactor
    async def say(self, who: int, to: int, number: int, link: int) -> None:
        way = self.crowd.links[link]
        client = await self.crowd.present(self.members[who], way)
        client.send(self.new_messages(who, to, number)[0].request, way)

    @rule(who=WHO, link=LINK)
    @in_reactor
    async def poll(self, who: int, link: int) -> None:
        way = self.crowd.links[link]
        client = await self.crowd.present(self.members[who], way)
        client.send(client.new(), way)

    @rule(
        who=WHO,
        to=st.tuples(WHO, WHO, WHO),
        order=st.permutations([0, 1, 2]),
        links=st.tuples(LINK, LINK, LINK),
    )
    @in_reactor
    async def say_out_of_order(
        self, who: int, to: tuple[int, ...], order: list[int], links: tuple[int, ...]
    ) -> None:
        """As many requests at once as may be made."""
        way = self.crowd.links[links[0]]
        client = await self.crowd.present(self.members[who], way)
        await client.sync(way)
        client = await self.crowd.present(self.members[who], way)
        requests = [self.new_messages(who, each, 1)[0].request for each in to[: client.room]]
        for place in order:
            if place < len(requests):
                client.send(requests[place], self.crowd.links[links[place]])

    @rule(who=WHO, which=WHICH, link=LINK)
    @in_reactor
    async def repeat(self, who: int, which: int, link: int) -> None:
        """Ask again without a reason, perhaps for what has been answered."""
        way = self.crowd.links[link]
        client = await self.crowd.present(self.members[who], way)
        recent = [*client.requests.values()][-client.window :]
        client.send(recent[which % len(recent)], way)

    @rule(who=WHO)
    @in_reactor
    async def lose(self, who: int) -> None:
        """Answers get lost between the server and a client."""
        if client := self.members[who].client:
            client.lose()

    @rule(who=WHO, link=LINK, again=st.booleans())
    @in_reactor
    async def reconnect(self, who: int, link: int, again: bool) -> None:
        """Close connections; and go on with the same requests, or with the next one."""
        way = self.crowd.links[link]
        client = await self.crowd.present(self.members[who], way)
        client.close()
        if again:
            client.repeat_lost(way)
        else:
            client.send(client.new(), way)

    @rule(link=LINK)
    @in_reactor
    async def cut(self, link: int) -> None:
        await self.crowd.cut(link)

    @rule(who=WHO, way_out=st.sampled_from(WAYS_OUT), link=LINK)
    @in_reactor
    async def go(self, who: int, way_out: Callable[..., Any], link: int) -> None:
        """Somebody else writes in that moment."""
        way = self.crowd.links[link]
        friend = (who + 1) % USERS
        client = await self.crowd.present(self.members[friend], way)
        client.send(self.new_messages(friend, USERS - 2, 2)[0].request, way)
        await way_out(self.crowd, self.members[who], way)

    @rule(who=WHO, seldom=st.integers(0, 3))
    @in_reactor
    async def be_forgotten(self, who: int, seldom: int) -> None:
        """The inactivity of a session is over."""
        member = self.members[who]
        if member.client is None and member.listener == "brief" and not seldom:
            await self.crowd.until_ended(member.past)

    def teardown(self) -> None:
        try:
            self.end()
        finally:
            self.bury()

    @in_reactor
    async def end(self) -> None:
        await self.rest()
        for member in self.members:
            self.assert_each_has_come(member, await self.crowd.stored(member))
        for member in self.members:
            await self.crowd.leave(member, self.crowd.links[0])
        await self.all_ended()
        for member in self.members:
            for client in member.past:
                client.assert_repeated_alike()

    @in_reactor
    async def bury(self) -> None:
        await self.crowd.bury(self.members)

    async def rest(self) -> None:
        """Wait until all have got what is under way. Those who have gone come back for it."""
        link = self.crowd.links[0]
        for _ in range(2):
            for member in self.members:
                client = await self.crowd.present(member, link)
                await client.sync(link)
            await self.all_ended()

    async def all_ended(self) -> None:
        """Wait for the ends of all sessions whose clients have gone."""
        await self.crowd.until_ended(client for each in self.members for client in each.past)

    def assert_each_has_come(self, member: Member, stored: list[str]) -> None:
        came = Counter(member.texts() + stored)
        for sent in self.sent:
            if sent.receiver is member:
                times = came.pop(sent.text, 0)
                most = 1 + member.may_come_again[sent.text]
                assert sent.is_certain <= times <= most, f"{sent.text} has come {times} times"
        assert not came, f"{came} was not for {member.name}"
        for sender in self.members:
            if not sender.past and not member.past:
                texts = {sent.text for sent in self.sent if sent.sender is sender}
                numbers = [int(text) for text in member.texts() if text in texts]
                assert all(one < next_one for one, next_one in pairwise(numbers)), numbers


class SessionCrowdTests(TestCase):
    timeout = 300

    async def test_each_message_comes_once_and_nothing_is_left(self) -> None:
        crowd = TalkingCrowd.crowd = Crowd(self, running_ejabberd())
        await crowd.connect()
        await deferToThread(self.play, WARM_UP)
        before = await NodeLoad.look(crowd.shell)
        await deferToThread(self.play, EXAMPLES)
        after = await NodeLoad.look(crowd.shell)
        self.assertEqual(after.in_flight, 0)
        self.assertLessEqual(after.sessions, before.sessions)
        self.assertLessEqual(after.processes, before.processes)
        self.assertLess(after.process_memory, before.process_memory + PROCESS_ALLOWANCE)
        self.assertLess(after.memory, before.memory + ALLOWANCE)

    def play(self, examples: int) -> None:
        """A failure is told at once: what depends on timing would not get smaller."""
        some = settings(max_examples=examples, stateful_step_count=STEPS, phases=[Phase.generate])
        run_state_machine_as_test(TalkingCrowd, settings=some)

"""ECM with a link to each of three nodes of a cluster, two of which are killed in turn."""

import os
import re
import signal
from collections import Counter

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.web.client import Agent

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import BoshClient
from testkit.cluster import Member, join, start_nodes
from testkit.erlang_shell import ErlangShell
from testkit.link_case import Front, ServiceTestCase, bare, name
from testkit.link_user import PASSWORD, accounts
from testkit.stanzas import message

# At least so many of these come, and more until each node has some.
FEW = 12
USERS = [f"user-{number}" for number in range(4 * FEW)]

# How many messages have come to the process through which nodes pass on requests to each other.
_COUNT = "sys:statistics(ecm_router_proxy, true)"
_COUNTED = (
    "{ok, All} = sys:statistics(ecm_router_proxy, get), proplists:get_value(messages_in, All)"
)

# The node of a session, as soon as the node that is asked has heard of it.
_HOME = """
Home = fun Home() ->
    case ejabberd_sm:get_session_pid(<<"{}">>, <<"{}">>, <<"{}">>) of
        none -> receive after 1 -> Home() end;
        Session -> node(Session)
    end
end,
Home()
"""


class SeveralNodesTests(ServiceTestCase):
    timeout = 120

    def setUp(self) -> None:
        """The cluster is the test's own."""

    async def test_sessions_of_living_nodes_notice_nothing(self) -> None:
        members = start_nodes(self, 3)
        await join(self, members)
        self.shells = [ErlangShell.start(self, member.node) for member in members]
        await self.shells[0].evaluate(accounts(*USERS))
        for shell in self.shells:
            self.assertEqual(await shell.evaluate(_COUNT), "ok")
        self.entrance = await self.front_of(members)
        await self.entrance.process.printed("(?s)(link up: typed, with member@.*){3}")
        users = await self.begin_everywhere(members)
        await self.all_talk(users)
        self.assertEqual([await shell.evaluate(_COUNTED) for shell in self.shells], ["0"] * 3)
        for member in members[:0:-1]:
            users = await self.without(member, users)
        await self.leave(*users)
        await self.entrance.process.stop()
        stopped = re.search(r"ECM stopped: .* redirected=([0-9]+)", self.entrance.process.output)
        assert stopped is not None
        self.assertGreater(int(stopped[1]), FEW)

    async def test_nodes_that_are_not_of_one_cluster_are_noticed(self) -> None:
        front = await self.front_of(start_nodes(self, 2))
        await front.process.printed("member@127.0.0.[12] and member@127.0.0.[12] are not of one cl")

    async def front_of(self, members: list[Member]) -> Front:
        """Start an ECM before all of these nodes."""
        first, *others = [f"tcp:127.0.0.1:{member.link_port}" for member in members]
        more = [argument for each in others for argument in ("--upstream", each)]
        return await self.front_at(first, *more)

    async def begin_everywhere(self, members: list[Member]) -> list[BoshClient]:
        """Return users, of whom each node has at least two: where a session begins is chance."""
        users: list[BoshClient] = []
        homes = Counter({member.node.name: 0 for member in members})
        while len(users) < FEW or min(homes.values()) < 2:
            users.append(await self.begin(USERS[len(users)]))
            homes[await self.home(users[-1])] += 1
        self.assertEqual(len(homes), len(members))
        return users

    async def begin(self, user: str) -> BoshClient:
        """Log in and come online; half of all with a new connection for each request."""
        client = self.client(self.entrance)
        if USERS.index(user) % 2:
            client = BoshClient(HTTPClient(Agent(reactor)), self.entrance.bosh, DOMAIN)
        await client.create()
        await client.login(user, PASSWORD)
        await self.come_online(client)
        await self.home(client)  # whoever writes to it finds it
        return client

    async def home(self, user: BoshClient) -> str:
        """Return the node of a session, once all nodes know it."""
        asked = _HOME.format(name(user), DOMAIN, user.jid.partition("/")[2])
        [home] = {await shell.evaluate(asked) for shell in self.shells}
        return home.strip("'")

    async def all_talk(self, users: list[BoshClient]) -> None:
        """Each writes to the next, and hears from the one before."""
        for sender, receiver in zip(users, users[1:] + users[:1], strict=True):
            sender.send(message(receiver.jid, f"from {name(sender)}"))
        for sender, receiver in zip(users, users[1:] + users[:1], strict=True):
            self.assertEqual(await receiver.message(), (bare(sender), f"from {name(sender)}"))

    async def without(self, member: Member, users: list[BoshClient]) -> list[BoshClient]:
        """Kill a node. Users of the others talk on; its own are told, and log in to those."""
        homes = [await self.home(user) for user in users]
        living = [user for user, home in zip(users, homes, strict=True) if home != member.node.name]
        lost = [user for user in users if user not in living]
        self.assertTrue(living and lost)
        self.shells.pop()  # that of this node, which is the last one
        os.kill(member.process.pid, signal.SIGKILL)
        for _ in range(3):
            await self.all_talk(living)
        for user in lost:
            self.assertIn(await self.told(user), ("503", "item-not-found"))
        await self.entrance.process.printed(f"link to {member.node.name} down: nobody listens")
        back = [await self.begin(name(user)) for user in lost]
        await self.all_talk(living + back)
        return living + back

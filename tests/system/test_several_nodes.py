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

USERS = [f"user-{number}" for number in range(12)]

# How many messages have come to the process through which nodes pass on requests to each other.
_COUNT = "sys:statistics(ecm_router_proxy, true)"
_COUNTED = (
    "{ok, All} = sys:statistics(ecm_router_proxy, get), proplists:get_value(messages_in, All)"
)
_HOME = 'node(ejabberd_sm:get_session_pid(<<"{}">>, <<"{}">>, <<"{}">>))'


class SeveralNodesTests(ServiceTestCase):
    timeout = 120

    def setUp(self) -> None:
        """The cluster is the test's own."""

    async def test_sessions_of_living_nodes_notice_nothing(self) -> None:
        members = start_nodes(self, 3)
        await join(self, members)
        shells = [ErlangShell.start(self, member.node) for member in members]
        self.shell = shells[0]
        await self.shell.evaluate(accounts(*USERS))
        for shell in shells:
            self.assertEqual(await shell.evaluate(_COUNT), "ok")
        self.entrance = await self.front_of(members)
        await self.entrance.process.printed("(?s)(link up: typed, with member@.*){3}")
        users = [await self.begin(each) for each in USERS]
        await self.all_talk(users)
        self.assertEqual([await shell.evaluate(_COUNTED) for shell in shells], ["0"] * 3)
        homes = Counter([await self.home(user) for user in users])
        self.assertEqual({*homes}, {member.node.name for member in members})
        self.assertGreater(min(homes.values()), 1)
        for member in members[:0:-1]:
            users = await self.without(member, users)
        await self.leave(*users)
        await self.entrance.process.stop()
        stopped = re.search(r"ECM stopped: .* redirected=([0-9]+)", self.entrance.process.output)
        assert stopped is not None
        self.assertGreater(int(stopped[1]), len(USERS))

    async def test_nodes_that_are_not_of_one_cluster_are_noticed(self) -> None:
        front = await self.front_of(start_nodes(self, 2))
        await front.process.printed("member@127.0.0.[12] and member@127.0.0.[12] are not of one cl")

    async def front_of(self, members: list[Member]) -> Front:
        """Start an ECM before all of these nodes."""
        first, *others = [f"tcp:127.0.0.1:{member.link_port}" for member in members]
        more = [argument for each in others for argument in ("--upstream", each)]
        return await self.front_at(first, *more)

    async def begin(self, user: str) -> BoshClient:
        """Log in and come online; half of all with a new connection for each request."""
        client = self.client(self.entrance)
        if USERS.index(user) % 2:
            client = BoshClient(HTTPClient(Agent(reactor)), self.entrance.bosh, DOMAIN)
        await client.create()
        await client.login(user, PASSWORD)
        await self.come_online(client)
        return client

    async def home(self, user: BoshClient) -> str:
        """Return the node of a session."""
        resource = user.jid.partition("/")[2]
        return (await self.shell.evaluate(_HOME.format(name(user), DOMAIN, resource))).strip("'")

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
        os.kill(member.process.pid, signal.SIGKILL)
        for _ in range(3):
            await self.all_talk(living)
        for user in lost:
            self.assertIn(await self.told(user), ("503", "item-not-found"))
        await self.entrance.process.printed(f"link to {member.node.name} down: nobody listens")
        back = [await self.begin(name(user)) for user in lost]
        await self.all_talk(living + back)
        return living + back

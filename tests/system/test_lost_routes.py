"""A node that is cut off from another one keeps its sessions, and the routes to its hosts."""

from random import Random

from twisted.internet import reactor
from twisted.internet.task import deferLater

from testkit.cluster import join, start_cluster
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import accounts
from testkit.stanzas import message
from testkit.talker import Talker
from testkit.told_case import TestCase

# What the tables of routes and of sessions do on a node that loses another one, before Mnesia has
# noticed the loss there. Returns when it is done.
_LOSE = """
Lost = rpc:call('{node}', erlang, whereis, [ejabberd_local]),
ejabberd_router_mnesia ! {{'DOWN', make_ref(), process, Lost, noconnection}},
_ = sys:get_state(ejabberd_router_mnesia),
ejabberd_sm_ecm ! {{mnesia_system_event, {{mnesia_down, '{node}'}}}},
_ = sys:get_state(ejabberd_sm_ecm),
ok
"""

# How many routes there are to processes of a node, as the node has them.
_OWN = "length([Route || Route <- ets:tab2list(route), node(element(4, Route)) =:= node()])"

# How many there are to those of other nodes.
_OF_OTHERS = _OWN.replace("=:=", "=/=")

# Seconds between two looks.
_LOOK = 0.02


class LostRouteTests(TestCase):
    timeout = 60

    async def test_another_node_deletes_what_is_of_this_one(self) -> None:
        """Its users write to each other all the same."""
        here, there = members = start_cluster(self, sm_db_type="ecm")
        await join(self, members)
        shell, far = [ErlangShell.start(self, member.node) for member in members]
        await shell.evaluate(accounts("romeo", "tybalt"))
        link = await EcmEnd.connect(self, here.link_port)
        romeo, tybalt = [Talker(name, [link], Random(4711)) for name in ("romeo", "tybalt")]
        for person in (romeo, tybalt):
            await person.begin("<presence xmlns='jabber:client'/>")
            self.addCleanup(setattr, person, "is_silent", True)
        routes = await shell.evaluate(_OWN)
        await far.evaluate(_LOSE.format(node=here.node.name))
        while "has deleted the route of localhost here" not in here.node.console_log.read_text():
            await deferLater(reactor, _LOOK)
        while await shell.evaluate(_OWN) != routes:
            await deferLater(reactor, _LOOK)
        self.assertEqual(await far.evaluate(_OF_OTHERS), routes)
        tybalt.say(message(romeo.jid, "still there?"))
        await romeo.gets("still there?")

"""A cluster in which one node runs release 1 of mod_ecm, and the other today's; and new code that
is loaded under sessions that sleep."""

from twisted.trial.unittest import TestCase

from ecm.tools.demo.plan import DOMAIN
from testkit.cluster import Software, start_cluster, start_nodes
from testkit.compiled import compiled
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts, attribute
from testkit.release import release_1
from testkit.session_probe import is_asleep, is_known, until_ended
from testkit.stanzas import message

_SYNC = "<iq type='get' id='sync' xmlns='jabber:client'><query xmlns='jabber:iq:roster'/></iq>"

# The key is the node's own copy; the row is as release 1 writes it.
_SAME_KEY = """
Here = ecm_sid_key:get(),
Here =:= rpc:call('{node}', ecm_sid_key, get, [])
    andalso [{{ecm_sid_key, sid, Here}}] =:= ets:tab2list(ecm_sid_key)
"""

# As ejabberd starts again, with the database and the tables that the cluster has.
_RESTART = """
ok = application:stop(ejabberd), stopped = mnesia:stop(), ok = mnesia:start(),
ok = application:start(ejabberd), ejabberd_cluster:wait_for_sync(infinity)
"""

# As module_upgrade does: each module is removed, and loaded again when it is called, and the module
# is started for its host. The folder with the new code comes first in the path.
_UPGRADE = """
true = code:add_patha("{folder}"),
lists:foreach(fun(Module) -> code:purge(Module), true = code:delete(Module) end,
              [Module || {{Module, _}} <- code:all_loaded(),
                         lists:prefix("ecm_", atom_to_list(Module)) orelse Module =:= mod_ecm]),
ok = mod_ecm:start(<<"{host}">>, #{{}}),
{{module, _}} = code:ensure_loaded(ecm_c2s_session),
lists:prefix("{folder}", code:which(ecm_c2s_session))
"""


def _old() -> Software:
    return Software(modules=release_1())


class ClusterReleasesTests(TestCase):
    timeout = 120

    async def test_the_new_release_joins_the_old_one(self) -> None:
        await self.work_together(_old(), Software())

    async def test_the_old_release_joins_the_new_one(self) -> None:
        await self.work_together(Software(), _old())

    async def work_together(self, first: Software, second: Software) -> None:
        here, there = start_cluster(self, first, second)
        shell = ErlangShell.start(self, there.node)
        joined = await shell.evaluate(f"ejabberd_cluster:join('{here.node.name}')")
        self.assertEqual(joined, "ok")
        await shell.evaluate(accounts("romeo", "juliet"))
        same_key = _SAME_KEY.format(node=here.node.name)
        self.assertEqual(await shell.evaluate(same_key), "true")
        links = [await EcmEnd.connect(self, member.link_port) for member in (here, there)]
        users = [LinkUser(*which) for which in zip(links, ("romeo", "juliet"), strict=True)]
        for user in users:
            await user.log_in()
            await user.ask("<presence xmlns='jabber:client'/>")
            await shell.evaluate(is_known(user.jid))
        for near, far in ((links[0], links[1]), (links[1], links[0])):
            users[0].link, users[1].link = near, far
            await self.they_talk(*users)
        await self.each_end_is_told_over_the_other_node(shell, *users)
        await shell.evaluate(_RESTART)
        self.assertEqual(await shell.evaluate(same_key), "true")

    async def they_talk(self, one: LinkUser, other: LinkUser) -> None:
        for sender, receiver in ((one, other), (other, one)):
            held = receiver.ask()
            await sender.ask(message(receiver.jid, "hello") + _SYNC)
            self.assertIn(b"<body>hello</body>", (await held).body)

    async def each_end_is_told_over_the_other_node(
        self, shell: ErlangShell, *users: LinkUser
    ) -> None:
        """The links are still crossed: a client that goes, and a session that ends, are told."""
        for user in users:
            user.ask()
            user.vanish(user.session.rid)
            self.assertIn(b"terminate", (await user.ask(type="terminate")).body)
            await shell.evaluate(until_ended(user.session.sid.decode()))
            refused = await user.ask()
            self.assertEqual(attribute(refused.body, "condition"), "item-not-found")

    async def test_sessions_that_sleep_outlive_an_upgrade(self) -> None:
        [node] = start_nodes(self, [_old()])
        shell = ErlangShell.start(self, node.node)
        await shell.evaluate(accounts("romeo", "juliet"))
        link = await EcmEnd.connect(self, node.link_port)
        romeo, juliet = LinkUser(link, "romeo"), LinkUser(link, "juliet")
        for user in (romeo, juliet):
            await user.log_in()
            await user.ask("<presence xmlns='jabber:client'/>" + _SYNC)
            self.assertEqual(await shell.evaluate(is_asleep(user.jid)), "true")
        new_code = compiled(node.node.installation)
        upgraded = await shell.evaluate(_UPGRADE.format(folder=new_code, host=DOMAIN))
        self.assertEqual(upgraded, "true")
        link = await EcmEnd.connect(self, node.link_port)
        romeo.link = juliet.link = link
        last = await romeo.ask_as(romeo.session.rid)
        self.assertIn(b"id='sync'", last.body)
        await self.they_talk(romeo, juliet)
        self.assertEqual(await shell.evaluate(is_asleep(romeo.jid)), "true")

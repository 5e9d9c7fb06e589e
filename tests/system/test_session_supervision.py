"""A process of mod_ecm is killed: it comes back, and what it has to do is done."""

from testkit.bosh_client import WAIT
from testkit.erlang_shell import ErlangShell
from testkit.link_case import LinkTestCase
from testkit.stanzas import message

# Kills the process of a name, and ends when there is another one that has begun.
_KILL = """
Killed = whereis({name}),
exit(Killed, kill),
Wait = fun Wait() ->
    case whereis({name}) of
        New when is_pid(New), New =/= Killed -> sys:get_state(New), ok;
        _ -> timer:sleep(1), Wait()
    end
end,
Wait()
"""

# Kills the links of the listener at a port: their writers. A reader that is killed only breaks its
# connection.
_KILL_LINKS = """
Writers = [Writer || {{_, Writer, _, _}} <- supervisor:which_children(ecm_link_sup)],
Links = [Link || {{_, Link, _, _}} <- supervisor:which_children(mod_ecm_sup),
                 {{links, Linked}} <- [process_info(Link, links)],
                 Socket <- Linked, is_port(Socket),
                 {{ok, {{_, {port}}}}} <- [inet:sockname(Socket)]],
Killed = [Writer || Link <- Links, {{monitors, Monitors}} <- [process_info(Link, monitors)],
                    {{process, Writer}} <- Monitors, lists:member(Writer, Writers)],
[exit(Writer, kill) || Writer <- Killed], length(Killed)
"""


class SupervisionTests(LinkTestCase):
    timeout = WAIT // 2

    async def test_running_links_name_a_new_heir(self) -> None:
        """A session learns from it that its client is gone, with a link that tells nobody."""
        shell = ErlangShell.start(self, self.ejabberd.node)
        friend = await self.log_in(self.client(await self.front("typed")))
        client = await self.log_in(self.client(await self.front("hasty")))
        held = await self.held(client, friend)
        held.addErrback(lambda _: None)  # its connection ends with the link
        self.assertEqual(await shell.evaluate(_KILL.format(name="ecm_link_heir")), "ok")
        port = self.ejabberd.listeners.port("hasty")
        self.assertEqual(await shell.evaluate(_KILL_LINKS.format(port=port)), "1")
        await friend.receive(
            lambda stanza: (stanza.get("from"), stanza.get("type")) == (client.jid, "unavailable")
        )
        await friend.terminate()

    async def test_sessions_and_modules_outlive_the_supervisor(self) -> None:
        """Its workers are busy when it is killed; ejabberd's own supervisor starts it again."""
        shell = ErlangShell.start(self, self.ejabberd.node)
        front = await self.front("typed")
        romeo, juliet = [await self.log_in(self.client(front)) for _ in range(2)]
        modules = await shell.evaluate("whereis(ejabberd_gen_mod_sup)")
        for _ in range(2):
            await shell.evaluate("[ecm_c2s_farewell ! sweep || _ <- lists:seq(1, 10000)], ok")
            self.assertEqual(await shell.evaluate(_KILL.format(name="ecm_sup")), "ok")
        romeo.send(message(juliet.jid, "hello"))
        self.assertEqual((await juliet.message())[1], "hello")
        for client in (romeo, juliet):
            await client.terminate()
        await self.assert_chat_crosses(front)
        self.assertEqual(await shell.evaluate("whereis(ejabberd_gen_mod_sup)"), modules)

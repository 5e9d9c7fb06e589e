"""A link that is kept without a connection, while the operator does something to ejabberd."""

from twisted.internet.defer import Deferred

from ecm.link.events import Answered
from testkit.erlang_shell import ErlangShell
from testkit.link_user import LinkUser
from testkit.own_ejabberd import OwnEjabberd
from testkit.resuming_end import ResumingEnd
from testkit.stanzas import message
from testkit.told_case import TestCase

# Seconds for which links are kept: longer than any test lasts.
GRACE = 3600

# Once the writers of all links wait for their ECMs.
_ALL_ARE_KEPT = """
    (fun Loop() ->
        case [up || {entry, _, _, _, Reader} <- ets:tab2list(ecm_link_tokens), is_pid(Reader)] of
            [] -> ok;
            _ -> erlang:yield(), Loop()
        end
    end)()"""


class KeptTests(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.ejabberd = OwnEjabberd.start(self, "romeo", link={"link_grace": GRACE})
        self.shell = ErlangShell.start(self, self.ejabberd.node)

    async def log_in(self) -> LinkUser:
        """Let somebody log in over a link that resumes."""
        self.link = await ResumingEnd.connect(self, self.ejabberd.link_port)
        user = LinkUser(self.link, "romeo")
        await user.log_in()
        return user

    async def break_link(self) -> None:
        """The connection breaks, and the link is kept."""
        await self.link.hang_up()
        await self.shell.evaluate(_ALL_ARE_KEPT)

    async def reload(self) -> None:
        """The operator changes an option of the listener."""
        self.ejabberd.configure(link={"link_grace": GRACE, "max_inactivity": 77})
        output, status = await self.ejabberd.control("reload_config")
        self.assertEqual(status, 0, output)

    async def assert_goes_on(self, user: LinkUser, held: Deferred[Answered]) -> None:
        """The request that was held is answered, and what somebody says comes back."""
        came = await user.ask(message(user.jid, "still here"))
        self.assertIn(b"still here", (await held).body + came.body)

    async def test_ejabberd_stops_at_once(self) -> None:
        romeo = await self.log_in()
        romeo.ask()
        await self.break_link()
        _, status = await self.ejabberd.control("stop")
        self.assertEqual(status, 0)
        await self.ejabberd.ended()
        self.ejabberd.start_again()
        again = await ResumingEnd.connect(self, self.ejabberd.link_port)
        self.assertNotIn(again.tokens[0], self.link.tokens)

    async def test_a_reload_that_changes_the_listener_keeps_it(self) -> None:
        romeo = await self.log_in()
        held = romeo.ask()
        await self.break_link()
        await self.reload()
        await self.link.resume()
        self.assertEqual(len(set(self.link.tokens)), 1)
        await self.assert_goes_on(romeo, held)

    async def test_a_reload_that_changes_the_listener_keeps_one_that_is_up(self) -> None:
        romeo = await self.log_in()
        held = romeo.ask()
        await self.reload()
        await self.assert_goes_on(romeo, held)

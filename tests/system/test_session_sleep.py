"""A session that sleeps whenever it can, packed, is to its client as one that is always awake."""

from twisted.trial.unittest import TestCase

from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts
from testkit.private_ejabberd import running_ejabberd
from testkit.session_probe import is_asleep
from testkit.session_script import SessionScript


class SessionSleepTests(TestCase):
    timeout = 60

    async def test_what_clients_see_is_the_same(self) -> None:
        ejabberd = running_ejabberd()
        self.shell = ErlangShell.start(self, ejabberd.node)
        sleepy = await self.conversation(ejabberd.listeners.port("typed"), asleep=True)
        awake = await self.conversation(ejabberd.listeners.port("sleepless"), asleep=False)
        self.assertEqual(sleepy, awake)

    async def conversation(self, port: int, asleep: bool) -> list[str]:
        """Return all answers of a conversation. Between its steps all sessions sleep, or none."""
        await self.shell.evaluate(accounts("romeo", "juliet"))
        link = await EcmEnd.connect(self, port)
        romeo, juliet = [LinkUser(link, name) for name in ("romeo", "juliet")]

        async def rest() -> None:
            for user in (romeo, juliet):
                self.assertIs(await self.is_asleep(user), asleep)

        script = SessionScript(romeo, juliet, rest)
        await script.play()
        return script.seen

    async def is_asleep(self, user: LinkUser) -> bool:
        return await self.shell.evaluate(is_asleep(user.jid)) == "true"

"""A session that sleeps whenever it can, packed, is to its client as one that is always awake."""

from twisted.trial.unittest import TestCase

from ecm.tools.demo.plan import DOMAIN
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts
from testkit.private_ejabberd import running_ejabberd
from testkit.session_script import SessionScript

# Comes to its end once the process has done all that it had to do; whether it sleeps then.
_IS_ASLEEP = """
Session = ejabberd_sm:get_session_pid(<<"{user}">>, <<"{host}">>, <<"{resource}">>),
Resting = fun Resting() ->
    case process_info(Session, [status, message_queue_len, current_function]) of
        [{{status, waiting}}, {{message_queue_len, 0}}, {{current_function, {{Module, Name, _}}}}]
                when Module =:= p1_server; Name =:= hibernate -> Name =:= hibernate;
        _ -> receive after 1 -> Resting() end
    end
end,
Resting()
"""


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
        resource = user.jid.partition("/")[2]
        expression = _IS_ASLEEP.format(user=user.name, host=DOMAIN, resource=resource)
        return await self.shell.evaluate(expression) == "true"

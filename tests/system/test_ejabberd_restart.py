"""ejabberd is restarted by ``ecm_restart`` while people talk, and nobody notices."""

from itertools import count
from typing import Any

from twisted.internet.defer import DeferredList, ensureDeferred

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT, BoshClient, http_client
from testkit.ecm_process import EcmTestCase
from testkit.erlang_shell import ErlangShell
from testkit.link_user import PASSWORD
from testkit.own_ejabberd import OwnEjabberd
from testkit.stanzas import message

_ONLINE = f"<presence xmlns='{CLIENT}'/>"

# Each who talks and one of those who wait see each other come and go.
_CONTACTS = """
Host = <<"{host}">>,
lists:foreach(fun(Number) ->
    [Talker, Listener] = [iolist_to_binary([Kind, integer_to_list(Number)])
                          || Kind <- ["talker", "listener"]],
    [ok = mod_admin_extra:add_rosteritem(One, Host, Other, Host, Other, <<>>, <<"both">>)
     || {{One, Other}} <- [{{Talker, Listener}}, {{Listener, Talker}}]]
end, lists:seq(0, {number} - 1))
"""

TALKERS = [f"talker{number}" for number in range(20)]
LISTENERS = [f"listener{number}" for number in range(20)]


class EjabberdRestartTests(EcmTestCase):
    timeout = 180

    async def test_nobody_notices(self) -> None:
        """Pairs talk without a pause; others wait, with contacts among those who talk.

        A client of this test fails at any answer that is not 200, and at the end of its session.
        """
        self.ejabberd = OwnEjabberd.start(self, *TALKERS, *LISTENERS)
        shell = ErlangShell.start(self, self.ejabberd.node)
        await shell.evaluate(_CONTACTS.format(host=DOMAIN, number=len(TALKERS)))
        upstream = f"tcp:127.0.0.1:{self.ejabberd.link_port}"
        await self.start("--upstream", upstream, "--queue-timeout", "60")
        self.http = http_client(self)
        talkers = await self.all(self.user(name) for name in TALKERS)
        known = zip(LISTENERS, talkers, strict=True)
        listeners = await self.all(self.user(name, talker.jid) for name, talker in known)

        self.talks = True
        pairs = zip(talkers[::2], talkers[1::2], strict=True)
        talks = [ensureDeferred(self.talk(one, other)) for one, other in pairs]
        for number in (1, 2):
            await self.restart()
            await self.ejabberd.logged(f"{len(TALKERS + LISTENERS)} sessions are back", number)
        self.talks = False
        said = await self.all(talks)
        self.assertTrue(all(texts > 10 for texts in said), said)
        await self.all(self.was_told_nothing(user) for user in listeners)
        await self.all(user.terminate() for user in [*talkers, *listeners])

    async def user(self, name: str, *contacts: str) -> BoshClient:
        """Log in and come online, and return once the presence of these contacts is here."""
        client = BoshClient(self.http, f"{self.url}/http-bind", DOMAIN)
        await client.create()
        await client.login(name, PASSWORD)
        client.send(_ONLINE)
        awaited = {client.jid, *contacts}
        while awaited:
            presence = await client.receive(lambda stanza: stanza.get("from") in awaited)
            awaited.remove(presence.attrib["from"])
        return client

    async def talk(self, one: BoshClient, other: BoshClient) -> int:
        """Say what the other must hear next, and so on in turns. Returns how much was said."""
        for number in count():
            if not self.talks:
                return number
            speaker, hearer = ((one, other), (other, one))[number % 2]
            for part in ("a", "b"):
                speaker.send(message(hearer.jid, f"{number} {part}"))
            for part in ("a", "b"):
                heard = (await hearer.message())[1]
                self.assertEqual(heard, f"{number} {part}")
        raise AssertionError

    async def restart(self) -> None:
        self.ejabberd.forget_start()
        said, status = await self.ejabberd.control("ecm_restart")
        self.assertEqual(status, 0, said)
        self.assertIn(f"{len(TALKERS + LISTENERS)} sessions are written", said)
        await self.ejabberd.restarted()

    async def was_told_nothing(self, listener: BoshClient) -> None:
        """It gets a message, and nothing has come before that: no presence of a contact."""
        listener.send(message(listener.jid, "still there"))
        first = await listener.receive(lambda stanza: True)
        self.assertEqual(first.findtext(f"{{{CLIENT}}}body"), "still there")

    async def all(self, work: object) -> list[Any]:
        """Run all of it side by side, and return the results; fail where one fails."""
        running = [ensureDeferred(each) for each in work]  # type: ignore
        return [result for _, result in await DeferredList(running, fireOnOneErrback=True)]

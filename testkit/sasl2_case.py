"""A test of logins with SASL2 (XEP-0388), Bind 2 (XEP-0386) and FAST (XEP-0484) over links."""

from unittest import SkipTest

from ecm.tools.bosh.sasl import plain
from ecm.tools.bosh.stanzas import bind2
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import BoshClient, http_client
from testkit.erlang_shell import ErlangShell
from testkit.link_case import PASSWORD, Front, ServiceTestCase
from testkit.session_probe import is_asleep
from testkit.stanzas import message

HTTPS = {"X-Forwarded-Proto": "https"}


class Sasl2TestCase(ServiceTestCase):
    """Clients come through a proxy that ECM trusts, and that may say that they have TLS."""

    async def begin(self, listener: str = "typed") -> None:
        """Start an ECM, and ask ejabberd what it has."""
        self.shell = ErlangShell.start(self, self.ejabberd.node)
        self.has_sasl2 = await self.exports("ejabberd_c2s", "allow_unencrypted_sasl2")
        self.entrance = await self.front(listener, "--trusted-proxy", "127.0.0.1")

    async def need_sasl2(self, listener: str = "typed") -> None:
        await self.begin(listener)
        if not self.has_sasl2:
            raise SkipTest("this ejabberd has no SASL2")

    async def exports(self, module: str, function: str) -> bool:
        """Return whether a module of ejabberd has a function."""
        asked = f"lists:keymember({function}, 1, {module}:module_info(exports))"
        return await self.shell.evaluate(asked) == "true"

    def secure(self, front: Front | None = None) -> BoshClient:
        """A client that has TLS."""
        entrance = front or self.entrance
        client = BoshClient(http_client(self), entrance.bosh, DOMAIN, HTTPS)
        self.addCleanup(client.rest)
        return client

    async def account(self) -> str:
        """Return the name of a new user, who is not online."""
        client = self.client(self.entrance)
        name = await self.register(client)
        await client.terminate()
        return name

    async def created(self, name: str) -> BoshClient:
        """Return a session of a client with TLS, in which nobody has logged in."""
        client = self.secure()
        await client.create(f"{name}@{DOMAIN}")
        return client

    async def logged_in(self, user: str, *inline: str, tag: str = "web") -> BoshClient:
        """Return a client that has logged in and bound a resource with one request."""
        client = await self.created(user)
        await client.authenticate2(plain(user, PASSWORD), bind2(tag, *inline))
        return client

    async def assert_talk(self, romeo: BoshClient, juliet: BoshClient) -> None:
        """Each of them hears the other once."""
        for sender, receiver in ((romeo, juliet), (juliet, romeo)):
            await self.assert_heard(sender, receiver)

    async def assert_heard(self, sender: BoshClient, receiver: BoshClient) -> None:
        sender.send(message(receiver.jid, "hello"))
        self.assertEqual((await receiver.message())[1], "hello")

    async def assert_sleeps(self, client: BoshClient) -> None:
        self.assertEqual(await self.shell.evaluate(is_asleep(client.jid)), "true")

    async def kept_of_sasl2(self, client: BoshClient) -> str:
        """Return what is left of a login in the state of ejabberd."""
        return await self.shell.evaluate(
            f"""
            [Key || Key <- maps:keys(sys:get_state({process(client)})), Key =/= bind2_session_id,
                    re:run(atom_to_list(Key), "^sasl|^bind2") =/= nomatch]
            """
        )


def process(client: BoshClient) -> str:
    """Erlang for the process of a session."""
    user, _, address = client.jid.partition("@")
    host, _, resource = address.partition("/")
    return f'ejabberd_sm:get_session_pid(<<"{user}">>, <<"{host}">>, <<"{resource}">>)'

"""Logins with tokens (FAST, XEP-0484), and what ends a token's life."""

from unittest import SkipTest
from xml.etree.ElementTree import Element

from ecm.tools.bosh.sasl import Token, plain
from ecm.tools.bosh.stanzas import FAST, bind2, user_agent
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import REGISTER, BoshClient, Refused
from testkit.link_case import ONLINE, PASSWORD
from testkit.sasl2_case import Sasl2TestCase

PHONE, TABLET = "d4565fa7-4d72-4749-b3d3-740edbf87770", "0e2f1a3c-9b7d-4c55-8a1e-6f5d4c3b2a10"
REQUEST = f"<request-token xmlns='{FAST}' mechanism='HT-SHA-256-NONE'/>"
USES_TOKEN = f"<fast xmlns='{FAST}'/>"
INVALIDATES = f"<fast xmlns='{FAST}' invalidate='true'/>"

DAY = 86_400  # seconds

# Lets time pass for the tokens of a user: both times in a record are seconds.
AGE = """
[mnesia:dirty_write(list_to_tuple([case is_integer(Field) of
                                       true -> Field - {seconds};
                                       false -> Field
                                   end || Field <- tuple_to_list(Token)]))
 || {{_, User, _}} = Key <- mnesia:dirty_all_keys(mod_auth_fast), User =:= <<"{user}">>,
    Token <- mnesia:dirty_read(mod_auth_fast, Key)]
"""


class TokenTests(Sasl2TestCase):
    password = PASSWORD

    async def need_tokens(self) -> None:
        await self.need_sasl2()
        if await self.shell.evaluate(f'gen_mod:is_loaded(<<"{DOMAIN}">>, mod_auth_fast)') != "true":
            raise SkipTest("this ejabberd has no tokens")
        self.user = await self.account()

    async def with_password(self, *inline: str) -> tuple[BoshClient, Element]:
        """Return a client that is online, and what it was told at its login."""
        client = await self.created(self.user)
        login = plain(self.user, PASSWORD)
        success = await client.authenticate2(login, user_agent(PHONE), *inline, bind2("web"))
        client.send(ONLINE)
        return client, success

    async def with_token(
        self, token: str, identity: str = PHONE, uses: str = USES_TOKEN
    ) -> tuple[BoshClient, Element]:
        """Return the same of a client that has logged in with the request that creates the
        session."""
        client = self.secure()
        login, agent = Token(self.user, token), user_agent(identity)
        success = await client.begin2(self.jid, login, agent, uses, bind2("web"))
        client.send(ONLINE)
        return client, success

    @property
    def jid(self) -> str:
        return f"{self.user}@{DOMAIN}"

    async def assert_refused(self, token: str, identity: str = PHONE) -> None:
        """The token lets nobody in; the password does, in the same session."""
        client = self.secure()
        login, agent = Token(self.user, token), user_agent(identity)
        with self.assertRaisesRegex(Refused, "^not-authorized$"):
            await client.begin2(self.jid, login, agent, USES_TOKEN, bind2("web"))
        await client.authenticate2(plain(self.user, self.password), agent, bind2("web"))
        await self.come_online(client)
        await self.leave(client)

    async def test_a_client_is_back_after_ecm_has_gone(self) -> None:
        """With one request, and in place of the session that it had."""
        await self.need_tokens()
        before, success = await self.with_password(REQUEST)
        await self.assert_sleeps(before)
        await self.entrance.process.stop()
        self.entrance = await self.front("typed", "--trusted-proxy", "127.0.0.1")
        friend = await self.log_in(self.client(self.entrance))
        await self.come_online(friend)

        after, success = await self.with_token(token_of(success))
        self.assertEqual(after.jid, before.jid)
        self.assertEqual(list(success.iter(f"{{{FAST}}}token")), [])  # the token stays good
        await self.assert_talk(after, friend)
        await self.assert_sleeps(after)
        await self.leave(after, friend)

    async def test_and_after_the_end_of_its_session(self) -> None:
        await self.need_tokens()
        client, success = await self.with_password(REQUEST)
        await self.cut(client)
        for _ in range(2):
            client, _ = await self.with_token(token_of(success))
            await self.leave(client)

    async def test_a_token_is_of_one_client(self) -> None:
        await self.need_tokens()
        client, success = await self.with_password(REQUEST)
        await self.assert_refused(token_of(success), TABLET)
        await self.leave(client)

    async def test_a_wrong_token(self) -> None:
        await self.need_tokens()
        client, success = await self.with_password(REQUEST)
        await self.leave(client)
        await self.assert_refused(token_of(success)[::-1])
        await self.assert_refused("")

    async def test_no_token_without_the_name_of_the_client(self) -> None:
        await self.need_tokens()
        client = await self.created(self.user)
        success = await client.authenticate2(plain(self.user, PASSWORD), REQUEST, bind2("web"))
        self.assertEqual(list(success.iter(f"{{{FAST}}}token")), [])
        await self.leave(client)

    async def test_a_token_gets_old(self) -> None:
        """Then the login with it brings another one, which is good as well."""
        await self.need_tokens()
        client, success = await self.with_password(REQUEST)
        first = token_of(success)
        await self.leave(client)
        await self.shell.evaluate(AGE.format(user=self.user, seconds=2 * DAY))
        client, success = await self.with_token(first)
        second = token_of(success)
        self.assertNotEqual(second, first)
        await self.leave(client)
        client, _ = await self.with_token(second)
        await self.leave(client)
        await self.assert_refused(first)

    async def test_and_too_old(self) -> None:
        await self.need_tokens()
        client, success = await self.with_password(REQUEST)
        await self.leave(client)
        await self.shell.evaluate(AGE.format(user=self.user, seconds=40 * DAY))
        await self.assert_refused(token_of(success))

    async def test_a_client_gives_its_token_back(self) -> None:
        await self.need_tokens()
        client, success = await self.with_password(REQUEST)
        await self.leave(client)
        client, _ = await self.with_token(token_of(success), uses=INVALIDATES)
        await self.leave(client)
        await self.assert_refused(token_of(success))

    async def test_a_password_that_is_changed_ends_all_tokens(self) -> None:
        await self.need_removal()
        client, success = await self.with_password(REQUEST)
        account = f"<username>{self.user}</username><password>new</password>"
        await client.iq("set", f"<query xmlns='{REGISTER}'>{account}</query>")
        await self.leave(client)
        self.password = "new"
        await self.assert_refused(token_of(success))

    async def test_so_does_a_kick(self) -> None:
        await self.need_removal()
        client, success = await self.with_password(REQUEST)
        await self.ejabberd.control("kick_user", self.user, DOMAIN)
        self.assertIn("remote-stream-error", await self.told(client))
        await self.assert_refused(token_of(success))

    async def need_removal(self) -> None:
        await self.need_tokens()
        if not await self.exports("mod_auth_fast", "remove_user_tokens"):
            raise SkipTest("this ejabberd keeps tokens whatever happens to the password")


def token_of(success: Element) -> str:
    """Return the token that came with a login."""
    [token] = success.iter(f"{{{FAST}}}token")
    return token.attrib["token"]

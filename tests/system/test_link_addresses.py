"""A client's own address crosses a typed link, and what ejabberd does by address works."""

from testkit.bosh_client import BoshClient, Refused
from testkit.link_case import PASSWORD, LinkTestCase
from testkit.listeners import BARRED_ADDRESS, MAX_GUESSES

TRUSTED = ("--trusted-proxy", "127.0.0.0/8")


class AddressTests(LinkTestCase):
    async def test_ejabberd_knows_where_each_user_is(self) -> None:
        front = await self.front("typed", *TRUSTED)
        near = await self.log_in(self.client(front, "127.0.0.5"))
        far = await self.log_in(self.client(front, "127.0.0.5", forwarded_for="192.0.2.7"))
        self.assertEqual(await self.address(near), "127.0.0.5")
        self.assertEqual(await self.address(far), "192.0.2.7")
        for client in (near, far):
            await client.terminate()

    async def test_an_untrusted_word_on_an_address_does_not_count(self) -> None:
        front = await self.front("typed")
        client = await self.log_in(self.client(front, "127.0.0.5", forwarded_for="192.0.2.7"))
        self.assertEqual(await self.address(client), "127.0.0.5")
        await client.terminate()

    async def test_a_failed_login_is_logged_with_its_address(self) -> None:
        front = await self.front("typed", *TRUSTED)
        client = self.client(front, forwarded_for="192.0.2.8")
        name = await self.register(client)
        await self.guess(client, name)
        await self.log.printed(f"Failed c2s PLAIN authentication for {name}@.* from 192.0.2.8")
        await client.terminate()

    async def test_an_access_rule_bars_one_address(self) -> None:
        front = await self.front("typed", *TRUSTED)
        barred = self.client(front, forwarded_for=BARRED_ADDRESS)
        with self.assertRaises(Refused) as refused:
            await self.log_in(barred)
        self.assertIn("not-allowed", str(refused.exception))
        await barred.terminate()
        welcome = await self.log_in(self.client(front, forwarded_for="192.0.2.14"))
        await welcome.terminate()

    async def test_who_guesses_passwords_is_banned_alone(self) -> None:
        front = await self.front("typed", *TRUSTED)
        guesser = self.client(front, forwarded_for="192.0.2.66")
        name = await self.register(guesser)
        for _ in range(MAX_GUESSES):
            await self.guess(guesser, name)
        with self.assertRaises(Refused):
            await self.client(front, forwarded_for="192.0.2.66").create()
        banned = "Connection attempt from blacklisted IP 192.0.2.66"
        await self.log.printed(f"(?s){banned}.*{banned}")  # at the last guess, and after it

        neighbour = self.client(front, forwarded_for="192.0.2.67")
        await neighbour.create()
        await neighbour.login(name, PASSWORD)
        await neighbour.terminate()

    async def address(self, client: BoshClient) -> str:
        """Return from where ejabberd takes somebody to be connected."""
        users = await self.ejabberd.control("connected_users_info")
        [line] = [line for line in users.splitlines() if line.startswith(f"{client.jid}\t")]
        return line.split("\t")[2]

    async def guess(self, client: BoshClient, name: str) -> None:
        """Try a wrong password."""
        with self.assertRaises(Refused):
            await client.login(name, "a guess")

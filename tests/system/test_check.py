"""``twistd ecm --check`` with a real mod_ecm: what it says of the link."""

from pathlib import Path

from ecm.config.check import upstream
from ecm.link import connection
from ecm.net.reactor import global_reactor
from testkit.command_line import parse
from testkit.ecm_process import temporary_folder
from testkit.link_case import LinkTestCase


class CheckTests(LinkTestCase):
    def setUp(self) -> None:
        super().setUp()
        # What is said of a link must not depend on how busy the machine is.
        self.patch(upstream, "CHECK_TIMEOUT", 50)
        self.patch(connection, "HELLO_TIMEOUT", 40)

    async def check(self, listener: str, secret: Path | None = None) -> str:
        """Return the finding about a listener, behind its address."""
        endpoint = self.ejabberd.listeners.upstream(listener)
        more = [f"--link-secret-file={secret}"] if secret else []
        settings = parse(f"--upstream={endpoint}", *more).settings
        (found,) = await upstream.check(settings, global_reactor())
        return str(found).replace(f"{endpoint}: ", "")

    async def test_links_of_each_kind(self) -> None:
        for listener in ("typed", "auto", "tls", "unix"):
            self.assertEqual(await self.check(listener), "ok: ejabberd takes the link")
        right = self.ejabberd.listeners.secret_file
        self.assertEqual(await self.check("secret", right), "ok: ejabberd takes the link")

    async def test_a_link_leaves_nothing_behind(self) -> None:
        await self.check("typed")
        await self.log.printed("ECM link from 127.0.0.1:[0-9]+ is down")

    async def test_secrets(self) -> None:
        wrong = temporary_folder(self) / "secret"
        wrong.write_text("correct horse battery stapler")
        self.assertIn("the secret of ejabberd is another one", await self.check("secret", wrong))
        self.assertIn("ejabberd wants a secret, give it with", await self.check("secret"))
        self.assertIn("ejabberd has no secret: set", await self.check("typed", wrong))

    async def test_what_is_no_mod_ecm(self) -> None:
        self.assertTrue((await self.check("web")).startswith("error: no link: "))

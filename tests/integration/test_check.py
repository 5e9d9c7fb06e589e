"""``twistd ecm --check``: a line for each finding, and the exit status."""

import os
import signal
import sys

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ecm.config.check import upstream
from ecm.config.check.run import run
from ecm.net.reactor import global_reactor
from ecm.tools.ports import free_port
from testkit.certificates import make_certificate
from testkit.command_line import parse
from testkit.ecm_process import Ejabberd, start_ecm, temporary_folder

LISTEN = ("--listen", "tcp:0:interface=127.0.0.1")


class UpstreamTests(TestCase):
    async def check(self, *upstreams: str, mode: str = "typed") -> list[str]:
        arguments = [f"--upstream={each}" for each in upstreams]
        settings = parse(*arguments, f"--link-mode={mode}").settings
        found = await upstream.check(settings, global_reactor())
        return [str(each) for each in found]

    async def test_each_node_is_asked(self) -> None:
        first, second = await Ejabberd.start(self), await Ejabberd.start(self)
        nobody = f"tcp:127.0.0.1:{free_port()}"
        self.assertEqual(
            await self.check(first.endpoint, nobody, second.endpoint),
            [
                f"ok: {first.endpoint}: ejabberd takes the link",
                f"error: {nobody}: no link: Connection was refused by other side:"
                " 111: Connection refused.",
                f"ok: {second.endpoint}: ejabberd takes the link",
            ],
        )

    async def test_one_that_says_nothing(self) -> None:
        self.patch(upstream, "CHECK_TIMEOUT", 0.2)
        silent = await Ejabberd.start(self, reads=False)
        (said,) = await self.check(silent.endpoint)
        self.assertEqual(said, f"error: {silent.endpoint}: there is no link within 0.2 seconds")

    async def test_nobody_says_anything_on_a_plain_link(self) -> None:
        anybody = await Ejabberd.start(self, reads=False)
        (said,) = await self.check(anybody.endpoint, mode="plain")
        self.assertRegex(said, f"ok: {anybody.endpoint}: somebody listens; who, .*, is not known")

    async def test_a_name_without_nodes(self) -> None:
        (said,) = await self.check("dns:tcp:nosuch.invalid:1")
        self.assertEqual(
            said, "error: dns:tcp:nosuch.invalid:1: no address of nosuch.invalid is known"
        )


class CheckTests(TestCase):
    async def check(self, status: int, *arguments: str) -> list[str]:
        """Return the lines of the check; it ends with this status."""
        ecm = start_ecm(self, *LISTEN, *arguments)
        self.assertEqual(await ecm.ended, status, ecm.output)
        self.assertNotIn("Traceback", ecm.output)
        return ecm.output.splitlines()

    async def test_all_is_well(self) -> None:
        ejabberd = await Ejabberd.start(self)
        lines = await self.check(0, "--upstream", ejabberd.endpoint, "--check")
        self.assertEqual(lines[-1], f"ok: {ejabberd.endpoint}: ejabberd takes the link")
        self.assertEqual(lines[0], "ok: 2 options, and what they name, can be read")
        self.assertIn(" open files: enough for ", lines[1])
        self.assertIn("warning: the link has no secret", lines[2])

    async def test_without_ejabberd_only_offline(self) -> None:
        upstream = f"tcp:127.0.0.1:{free_port()}"
        lines = await self.check(1, "--check", "--upstream", upstream)
        self.assertIn(f"error: {upstream}: no link: Connection was refused", lines[-1])
        lines = await self.check(0, "--check-offline", "--upstream", upstream)
        self.assertEqual([each for each in lines if each.startswith("error")], [])

    async def test_one_that_is_interrupted_is_not_good(self) -> None:
        silent = await Ejabberd.start(self, reads=False)
        connected: Deferred[None] = Deferred()
        self.patch(silent, "connectionMade", lambda: connected.callback(None))
        ecm = start_ecm(self, *LISTEN, "--check", "--upstream", silent.endpoint)
        await connected
        ecm.signal(signal.SIGTERM)
        self.assertEqual(await ecm.ended, 1, ecm.output)
        self.assertIn("error: the check was interrupted", ecm.output)

    def test_a_reader_may_have_enough(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as stdout:
            self.patch(sys, "stdout", stdout)
            self.assertEqual(run(lambda: (parse(*LISTEN).settings, []), asks=False), 0)

    async def test_a_mistake_is_the_only_line(self) -> None:
        file = temporary_folder(self) / "ecm.toml"
        file.write_text("\nmax-body = 3\n")
        lines = await self.check(1, "--check", "--config", str(file))
        self.assertEqual(len(lines), 1)
        self.assertTrue(lines[0].startswith(f"error: {file}:2: --max-body 3: give a number"))

    async def test_a_certificate_and_a_secret_for_all_eyes(self) -> None:
        folder = temporary_folder(self)
        certificate = make_certificate(folder)
        secret = folder / "secret"
        secret.write_text("0123456789abcdef")
        secret.chmod(0o644)
        lines = await self.check(
            0,
            "--check-offline",
            f"--link-secret-file={secret}",
            f"--stream=ssl:0:privateKey={certificate.key}:certKey={certificate.certificate}",
        )
        self.assertRegex(
            "\n".join(lines), "warning: .*can get at the secret in .*, its mode is 0644"
        )
        self.assertRegex("\n".join(lines), "warning: ssl:.* for localhost expires on .* in 0 days")

    async def test_a_socket_of_systemd_need_not_be_there(self) -> None:
        """systemd gives it to ECM, and not to what it runs before (ExecStartPre)."""
        await self.check(0, "--check-offline", "--listen", "systemd:domain=INET6:index=0")

    async def test_the_options_in_force_are_a_file(self) -> None:
        lines = await self.check(0, "--print-config", "--max-body", "5000")
        self.assertIn("max-body = 5000  # flag", lines)

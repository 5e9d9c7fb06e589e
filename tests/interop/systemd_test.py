"""ECM as a service of a real systemd, which is process 1 of a machine in namespaces."""

import shutil
from pathlib import Path
from signal import SIGKILL, SIGSTOP

from twisted.internet import reactor
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.task import deferLater

from testkit.ecm_process import temporary_folder
from testkit.paths import CHECKOUT
from testkit.systemd_machine import Machine, twistd
from testkit.told_case import TestCase
from testkit.workers_case import Links

DEPLOY = CHECKOUT / "deploy"
SECRET = "the secret of the link, which mod_ecm has made"
FAST = "[Service]\nWatchdogSec=3\n"

# What an operator does, with the file of options where only the link is another one.
INSTALL = f"""
set -e
mkdir -p /opt/megaphone/bin /etc/ecm /var/lib/ejabberd
cp /srv/shared/twistd /opt/megaphone/bin
chmod 755 /opt/megaphone/bin/twistd
cp /srv/shared/ecm.toml /etc/ecm
echo '{SECRET}' >/var/lib/ejabberd/ecm-secret
chmod 600 /var/lib/ejabberd/ecm-secret
systemd-sysusers /srv/shared/sysusers.conf
systemctl daemon-reload
"""
POST = "curl -sS --max-time 30 -d '<body/>' http://{}:7080/bosh"


class ServiceTests(TestCase):
    timeout = 110

    async def boot(self) -> None:
        """Boot a machine on which ECM is installed; its upstream is here."""
        shared = temporary_folder(self)
        shared.chmod(0o755)
        units = shared / "units"
        (units / "ecm.service.d").mkdir(parents=True)
        for unit in ("ecm.service", "ecm.socket"):
            shutil.copy(DEPLOY / unit, units)
        (units / "ecm.service.d" / "fast.conf").write_text(FAST)
        shutil.copy(DEPLOY / "sysusers.conf", shared)
        (shared / "twistd").write_text(twistd())
        (shared / "ecm.toml").write_text(self.options())
        await self.listen(shared / "link")
        self.machine = await Machine.boot(self, shared)
        await self.machine.run(INSTALL)

    async def listen(self, path: Path) -> None:
        self.links = Links()
        self.links.answers = True
        port = await UNIXServerEndpoint(reactor, str(path)).listen(self.links)
        self.addCleanup(port.stopListening)
        path.chmod(0o777)

    def options(self) -> str:
        """Return ecm.toml, with a link that needs no secret."""
        text = (DEPLOY / "ecm.toml").read_text()
        for line, here in {
            'upstream = ["tcp:127.0.0.1:5290"]': 'upstream = ["unix:/srv/shared/link"]',
            'workers = "auto"': "workers = 2",
            'link-secret-file = "/run/credentials/ecm.service/link-secret"': "",
        }.items():
            self.assertIn(line, text)
            text = text.replace(line, here)
        return text

    async def shown(self, name: str) -> str:
        """Return a property of the service."""
        return await self.machine.run(f"systemctl show ecm.service -p {name} --value")

    async def answered(self) -> None:
        """Have a client served, over IPv6 and IPv4."""
        for address in ("[::1]", "127.0.0.1"):
            self.assertEqual(await self.machine.run(POST.format(address)), "<body/>")

    async def another_main_process(self, main: str) -> None:
        """Wait until systemd has started another ECM, and that is ready."""
        while await self.shown("MainPID") == main or await self.shown("SubState") != "running":
            await deferLater(reactor, 0.1)

    async def reloads(self, line: str, logged: str) -> None:
        """Reload ecm.toml with a line in it, until the log says what has come of it."""
        await self.machine.run(
            f'cp /srv/shared/ecm.toml /etc/ecm; echo "{line}" >>/etc/ecm/ecm.toml'
        )
        await self.machine.run("systemctl reload ecm.service")
        while logged not in await self.machine.run("journalctl -u ecm.service -o cat"):
            await deferLater(reactor, 0.1)
        while await self.shown("SubState") != "running":
            await deferLater(reactor, 0.1)
        await self.answered()

    async def test_it_starts_reloads_restarts_and_stops(self) -> None:
        await self.boot()
        await self.machine.run("systemctl start ecm.service")  # it returns when ECM is ready
        self.assertEqual(await self.shown("StatusText"), "0 connections, 2 of 2 links")
        await self.answered()
        main = await self.shown("MainPID")

        with self.subTest("reload"):
            await self.reloads("queue-timeout = 50", "generation 2 serves, 2 workers; changed:")
            await self.reloads("queue-timeout = 'soon'", "; nothing has changed")
            await self.machine.run("cp /srv/shared/ecm.toml /etc/ecm")
            self.assertEqual(await self.shown("MainPID"), main)

        with self.subTest("restart: who comes meanwhile waits"):
            await self.machine.run("systemctl restart --no-block ecm.service")
            await self.answered()
            await self.another_main_process(main)
            self.assertEqual(await self.shown("NRestarts"), "0")
            await self.answered()

        await self.machine.run("systemctl stop ecm.service")
        self.assertEqual(await self.shown("Result"), "success")
        self.assertEqual(await self.shown("ActiveState"), "inactive")
        self.assertEqual(await self.machine.run("systemctl is-active ecm.socket"), "active")

    async def test_one_that_hangs_is_killed_and_started_again(self) -> None:
        await self.boot()
        await self.machine.run("systemctl start ecm.service")
        main = await self.shown("MainPID")
        await self.machine.run(f"kill -{SIGSTOP:d} {main}")
        await self.another_main_process(main)
        self.assertEqual(await self.shown("NRestarts"), "1")
        await self.answered()
        log = await self.machine.run("journalctl -u ecm.service -o cat")
        self.assertIn("Watchdog timeout", log)

    async def test_one_whose_worker_is_killed_goes_on(self) -> None:
        await self.boot()
        await self.machine.run("systemctl start ecm.service")
        main = await self.shown("MainPID")
        await self.machine.run(f"kill -{SIGKILL:d} $(pgrep -x -f 'ecm: worker 1')")
        await deferLater(reactor, 1)
        self.assertEqual(await self.shown("MainPID"), main)
        self.assertEqual(await self.shown("NRestarts"), "0")
        await self.answered()

    async def test_its_files_are_as_they_should_be(self) -> None:
        await self.boot()
        await self.machine.run("systemctl start ecm.service")
        main = await self.shown("MainPID")
        socket = await self.machine.run("stat -c '%a %U %G' /run/ecm/admin.sock")
        self.assertEqual(socket, "660 ecm ecm")
        secret = await self.machine.run(
            f"nsenter -t {main} -m setpriv --reuid=ecm --regid=ecm --clear-groups"
            " cat /run/credentials/ecm.service/link-secret"
        )
        self.assertEqual(secret, SECRET)

    async def test_the_journal_has_priorities(self) -> None:
        await self.boot()
        await self.machine.run("systemctl start ecm.service")
        await self.machine.run("systemctl kill -s USR1 ecm.service")
        everything = await self.machine.run("journalctl -u ecm.service -o cat")
        self.assertIn("\nworker 1: serving as process ", everything)
        warnings = await self.machine.run("journalctl -u ecm.service -o cat -p warning")
        self.assertNotIn("serving as process", warnings)
        self.assertNotIn("<6>", everything)

    async def test_a_mistake_in_the_options_fails_the_start(self) -> None:
        await self.boot()
        await self.machine.run("echo 'max-bdy = 5000' >>/etc/ecm/ecm.toml")
        await self.machine.run("systemctl start ecm.service", status=1)
        log = await self.machine.run("journalctl -u ecm.service -o cat")
        self.assertIn("/etc/ecm/ecm.toml:", log)
        await self.machine.run("systemctl stop ecm.service")

"""Starts that cannot succeed: one line, and status 1."""

import os
import pwd
import socket
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import TestCase

from testkit.ecm_process import temporary_folder
from testkit.process import PIPES, script, start

LISTEN = ("--listen", "tcp:0:interface=127.0.0.1")

# Options of twistd, and how the line begins.
OF_TWISTD = {
    ("--pidfile=/no/such/pid",): (
        "twistd ecm: --pidfile /no/such/pid: there is no folder /no/such; give --pidfile= for none"
    ),
    ("--pidfile=/tmp",): "twistd ecm: --pidfile /tmp: it is a folder",
    (
        "--pidfile=",
        "--logfile=/no/log",
    ): "twistd ecm: --logfile /no/log: there is no folder /no; give",
    ("--pidfile=", "--rundir=/no"): "twistd ecm: --rundir /no: there is no such folder",
    ("--pidfile=", "--chroot=/no"): "twistd ecm: --chroot /no: there is no such folder",
}


class BadStartTests(TestCase):
    async def refused(self, *command: str) -> str:
        """Return the only line of a program that ends with status 1."""
        ecm = start(self, *command)
        self.assertEqual(await ecm.ended, 1, ecm.output)
        lines = [
            line
            for line in ecm.output.splitlines()
            if "[twisted." not in line and "[-]" not in line
        ]
        self.assertEqual(len(lines), 1, ecm.output)
        return lines[0]

    async def test_what_twistd_is_told(self) -> None:
        for options, expected in OF_TWISTD.items():
            line = await self.refused(script("twistd"), "-n", *options, "ecm", *LISTEN)
            self.assertTrue(line.startswith(expected), line)

    async def test_a_folder_that_may_not_be_written(self) -> None:
        if os.getuid() == 0:
            line = await self.refused(*self.as_nobody("-n", "ecm", *LISTEN))
            self.assertIn(
                "--pidfile twistd.pid: this user may not write in /; give --pidfile=", line
            )
            line = await self.refused(*self.as_nobody("-n", "--chroot=/tmp", "ecm", *LISTEN))
            self.assertIn("twistd ecm: --chroot /tmp: only root may; leave it out", line)

    async def test_a_user_that_ecm_cannot_become(self) -> None:
        twistd = ("-n", "--pidfile=", "ecm", *LISTEN, "--user")
        line = await self.refused(script("twistd"), *twistd, "nosuch")
        self.assertIn("twistd ecm: --user nosuch: there is no such user", line)
        file = temporary_folder(self) / "ecm.toml"
        file.write_text("workers = 1\nuser = 'nosuch'\n")
        line = await self.refused(script("twistd"), *twistd[:-1], "--config", str(file))
        self.assertIn("ecm.toml:2: ", line)
        self.assertIn("there is no such user", line)
        if os.getuid() == 0:
            line = await self.refused(*self.as_nobody(*twistd, "root"))
            self.assertIn("--user root: only root may become another user", line)

    async def test_files_that_this_user_may_not_see(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("root makes what others may not see")
        hidden = temporary_folder(self)  # of root, mode 700
        for options, expected in (
            (("--www", f"{hidden}/www"), f"--www {hidden}/www: Permission denied"),
            (("--config", f"{hidden}/a.toml"), f"{hidden}/a.toml: Permission denied"),
            (("--link-secret-file", f"{hidden}/a"), f"{hidden}/a: Permission denied"),
            (("--listen", f"unix:{hidden}/below/a"), f"there is no folder {hidden}/below"),
        ):
            twistd = ("-n", "--pidfile=", "ecm", *LISTEN, *options)
            self.assertIn(expected, await self.refused(*self.as_nobody(*twistd)))
        for option in ("--listen", "--admin", "--stream"):
            plain = "plain:" if option == "--stream" else ""
            said = f"error: {plain}unix:{hidden}/a:backlog=4096: this user may not make a socket"
            endpoint = f"{plain}unix:{hidden}/a"
            check = ("-n", "--pidfile=", "ecm", option, endpoint, "--check-offline")
            ecm = start(self, *self.as_nobody(*check))
            self.assertEqual(await ecm.ended, 1, ecm.output)
            self.assertIn(f"{said} in {hidden}\n", ecm.output)

    async def test_the_user_that_ecm_becomes_makes_the_socket_of_operators(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root may become another user")
        folder = temporary_folder(self)
        folder.chmod(0o755)
        admin = ("--admin", f"unix:{folder}/a", "--user", "nobody", *LISTEN)
        twistd = (script("twistd"), "-n", "--pidfile=", "ecm", *admin)
        line = await self.refused(*twistd)
        self.assertRegex(line, "--admin unix:.*: the user that ECM is may not write in its folder")
        check = start(self, *twistd, "--check-offline")
        self.assertEqual(await check.ended, 1, check.output)
        self.assertRegex(check.output, f"error: unix:.*: the user nobody may not .* in {folder}\n")
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        check = start(self, *twistd, "--check-offline")
        self.assertEqual(await check.ended, 0, check.output)

    def as_nobody(self, *arguments: str) -> tuple[str, ...]:
        twistd = ("cd /; exec setpriv --reuid=65534 --clear-groups --regid=65534 " + '"$@"', "sh")
        return ("/bin/sh", "-c", *twistd, script("twistd"), *arguments)

    async def test_hardly_any_open_files(self) -> None:
        for workers in ("1", "2"):
            twistd = (script("twistd"), "-n", "--pidfile=", "ecm", "--workers", workers, *LISTEN)
            line = await self.refused("/bin/sh", "-c", 'ulimit -n 100; exec "$@"', "sh", *twistd)
            self.assertIn("twistd ecm: 100 open files are too few: ECM keeps 128 for its", line)

    async def test_a_socket_that_may_not_be_made(self) -> None:
        path = temporary_folder(self) / "socket"
        Path(f"{path}.lock").mkdir()
        twistd = (script("twistd"), "-n", "--pidfile=", "ecm", "--listen", f"unix:{path}")
        line = await self.refused(*twistd)
        self.assertIn(f"twistd ecm: cannot listen on unix:{path}", line)

    async def test_a_socket_of_systemd_of_another_domain(self) -> None:
        for family, domain, right in (
            (socket.AF_INET, "UNIX", "INET6"),
            (socket.AF_UNIX, "INET", "UNIX"),
        ):
            with socket.socket(family) as handed_over:
                ecm = start(
                    self,
                    *("/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", script("twistd")),
                    *("-n", "--pidfile=", "ecm", "--listen", f"systemd:domain={domain}:index=0"),
                    environment={"LISTEN_FDS": "1", "LISTEN_FDNAMES": "ecm.socket"},
                    files={**PIPES, 3: handed_over.fileno()},
                )
            self.assertEqual(await ecm.ended, 1, ecm.output)
            said = f"this socket of systemd is another one, give domain={right}"
            self.assertIn(said, ecm.output)

    async def test_a_busy_socket(self) -> None:
        path = str(temporary_folder(self) / "socket")
        with socket.socket(socket.AF_UNIX) as busy:
            busy.bind(path)
            line = await self.refused(
                script("twistd"), "-n", "--pidfile=", "ecm", "--listen", f"unix:{path}"
            )
        self.assertIn("Address already in use", line)

"""A link over a UNIX socket: who may connect is what socket_mode and socket_group say."""

import os
import subprocess
import sys
from unittest import SkipTest

from testkit.link_case import LinkTestCase

CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
OTHER = ("--reuid=65534", "--regid=65534")  # Debian's nobody and nogroup
GROUP = 1  # daemon


class SocketRightsTests(LinkTestCase):
    def setUp(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root can try to connect as somebody else")
        super().setUp()

    async def test_one_that_nobody_has_said_anything_of_is_for_the_group(self) -> None:
        await self.linked("unix")
        self.assertEqual(self.rights("unix"), (0o660, os.getgid()))
        self.assertFalse(self.connects("unix", "--clear-groups"))
        self.assertTrue(self.connects("unix", f"--groups={os.getgid()}"))

    async def test_the_group_may_be_another_one(self) -> None:
        await self.linked("unix-group")
        self.assertEqual(self.rights("unix-group"), (0o660, GROUP))
        self.assertFalse(self.connects("unix-group", "--clear-groups"))
        self.assertTrue(self.connects("unix-group", f"--groups={GROUP}"))

    async def test_it_may_be_for_all(self) -> None:
        await self.linked("unix-open")
        self.assertTrue(self.connects("unix-open", "--clear-groups"))

    async def linked(self, listener: str) -> None:
        """Wait until mod_ecm listens: it says who may connect before it accepts connections."""
        front = await self.front(listener)
        await front.process.printed("link up: typed")

    def rights(self, listener: str) -> tuple[int, int]:
        status = os.stat(self.path(listener))
        return status.st_mode & 0o777, status.st_gid

    def connects(self, listener: str, groups: str) -> bool:
        """Return whether a user in these groups, neither root nor ejabberd, can connect."""
        command = ["setpriv", *OTHER, groups, sys.executable, "-S", "-c", CONNECT]
        run = subprocess.run([*command, self.path(listener)], stderr=subprocess.PIPE, check=False)
        self.assertIn(run.returncode, (0, 1), run.stderr)
        if run.returncode:
            self.assertIn(b"PermissionError", run.stderr)
        return run.returncode == 0

    def path(self, listener: str) -> str:
        return self.ejabberd.listeners.upstream(listener).removeprefix("unix:")

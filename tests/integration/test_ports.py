"""Ports that stay open, with the options that their endpoints have later."""

import os
import socket
import stat

from twisted.trial.unittest import TestCase

from ecm.net.reactor import global_reactor
from ecm.workers.ports import Ports
from testkit.command_line import parse
from testkit.ecm_process import temporary_folder


class OpenPortTests(TestCase):
    def setUp(self) -> None:
        self.path = temporary_folder(self) / "socket"
        self.ports = Ports(lambda *_: False, global_reactor())
        self.ports.open(parse("--listen", self.endpoint("mode=666")).settings)
        self.addCleanup(self.ports.close)

    def endpoint(self, *options: str) -> str:
        return ":".join(["unix", str(self.path), *options])

    def adapt(self, *options: str) -> list[str]:
        return self.ports.adapt([self.endpoint(*options)])

    @property
    def mode(self) -> int:
        return stat.S_IMODE(self.path.stat().st_mode)

    def test_its_file_gets_other_rights(self) -> None:
        self.assertEqual(self.mode, 0o666)
        self.assertEqual(self.adapt("mode=600"), [])
        self.assertEqual(self.mode, 0o600)
        self.assertEqual(self.adapt(), [])
        self.assertEqual(self.mode, 0o666)

    def test_so_many_may_wait_as_it_says_now(self) -> None:
        def waiting() -> int:
            """Connect until no more may wait; return how many do, from now on."""
            found = 0
            while True:
                client = socket.socket(socket.AF_UNIX)
                self.addCleanup(client.close)
                client.setblocking(False)
                try:
                    client.connect(str(self.path))
                except BlockingIOError:
                    return found
                found += 1

        self.assertEqual(self.adapt("backlog=3"), [])
        self.assertEqual(waiting(), 4)  # the kernel takes one more
        self.assertEqual(self.adapt("backlog=5"), [])
        self.assertEqual(waiting(), 2)

    def test_what_cannot_be_changed_needs_a_restart_and_is_said_until_then(self) -> None:
        for _ in range(2):
            [line] = self.adapt("lockfile=0")
            self.assertIn("socket:lockfile=0: lockfile=0 needs a restart of ECM: ", line)
        self.assertEqual(self.adapt("lockfile=1"), [])
        os.rename(self.path, f"{self.path}.gone")
        [line] = self.adapt("mode=600")
        self.assertIn("mode=600 needs a restart of ECM: No such file or directory", line)
        os.rename(f"{self.path}.gone", self.path)

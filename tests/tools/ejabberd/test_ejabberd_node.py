"""What the private ejabberd is given."""

import os
import stat
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools.demo.folder import work_folder
from ecm.tools.demo.plan import Plan
from ecm.tools.ejabberd import node
from ecm.tools.ejabberd.config import ejabberd_yml
from ecm.tools.ejabberd.installation import Debian

_USERS = {"alice": 'se"cr\\et', "bob": "x"}


class ConfigTest(TestCase):
    def test_listens_for_the_link_on_loopback_and_for_nothing_else(self) -> None:
        text = ejabberd_yml(link_port=25290)
        listeners = text.partition("listen:\n")[2].partition("\n\n")[0]
        self.assertEqual(
            listeners,
            "  -\n    ip: 127.0.0.1\n    port: 25290\n    module: mod_ecm\n"
            "    secret_file: link.secret\n"
            "    max_newcomers: unlimited\n    newcomer_rate: unlimited",
        )

    def test_keeps_to_this_machine_and_bans_nobody(self) -> None:
        text = ejabberd_yml(link_port=25290)
        self.assertIn("s2s_access: none\n", text)
        self.assertNotIn("mod_fail2ban", text)


class PrepareTest(TestCase):
    def setUp(self) -> None:
        path = Path(self.enterContext(TemporaryDirectory()), "it's a folder")
        self.folder = self.enterContext(work_folder(path))
        self.plan = Plan(self.folder, 25280, 25290, 25369, _USERS)
        self.debian = Debian(erlang_libraries=Path("/lib/erlang"), strophe=Path("/strophe.js"))

    def test_settings_of_other_nodes_are_left_out(self) -> None:
        self.patch(os, "environ", {"ERL_FLAGS": "-x", "EJABBERD_PID_PATH": "/", "A": "b"})
        environment = node.prepare(self.plan, self.debian).environment
        self.assertNotIn("ERL_FLAGS", environment)
        self.assertNotIn("EJABBERD_PID_PATH", environment)
        self.assertEqual(environment["A"], "b")
        self.assertEqual(environment["HOME"], str(self.folder.ejabberd))

    def test_no_path_of_the_user_is_in_the_command(self) -> None:
        self.assertNotIn(
            str(self.folder.path), " ".join(node.prepare(self.plan, self.debian).command)
        )

    def test_names_and_passwords_cannot_become_code(self) -> None:
        command = node.prepare(self.plan, self.debian).command
        self.assertNotIn("97,108,105,99,101", " ".join(command))
        self.assertEqual(
            (self.folder.ejabberd / "accounts").read_text(),
            "{<<97,108,105,99,101>>, <<115,101,34,99,114,92,101,116>>}.\n"
            "{<<98,111,98>>, <<120>>}.\n",
        )

    def test_cookie_and_secret_stay(self) -> None:
        node.prepare(self.plan, self.debian)
        kept = [self.folder.ejabberd / ".erlang.cookie", self.folder.link_secret]
        first = [path.read_text() for path in kept]
        self.assertEqual(list(map(len, first)), [32, 64])
        node.prepare(self.plan, self.debian)
        self.assertEqual([path.read_text() for path in kept], first)

    def test_all_that_is_written_is_the_owners_alone(self) -> None:
        old = self.folder.ejabberd / "ejabberd.yml"
        old.write_text("of an earlier demo")
        old.chmod(0o644)
        node.prepare(self.plan, self.debian)
        for path in self.folder.ejabberd.iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)
        self.assertEqual(stat.S_IMODE(self.folder.ejabberdctl.stat().st_mode), 0o700)

    def test_ready_once_it_has_written_its_process_id(self) -> None:
        ready = node.prepare(self.plan, self.debian).ready
        self.assertFalse(ready(12))
        (self.folder.ejabberd / "started").write_text("12")
        self.assertTrue(ready(12))
        self.assertFalse(ready(13), "that was said by an earlier process")

    def test_ejabberdctl_is_a_script_for_any_shell(self) -> None:
        node.prepare(self.plan, self.debian)
        subprocess.run(["sh", "-n", self.folder.ejabberdctl], check=True)
        self.assertTrue(self.folder.ejabberdctl.stat().st_mode & stat.S_IXUSR)

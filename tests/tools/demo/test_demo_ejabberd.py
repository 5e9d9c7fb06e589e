"""The files and options of the private ejabberd."""

import os
import stat
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools.demo import ejabberd
from ecm.tools.demo.configuration import demo_configuration
from ecm.tools.demo.folder import work_folder
from ecm.tools.demo.plan import Plan
from ecm.tools.ejabberd.installation import Installation

_USERS = {"alice": 'se"cr\\et', "bob": "x"}


class ConfigurationTest(TestCase):
    def test_listens_for_the_link_on_loopback_and_for_nothing_else(self) -> None:
        expected = {
            "module": "mod_ecm",
            "ip": "127.0.0.1",
            "port": 25290,
            "secret_file": "link.secret",
            "max_newcomers": "unlimited",
            "newcomer_rate": "unlimited",
        }
        self.assertEqual(demo_configuration(link_port=25290)["listen"], [expected])

    def test_keeps_to_this_machine_and_bans_nobody(self) -> None:
        configuration = demo_configuration(link_port=25290)
        self.assertEqual(configuration["s2s_access"], "none")
        self.assertNotIn("mod_fail2ban", configuration["modules"])


class PrepareTest(TestCase):
    def setUp(self) -> None:
        path = Path(self.enterContext(TemporaryDirectory()), "it's a folder")
        self.folder = self.enterContext(work_folder(path))
        self.plan = Plan(self.folder, 25280, 25222, 25290, 25369, _USERS)
        self.installation = Installation("erl", "erlc", Path("/lib/erlang"), "23.01")

    def test_settings_of_other_nodes_are_left_out(self) -> None:
        self.patch(os, "environ", {"ERL_FLAGS": "-x", "EJABBERD_PID_PATH": "/", "A": "b"})
        environment = ejabberd.prepare(self.plan, self.installation).environment
        self.assertNotIn("ERL_FLAGS", environment)
        self.assertNotIn("EJABBERD_PID_PATH", environment)
        self.assertEqual(environment["A"], "b")
        self.assertEqual(environment["HOME"], str(self.folder.ejabberd))

    def test_no_path_of_the_user_is_in_the_command(self) -> None:
        self.assertNotIn(
            str(self.folder.path), " ".join(ejabberd.prepare(self.plan, self.installation).command)
        )

    def test_names_and_passwords_cannot_become_code(self) -> None:
        command = ejabberd.prepare(self.plan, self.installation).command
        self.assertNotIn("97,108,105,99,101", " ".join(command))
        host = "<<108,111,99,97,108,104,111,115,116>>"
        self.assertEqual(
            (self.folder.ejabberd / "accounts").read_text(),
            f"{{<<97,108,105,99,101>>, {host}, <<115,101,34,99,114,92,101,116>>}}.\n"
            f"{{<<98,111,98>>, {host}, <<120>>}}.\n",
        )

    def test_cookie_and_secret_stay(self) -> None:
        ejabberd.prepare(self.plan, self.installation)
        kept = [self.folder.ejabberd / ".erlang.cookie", self.folder.link_secret]
        first = [path.read_text() for path in kept]
        self.assertEqual(list(map(len, first)), [32, 64])
        ejabberd.prepare(self.plan, self.installation)
        self.assertEqual([path.read_text() for path in kept], first)

    def test_all_that_is_written_is_the_owners_alone(self) -> None:
        old = self.folder.ejabberd / "ejabberd.yml"
        old.write_text("of an earlier demo")
        old.chmod(0o644)
        ejabberd.prepare(self.plan, self.installation)
        for path in self.folder.ejabberd.iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)
        self.assertEqual(stat.S_IMODE(self.folder.ejabberdctl.stat().st_mode), 0o700)

    def test_ready_once_it_has_written_its_process_id(self) -> None:
        ready = ejabberd.prepare(self.plan, self.installation).ready
        self.assertFalse(ready(12))
        (self.folder.ejabberd / "started").write_text("12")
        self.assertTrue(ready(12))
        self.assertFalse(ready(13), "that was said by an earlier process")

    def test_ejabberdctl_is_a_script_for_any_shell(self) -> None:
        ejabberd.prepare(self.plan, self.installation)
        subprocess.run(["sh", "-n", self.folder.ejabberdctl], check=True)
        self.assertTrue(self.folder.ejabberdctl.stat().st_mode & stat.S_IXUSR)

"""The servers that ``make conformance PEER=...`` starts, which need nothing but Python."""

import json
import subprocess
import sys

from twisted.trial.unittest import TestCase

from testkit.paths import CHECKOUT

# Prints the file that it is told of, and ends with a status of its own.
_COMMAND = "import sys; print(open(sys.argv[2]).read()); sys.exit(7)"


class ServersTests(TestCase):
    timeout = 60

    def run_servers(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run them without what a virtual environment has."""
        command = [sys.executable, "-S", "-m", "testkit.servers", *arguments]
        return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)

    def test_a_command_gets_a_list_of_them(self) -> None:
        done = self.run_servers("prosody", "--", sys.executable, "-c", _COMMAND)
        self.assertEqual(done.returncode, 7, done.stderr)
        [server] = json.loads(done.stdout)
        self.assertRegex(server.pop("title"), r"Prosody [0-9.]+")
        self.assertRegex(server.pop("url"), r"http://127\.0\.0\.1:[0-9]+/http-bind")
        self.assertEqual(server, {"domain": "localhost", "users": "alice:secret,bob:secret"})

    def test_others_are_refused(self) -> None:
        for words in ([], ["prosody"], ["jabberd14", "--", "true"]):
            done = self.run_servers(*words)
            self.assertEqual(done.returncode, 1)
            self.assertTrue(done.stderr.startswith("usage: python -m testkit.servers ejabberd|"))

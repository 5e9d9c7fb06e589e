"""mod_ecm, the Erlang side: its sources compile without a warning, and its EUnit tests pass."""

import re
import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from ecm.tools.ejabberd import installation
from testkit.paths import CHECKOUT, VECTORS

MOD_ECM = CHECKOUT / "erlang_stub" / "mod_ecm"

# Passes on how EUnit ended.
RUN = "halt(case ecm_patience:test([{modules}]) of ok -> 0; _ -> 1 end)."

# What needs a runtime of its own: one that has no room for another process.
FULL = ("-noinput", "+P", "1024", "-run", "ecm_c2s_logins_tests", "in_a_full_runtime")


class EUnitTests(TestCase):
    """``erlc`` and EUnit accept ``erlang_stub/mod_ecm``."""

    def setUp(self) -> None:
        self.installed = installation.find()
        self.environment = self.installed.environment() | {"ECM_VECTORS": str(VECTORS)}
        folder = tempfile.TemporaryDirectory(prefix="mod_ecm-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_here(self, *command: str) -> str:
        """Run ``command`` in the temporary folder, and return its output."""
        run = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="backslashreplace",
        )
        if run.returncode != 0:
            self.fail(f"{command[0]} failed:\n{run.stdout}")
        return run.stdout

    def test_all_tests_pass(self) -> None:
        sources = sorted(str(source) for source in MOD_ECM.glob("*/*.erl"))
        self.run_here(self.installed.erlc, "+warnings_as_errors", "+debug_info", *sources)
        modules = sorted(source.stem for source in (MOD_ECM / "test").glob("*_tests.erl"))
        run = RUN.format(modules=", ".join(modules))
        output = self.run_here(self.installed.erl, "-noinput", "-eval", run)
        passed = re.search(r"^  All ([0-9]+) tests passed\.$", output, re.MULTILINE)
        if passed is None or int(passed[1]) == 0:
            self.fail(f"no test ran:\n{output}")
        self.assertEqual(self.run_here(self.installed.erl, *FULL), "refused")

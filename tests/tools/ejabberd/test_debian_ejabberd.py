"""tools/debian-ejabberd and tools/debian-prosody without a network: their errors, and the files
that they leave alone.

.ci/run lets the first fetch.
"""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools.ports import free_port
from testkit.paths import CHECKOUT


class DebianEjabberdTest(TestCase):
    tool, version = "debian-ejabberd", "24.12"

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()), "it's a folder")
        self.mirror = f"file:{self.folder.parent}/nothing/debian"

    def run_it(self, *words: str | Path, **environment: str) -> tuple[int, str]:
        done = subprocess.run(
            [CHECKOUT / "tools" / self.tool, *words],
            env={"PATH": "/usr/bin:/bin"} | environment,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.stdout, "")
        return done.returncode, done.stderr

    def refusal(self, *words: str | Path, **environment: str) -> str:
        status, said = self.run_it(*words, **environment)
        self.assertEqual(status, 1)
        last: str = said.splitlines()[-1]
        self.assertTrue(last.startswith(f"{self.tool}: "), said)
        return last

    def test_usage(self) -> None:
        for words in [], [self.version], [self.version, self.folder, self.mirror, "more"]:
            self.assertIn("usage: ", self.refusal(*words))
        self.assertFalse(self.folder.exists())

    def test_a_folder_with_other_files_is_not_touched(self) -> None:
        self.folder.mkdir()
        (self.folder / "letter").write_text("dear")
        self.assertIn("other files", self.refusal(self.version, self.folder, self.mirror))
        self.assertEqual([path.name for path in self.folder.iterdir()], ["letter"])

    def test_no_folder_can_be_made(self) -> None:
        self.assertIn("cannot make", self.refusal(self.version, "/proc/folder", self.mirror))

    def test_no_mirror_answers(self) -> None:
        mirror = f"http://127.0.0.1:{free_port()}/debian"  # where nobody listens
        said = self.refusal(self.version, self.folder, mirror)
        self.assertIn("is there a network?", said)
        self.assertIn(mirror, said)
        self.assertIn("127.0.0.1", (self.folder / "log").read_text())

    def test_a_folder_that_was_interrupted_is_taken_up(self) -> None:
        self.refusal(self.version, self.folder, self.mirror)
        (self.folder / "bin").mkdir()
        self.assertIn("is in", self.refusal(self.version, self.folder, self.mirror))
        self.assertFalse((self.folder / "bin").exists())

    def test_no_apt(self) -> None:
        programs = self.folder.parent / "programs"
        programs.mkdir()
        (programs / "sh").symlink_to("/bin/sh")
        said = self.refusal(self.version, self.folder, PATH=str(programs))
        self.assertIn("needs apt-get", said)

    def test_a_complete_folder_is_left_as_it_is(self) -> None:
        self.folder.mkdir()
        complete = self.folder / "complete"
        complete.write_text(f"{self.version} 27 {self.folder}\n")
        self.assertEqual(self.run_it(self.version, self.folder, self.mirror), (0, ""))
        self.assertEqual(list(self.folder.iterdir()), [complete])

    def test_a_folder_that_was_moved_is_made_again(self) -> None:
        self.folder.mkdir()
        (self.folder / "complete").write_text(f"{self.version} 27 /elsewhere\n")
        self.refusal(self.version, self.folder, self.mirror)
        self.assertFalse((self.folder / "complete").exists())


class DebianProsodyTest(DebianEjabberdTest):
    tool, version = "debian-prosody", "13.0.1"

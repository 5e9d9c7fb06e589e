"""Files of the demo that are their owner's alone."""

import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools import private


class PrivateTest(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))
        self.path = self.folder / "file"

    def assert_written(self, text: str) -> None:
        self.assertEqual(self.path.read_text(), text)
        self.assertEqual(stat.S_IMODE(self.path.lstat().st_mode), 0o600)
        self.assertEqual(list(self.folder.iterdir()), [self.path])

    def test_is_the_owners_alone_whatever_was_there(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        private.write(self.path, "first")
        self.assert_written("first")
        self.path.chmod(0o644)
        private.write(self.path, "second")
        self.assert_written("second")

    def test_a_link_is_replaced(self) -> None:
        with TemporaryDirectory() as elsewhere:
            other = Path(elsewhere, "other")
            other.write_text("of somebody else")
            self.path.symlink_to(other)
            self.path.with_name(f".file.{os.getpid()}").symlink_to(other)
            private.write(self.path, "text")
            self.assertEqual(other.read_text(), "of somebody else")
        self.assert_written("text")

    def test_once(self) -> None:
        private.write_once(self.path, "first")
        private.write_once(self.path, "second")
        self.assert_written("first")

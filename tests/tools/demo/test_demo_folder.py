"""The demo's folder: temporary or kept, and locked."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools.demo.folder import work_folder
from ecm.tools.errors import ProcessFailed, ToolError


class TemporaryFolderTest(TestCase):
    def test_is_removed_with_all_in_it(self) -> None:
        with work_folder(None) as folder:
            (folder.logs / "ecm.log").write_text("a line")
        self.assertFalse(folder.path.exists())

    def test_is_removed_when_the_user_stops_the_demo(self) -> None:
        with self.assertRaises(KeyboardInterrupt), work_folder(None) as folder:
            raise KeyboardInterrupt
        self.assertFalse(folder.path.exists())

    def test_stays_when_its_logs_tell_why_a_child_failed(self) -> None:
        with self.assertRaises(ProcessFailed), work_folder(None) as folder:
            self.addCleanup(shutil.rmtree, folder.path)
            raise ProcessFailed("ECM exited with status 1")
        self.assertTrue(folder.logs.exists())


class KeptFolderTest(TestCase):
    def setUp(self) -> None:
        self.path = Path(self.enterContext(TemporaryDirectory()), "some", "demo")

    def test_is_made_and_stays(self) -> None:
        with work_folder(self.path) as folder:
            (folder.ejabberd / "database").mkdir()
        with work_folder(self.path) as folder:
            self.assertTrue((folder.ejabberd / "database").exists())

    def test_belongs_to_one_demo_at_a_time(self) -> None:
        with (
            work_folder(self.path),
            self.assertRaisesRegex(ToolError, "in use"),
            work_folder(self.path),
        ):
            self.fail("a second demo got the folder")

    def test_where_no_folder_can_be(self) -> None:
        self.path.parent.parent.joinpath("file").write_text("")
        with self.assertRaises(OSError), work_folder(self.path.parent.parent / "file" / "demo"):
            self.fail("a file became a folder")

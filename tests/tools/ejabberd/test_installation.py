"""Finding an installation of ejabberd; what is in the folders here is not run."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools.ejabberd import installation
from ecm.tools.errors import ToolError
from testkit.paths import CHECKOUT


def made(folder: Path, version: str, programs: tuple[str, ...] = ("erl", "erlc")) -> Path:
    """Make what is looked at in an installation. Returns its folder."""
    application = folder / "lib" / f"ejabberd-{version}" / "ebin" / "ejabberd.app"
    application.parent.mkdir(parents=True)
    application.write_text(f'{{application, ejabberd,\n [{{vsn,"{version}"}}]}}.\n')
    for program in programs:
        path = folder / "bin" / program
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return folder


class FindTest(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()), "it's a folder")
        self.patch(os, "environ", os.environ | {installation.FOLDER: ""})

    def test_in_a_folder(self) -> None:
        found = installation.find(made(self.folder, "24.12-3+deb13u2"))
        self.assertEqual(found.erl, str(self.folder / "bin" / "erl"))
        self.assertEqual(found.erlc, str(self.folder / "bin" / "erlc"))
        self.assertEqual(found.libraries, self.folder / "lib")
        self.assertEqual(found.version, "24.12")

    def test_its_modules(self) -> None:
        found = installation.find(made(self.folder, "26.07"))
        for name in ("mod_muc.beam", "mod_muc_opt.beam", "ejabberd_c2s.beam", "mod_x.txt"):
            (found.libraries / "ejabberd-26.07" / "ebin" / name).touch()
        self.assertEqual(found.modules(), {"mod_muc", "mod_muc_opt"})

    def test_the_environment_chooses(self) -> None:
        os.environ[installation.FOLDER] = str(made(self.folder, "26.07"))
        self.assertEqual(installation.find().version, "26.07")

    def test_the_command_line_comes_before_the_environment(self) -> None:
        os.environ[installation.FOLDER] = "/nowhere"
        self.assertEqual(installation.find(made(self.folder, "26.07")).version, "26.07")

    def test_that_of_the_system_otherwise(self) -> None:
        found = installation.find()
        self.assertTrue(os.access(found.erl, os.X_OK))
        self.assertTrue((found.libraries / f"ejabberd-{found.version}").is_dir())

    def test_a_path_does_not_depend_on_where_a_child_runs(self) -> None:
        made(self.folder, "26.07")
        found = installation.find(Path(os.path.relpath(self.folder)))
        self.assertTrue(found.libraries.is_absolute())
        self.assertTrue(os.path.isabs(found.erl))

    def test_no_ejabberd_in_the_folder(self) -> None:
        for programs in ("erl",), ("erlc",):
            folder = made(self.folder / programs[0], "24.12", programs)
            self.assertRaisesRegex(ToolError, "tools/debian-ejabberd", installation.find, folder)
        nothing = self.folder / "nothing"
        self.assertRaisesRegex(ToolError, f"{nothing}: make", installation.find, nothing)

    def test_no_version(self) -> None:
        made(self.folder, "of a fork")
        self.assertRaisesRegex(ToolError, "does not say which", installation.find, self.folder)

    def test_its_erlang_finds_its_libraries(self) -> None:
        found = installation.find(made(self.folder, "24.12"))
        self.assertEqual(found.environment()["ERL_LIBS"], str(self.folder / "lib"))


class CommandsTest(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()), "it's a folder")

    def asked(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ecm.tools.ejabberd.installation"],
            env=os.environ | {installation.FOLDER: str(self.folder)},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
        )

    def test_a_shell_finds_it(self) -> None:
        made(self.folder, "24.12")
        script = f'{self.asked().stdout}command -v erl; echo "$ERL_LIBS"'
        said = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True)
        self.assertEqual(said.stdout, f"{self.folder}/bin/erl\n{self.folder}/lib\n")

    def test_there_is_none(self) -> None:
        done = self.asked()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Athere is no ejabberd in [^\n]+\n\Z")

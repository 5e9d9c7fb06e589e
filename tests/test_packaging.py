"""The archives: what is in them, and whether they run where nothing else of the project is."""

import functools
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm import __version__
from testkit.paths import CHECKOUT

_ERLANG = Path("erlang_stub/mod_ecm")
_PAGE = Path("ecm/tools/demo/page")
_NAME = f"megaphone_ecm-{__version__}"
_SHARE = f"{_NAME}.data/data/share/megaphone/mod_ecm"

# Neither copied from the checkout …
_LEFT_OUT = (".git", ".venv", "build", "dist", "*.egg-info", "_trial_temp*", ".*_cache")
# … nor allowed into an archive, though it lies there as if left by earlier builds and tests.
_RUBBISH = ("build/lib/ecm/old.py", "ecm/__pycache__/old.pyc", str(_ERLANG / "ebin/old.beam"))


def _run(*command: str | Path, cwd: Path) -> str:
    """Run a command and return its output. Raises AssertionError, with the output, if it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with status {done.returncode}:\n{done.stdout}")
    return done.stdout


class Archives:
    """The sdist, built from a copy of the checkout, and the wheel, built from that sdist.

    They are built with the setuptools at hand: an isolated build would download it for each.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        source = folder / "source"
        shutil.copytree(CHECKOUT, source, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        for name in _RUBBISH:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).touch()
        _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, cwd=source)
        self.sdist = folder / f"{_NAME}.tar.gz"
        self.wheel = folder / f"{_NAME}-py3-none-any.whl"

    def in_sdist(self) -> set[str]:
        with tarfile.open(self.sdist) as archive:
            return {name.removeprefix(f"{_NAME}/") for name in archive.getnames()}

    def in_wheel(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())


# Once for all tests; the folder goes with the Python process.
_archives = functools.cache(Archives)


class Environment:
    """A virtual environment that has Megaphone from an archive, and nothing from the checkout.

    What Megaphone needs is not downloaded once more, but linked from the Python that runs the
    tests. That one's own, editable installation of Megaphone is left out: it would find in the
    checkout what the archive lacks.
    """

    def __init__(self, path: Path, archive: Path) -> None:
        self._bin = path / "bin"
        self._outside = path / "outside"
        venv.create(path)
        self._outside.mkdir()
        self._borrow_packages(path / "borrowed", next(path.glob("lib/python*/site-packages")))
        self._borrow_twistd()
        pip = (sys.executable, "-m", "pip", "--python", self._bin / "python")
        options = ("--no-deps", "--no-index", "--no-build-isolation")
        _run(*pip, "install", *options, archive, cwd=self._outside)

    def _borrow_packages(self, borrowed: Path, own_packages: Path) -> None:
        borrowed.mkdir()
        for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            for package in Path(folder).iterdir():
                if not package.name.startswith(("megaphone_ecm", "__editable__")):
                    (borrowed / package.name).symlink_to(package)
        (own_packages / "borrowed.pth").write_text(f"{borrowed}\n")

    def _borrow_twistd(self) -> None:
        twistd = self._bin / "twistd"
        twistd.write_text(f"#!{self._bin}/python\nfrom twisted.scripts.twistd import run\nrun()\n")
        twistd.chmod(0o755)

    def run(self, program: str, *arguments: str) -> str:
        """Run one of its programs, outside of the checkout."""
        return _run(self._bin / program, *arguments, cwd=self._outside)

    def run_demo(self) -> str:
        """Start ecm-demo and, once all is up, stop it. What it printed until then."""
        with subprocess.Popen(
            [self._bin / "ecm-demo", "--http", "0", "--xmpp", "0"],
            cwd=self._outside,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as demo:
            assert demo.stdout is not None
            printed = ""
            while "Ctrl-C stops" not in printed and (line := demo.stdout.readline()):
                printed += line
            demo.send_signal(signal.SIGTERM)
        return printed


class ContentTest(TestCase):
    def test_wheel_has_the_plugin_and_the_page(self) -> None:
        page = {f"{_PAGE}/{file.name}" for file in (CHECKOUT / _PAGE).iterdir()}
        self.assertLess(page | {"twisted/plugins/ecm_plugin.py"}, _archives().in_wheel())

    def test_wheel_has_the_erlang_sources_and_what_ejabberd_wants_beside_them(self) -> None:
        sources = {f"{_SHARE}/src/{file.name}" for file in (CHECKOUT / _ERLANG / "src").iterdir()}
        beside = ("mod_ecm.spec", "COPYING", "README.md", "README.txt", "conf/mod_ecm.yml")
        expected = sources | {f"{_SHARE}/{name}" for name in beside}
        self.assertLess(expected, _archives().in_wheel())

    def test_wheel_has_nothing_else(self) -> None:
        """No tests, and no __init__.py under twisted: that would hide Twisted itself."""
        others = {
            name
            for name in _archives().in_wheel()
            if not name.startswith(("ecm/", f"{_NAME}.dist-info/", f"{_SHARE}/"))
        }
        self.assertEqual(others, {"twisted/plugins/ecm_plugin.py"})

    def test_sdist_has_what_it_takes_to_test_it(self) -> None:
        names = _archives().in_sdist()
        for folder in ("deploy", "docs", "erlang_stub", "packaging", "tests", "tools"):
            for file in (CHECKOUT / folder).rglob("*"):
                if file.is_file() and not {"__pycache__", "ebin"} & set(file.parts):
                    self.assertIn(str(file.relative_to(CHECKOUT)), names)
        self.assertLess({"LICENSE", "Makefile", "setup.cfg", "pyproject.toml"}, names)

    def test_a_registry_would_take_them(self) -> None:
        archives = (_archives().sdist, _archives().wheel)
        _run(sys.executable, "-m", "twine", "check", "--strict", *archives, cwd=CHECKOUT)

    def test_the_wheel_says_what_it_is(self) -> None:
        with zipfile.ZipFile(_archives().wheel) as archive:
            told = Parser().parsestr(archive.read(f"{_NAME}.dist-info/METADATA").decode())
        self.assertEqual(told["License-Expression"], "MIT AND GPL-2.0-or-later")
        licences = {
            f"{_NAME}.dist-info/licenses/{file}" for file in told.get_all("License-File", [])
        }
        self.assertEqual(len(licences), 2)
        self.assertLess(licences, _archives().in_wheel())
        self.assertIn("twisted[tls]>=23.10", told.get_all("Requires-Dist", []))

    def test_no_archive_names_an_address_that_is_not_ours(self) -> None:
        with zipfile.ZipFile(_archives().wheel) as archive:
            for name in (f"{_NAME}.dist-info/METADATA", f"{_SHARE}/mod_ecm.spec"):
                self.assertNotIn(b"megaphone.example/", archive.read(name))

    def test_no_archive_has_what_was_compiled(self) -> None:
        for names in (_archives().in_sdist(), _archives().in_wheel()):
            self.assertEqual(
                {name for name in names if "/old." in name or "__pycache__" in name}, set()
            )
            self.assertEqual({name for name in names if name.endswith((".pyc", ".beam"))}, set())


class InstalledTest(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))

    def check_programs(self, environment: Environment) -> None:
        self.assertRegex(environment.run("twistd", "--help"), r"\n +ecm +\S")
        self.assertIn(__version__, environment.run("twistd", "ecm", "--version"))
        self.assertIn("--ready-file", environment.run("ecm-demo", "--help"))
        self.assertIn("--users N", environment.run("ecm-doctor", "--help"))
        self.assertIn("--target-is-mine", environment.run("ecm-swarm", "--help"))

    def test_wheel(self) -> None:
        environment = Environment(self.folder, _archives().wheel)
        self.check_programs(environment)
        self.assertIn("http://127.0.0.1:", environment.run_demo())

    def test_sdist(self) -> None:
        self.check_programs(Environment(self.folder, _archives().sdist))

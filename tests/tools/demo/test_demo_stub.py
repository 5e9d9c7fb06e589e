"""Finding and compiling mod_ecm's sources; that installed ones are found, test_packaging shows."""

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools.demo import debian, stub
from ecm.tools.demo.errors import DemoError
from testkit.paths import CHECKOUT


class SourcesTest(TestCase):
    def test_of_the_checkout(self) -> None:
        stub_folder = CHECKOUT / "erlang_stub" / "mod_ecm"
        self.assertIn(stub_folder / "src" / "mod_ecm.erl", stub.sources())

    def test_neither_in_a_checkout_nor_installed(self) -> None:
        self.patch(stub, "_in_checkout", lambda: Path("/missing"))
        self.patch(stub, "_DISTRIBUTION", "megaphone-of-another-name")
        self.assertRaisesRegex(DemoError, "install .* again", stub.sources)


class CompileTest(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))
        self.source = self.folder / "small.erl"
        self.patch(stub, "sources", lambda: [self.source])

    def test_beams_are_put_into_the_folder(self) -> None:
        self.source.write_text("-module(small).\n")
        stub.compile_into(self.folder, debian.find())
        self.assertTrue((self.folder / "small.beam").exists())

    def test_what_the_compiler_says_is_shown(self) -> None:
        self.source.write_text("-module(small).\nf() -> Unknown.\n")
        with self.assertRaisesRegex(DemoError, "small.erl:2:.*'Unknown' is unbound"):
            stub.compile_into(self.folder, debian.find())

"""Finding and compiling mod_ecm's sources; that installed ones are found, test_packaging shows."""

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools.ejabberd import installation, mod_ecm_build
from ecm.tools.errors import ToolError
from testkit.paths import CHECKOUT


class SourcesTest(TestCase):
    def test_of_the_checkout(self) -> None:
        stub_folder = CHECKOUT / "erlang_stub" / "mod_ecm"
        self.assertIn(stub_folder / "src" / "mod_ecm.erl", mod_ecm_build.sources())

    def test_neither_in_a_checkout_nor_installed(self) -> None:
        self.patch(mod_ecm_build, "_in_checkout", lambda: Path("/missing"))
        self.patch(mod_ecm_build, "_DISTRIBUTION", "megaphone-of-another-name")
        self.assertRaisesRegex(ToolError, "install .* again", mod_ecm_build.sources)


class CompileTest(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))
        self.source = self.folder / "small.erl"
        self.patch(mod_ecm_build, "sources", lambda: [self.source])

    def test_beams_are_put_into_the_folder(self) -> None:
        self.source.write_text("-module(small).\n")
        mod_ecm_build.compile_into(self.folder, installation.find())
        self.assertTrue((self.folder / "small.beam").exists())

    def test_what_the_compiler_says_is_shown(self) -> None:
        self.source.write_text("-module(small).\nf() -> Unknown.\n")
        with self.assertRaisesRegex(ToolError, "small.erl:2:.*'Unknown' is unbound"):
            mod_ecm_build.compile_into(self.folder, installation.find())

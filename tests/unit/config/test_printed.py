"""The options in force as a file."""

import tomllib

import attrs
from twisted.trial.unittest import TestCase

from ecm.config.command_line import GROUPS, OPTIONS
from ecm.config.printed import toml
from testkit.command_line import parse
from testkit.ecm_process import temporary_folder

GIVEN = (
    *("--listen", "tcp:1", "--listen", r"tcp6:2:interface=\:\:1", "--workers", "auto"),
    *("--path", '/a"b', "--cors-origin", "https://a.example", "--lean-tls", "--www", "/"),
    *("--max-body", "5000", "--tls-minimum", "1.3", "--trusted-proxy", "192.0.2.0/24"),
)


class PrintedTests(TestCase):
    def test_it_gives_the_same_settings_again(self) -> None:
        file = temporary_folder(self) / "ecm.toml"
        for arguments in ((), GIVEN, ("--proxy-protocol", "tcp:1")):
            settings = parse(*arguments).settings
            file.write_text(toml(settings, GROUPS))
            again = parse(f"--config={file}").settings
            self.assertEqual(attrs.evolve(again, config=None), settings)

    def test_each_option_stands_there_with_where_it_comes_from(self) -> None:
        text = toml(parse(*GIVEN).settings, GROUPS)
        self.assertIn("\nmax-body = 5000  # flag\n", text)
        self.assertIn("\nmax-packet = 1048576  # default\n", text)
        self.assertIn("\n# admin =  # none (default)\n", text)
        self.assertIn('\nworkers = "auto"  # flag\n', text)
        self.assertIn('\nlisten = ["tcp:1", "tcp6:2:interface=\\\\:\\\\:1"]  # flag\n', text)
        for name in OPTIONS.keys() - {"config"}:
            self.assertRegex(text, rf"(?m)^(# )?{name} = ")

    def test_texts_of_any_kind_are_toml(self) -> None:
        settings = parse().settings
        for text in ('"', "\\", "\n", "\t", "\x1f", "\x7f", "ü", "# a"):
            texts = {**settings.texts, "www": (text,)}
            printed = toml(attrs.evolve(settings, texts=texts), GROUPS)
            self.assertEqual(tomllib.loads(printed)["www"], text)

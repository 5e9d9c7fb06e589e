"""The file of --config."""

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from ecm.config import config_file
from ecm.config.command_line import OPTIONS
from ecm.config.config_file import line_of
from ecm.limits import MAX_CONFIG
from testkit.ecm_process import temporary_folder

# The value of an option, and the texts that it stands for.
VALUES: dict[str, tuple[str, ...]] = {
    'listen = "tcp:1"': ("tcp:1",),
    'listen = ["tcp:1", "tcp:2"]': ("tcp:1", "tcp:2"),
    "max-body = 5000": ("5000",),
    "max-body = 5_000": ("5000",),
    'workers = "auto"': ("auto",),
    "workers = 3": ("3",),
    'www = "/srv/a b"': ("/srv/a b",),
    "lean-tls = true": ("true",),
    "lean-tls = false": ("false",),
    'tls-minimum = "1.3"': ("1.3",),
}

# What stands in a file, and what is said of it behind its name.
MISTAKES = {
    "max-boddy = 1": ":1: there is no option max-boddy, perhaps max-body",
    "\n\nmax_body = 1": ":3: there is no option max_body, perhaps max-body",
    "dead-time = 9": ":1: there is no option dead-time, perhaps link-timeout",
    "head-timout = 9": ":1: there is no option head-timout, perhaps header-timeout",
    "zzz = 1": ":1: there is no option zzz",
    '"a\\nb" = 1': ":1: there is no option 'a\\nb'",
    "# x\n[cors]\norigin = 1": ":2: options stand outside of tables, there is none called cors",
    "[[listen]]\nx = 1": ":1: listen: give a text in quotes",
    "[limits.more]\nx = 1": ":1: options stand outside of tables, there is none called limits",
    "cors.origin = 1": ":1: options stand outside of tables, there is none called cors",
    'max-body = "5000"': ":1: max-body: give a whole number, without quotes",
    "max-body = 1.5": ":1: max-body: give a whole number",
    "max-body = true": ":1: max-body: give a whole number",
    "max-body = [1]": ":1: max-body: give a whole number",
    "workers = 1.5": ":1: workers: give a whole number",
    'lean-tls = "yes"': ":1: lean-tls: give true or false",
    "lean-tls = 1": ":1: lean-tls: give true or false",
    "www = 1": ":1: www: give a text in quotes",
    "www = ['/']": ":1: www: give a text in quotes",
    "tls-minimum = 1.3": ":1: tls-minimum: give a text in quotes",
    "path = 1": ":1: path: give a text in quotes or a list of texts",
    "path = [1]": ":1: path: give a text in quotes",
    "cors-origin = []": ":1: cors-origin: the list is empty: leave it out",
    f"max-body = 1{5000 * '0'}": ":1: Exceeds the limit (4300 digits)",
    "www =\n": ":1: Invalid value, column 6",
    "www": ":1: Expected '=' after a key in a key/value pair",
    "max-body = 1\nmax-body = 2\n": ":2: Cannot overwrite a value, column 13",
    'www = "/': ":1: ",
    "x = " + 2000 * "[": ": lists in lists in lists",
}


class ConfigFileTests(TestCase):
    def setUp(self) -> None:
        self.file = temporary_folder(self) / "ecm.toml"

    def read(self, text: str) -> Any:
        self.file.write_text(text)
        return config_file.read(str(self.file), OPTIONS)

    def refused(self, file: Path) -> str:
        why = str(self.assertRaises(ValueError, config_file.read, str(file), OPTIONS))
        self.assertTrue(why.startswith(str(file)), why)
        self.assertNotIn("\n", why)
        return why.removeprefix(str(file))

    def test_values(self) -> None:
        for text, expected in VALUES.items():
            ((name, source),) = self.read(text).items()
            self.assertEqual(source.texts, expected)
            self.assertTrue(text.startswith(name))

    def test_each_has_its_place(self) -> None:
        found = self.read('# x\npath = [\n  "/a",\n]\nwww = """\nmax-body = 1\n"""\nmax-body = 1\n')
        self.assertEqual(
            {name: source.where for name, source in found.items()},
            {"path": f"{self.file}:2", "www": f"{self.file}:5", "max-body": f"{self.file}:8"},
        )

    def test_mistakes(self) -> None:
        for text, expected in MISTAKES.items():
            self.file.write_text(text)
            said = self.refused(self.file)
            self.assertTrue(said.startswith(expected), (text, said))

    def test_files_that_cannot_be_read(self) -> None:
        self.assertEqual(self.refused(Path("/no/file")), ": No such file or directory")
        self.assertEqual(self.refused(self.file.parent), ": Is a directory")
        why = self.assertRaises(ValueError, config_file.read, "/no\nfile", OPTIONS)
        self.assertEqual(str(why), "'/no\\nfile': No such file or directory")
        self.file.write_bytes(b"# a\n# \xff\n")
        self.assertEqual(self.refused(self.file), ":2: is not UTF-8")
        self.file.write_bytes(b"#" * (MAX_CONFIG + 1))
        self.assertIn("has more than 1,048,576 bytes", self.refused(self.file))

    def test_a_pipe_is_read_once_only(self) -> None:
        self.file.unlink(missing_ok=True)
        os.mkfifo(self.file)
        self.assertEqual(self.refused(self.file), ": is a pipe, which a reload cannot read again")


class LineTests(TestCase):
    def test_a_key_is_found_where_it_begins(self) -> None:
        for text, line in (
            ("a = 1", 1),
            ("\r\na = 1", 2),
            ("b = 1\n a=1", 2),
            ('"a" = 1', 1),
            ("\n'a' = 1", 2),
            ('b = """\na = 1\n"""\na = 2', 4),
            ("b = [\n'a =',\n]\na = 2", 4),
            ("ab = 1\na = 1", 2),
            ("a.b = 1", 1),
            ("\n[a]", 2),
            ("\n[[ a ]]", 2),
            ("\n[a.b]", 2),
        ):
            self.assertEqual(line_of(text, "a"), line, text)

    def test_a_key_that_is_spelled_with_escapes_is_on_the_first_line(self) -> None:
        self.assertEqual(line_of('\n"\\u0061" = 1', "a"), 1)

"""The command line of ecm-demo."""

import io
from argparse import ArgumentTypeError
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from twisted.trial.unittest import TestCase

from ecm.tools.demo.options import Options, parse, parse_users


class ParseTest(TestCase):
    def test_defaults(self) -> None:
        users = {"alice": "secret", "bob": "secret"}
        self.assertEqual(
            parse([]), Options(None, 7080, None, users, ready_file=None, ejabberd=None)
        )

    def test_all_given(self) -> None:
        given = [
            "--dir",
            "/d",
            "--http",
            "0",
            "--xmpp",
            "7",
            "--users",
            "carol:x",
            "--ready-file",
            "/r",
        ]
        given += ["--ejabberd", "/e"]
        expected = Options(Path("/d"), 0, 7, {"carol": "x"}, Path("/r"), Path("/e"))
        self.assertEqual(parse(given), expected)

    def test_paths_do_not_depend_on_where_a_child_runs(self) -> None:
        found = parse(["--dir", "here", "--ready-file", "there", "--ejabberd", "elsewhere"])
        self.assertEqual(found.folder, Path.cwd() / "here")
        self.assertEqual(found.ready_file, Path.cwd() / "there")
        self.assertEqual(found.ejabberd, Path.cwd() / "elsewhere")

    def test_mistakes_are_one_line_and_status_2(self) -> None:
        for given in (
            ["--http", "65536"],
            ["--http", "-1"],
            ["--xmpp", "65536"],
            ["--http", "http"],
            ["--http", "٣"],
            ["--dir", ""],
            ["--users", "alice"],
            ["--unknown"],
            ["stray"],
        ):
            said = io.StringIO()
            with redirect_stderr(said), self.assertRaises(SystemExit) as exit:
                parse(given)
            self.assertEqual(exit.exception.code, 2, given)
            self.assertRegex(said.getvalue(), r"\Aecm-demo: [^\n]+\n\Z")

    def test_help_shows_the_defaults(self) -> None:
        said = io.StringIO()
        with redirect_stdout(said), self.assertRaises(SystemExit) as exit:
            parse(["--help"])
        self.assertEqual(exit.exception.code, 0)
        for text in ("--dir", "--ready-file", "default: 7080", "default: alice:secret,bob:secret"):
            self.assertIn(text, " ".join(said.getvalue().split()))


class UsersTest(TestCase):
    def test_names_and_passwords_in_order(self) -> None:
        users = parse_users("bob:1,alice:2")
        self.assertEqual(list(users.items()), [("bob", "1"), ("alice", "2")])

    def test_password_takes_all_ascii_but_a_comma(self) -> None:
        password = "p:w \"&'/\\<>@{}$%"
        self.assertEqual(parse_users(f"alice:{password}"), {"alice": password})

    def test_names_that_no_account_can_have(self) -> None:
        for name in ("", " ", "Alice", "a b", "a@b", "a/b", 'a"b', "a'b", "a&b", "<a>", "ä", "a\n"):
            self.assertRaises(ArgumentTypeError, parse_users, f"{name}:secret")

    def test_longest_name(self) -> None:
        self.assertEqual(parse_users("a" * 1023 + ":x"), {"a" * 1023: "x"})
        self.assertRaises(ArgumentTypeError, parse_users, "a" * 1024 + ":x")

    def test_passwords_that_are_none(self) -> None:
        for users in ("alice", "alice:", "alice:ä", "alice:a\tb"):
            self.assertRaises(ArgumentTypeError, parse_users, users)

    def test_who_gives_no_password_is_told_how(self) -> None:
        error = self.assertRaises(ArgumentTypeError, parse_users, "alice,bob:1")
        self.assertEqual(str(error), "'alice' has no password: give NAME:PASSWORD")

    def test_same_name_twice(self) -> None:
        self.assertRaises(ArgumentTypeError, parse_users, "alice:1,alice:2")

    def test_empty_user(self) -> None:
        for users in ("", ",", "alice:1,", ",alice:1"):
            self.assertRaises(ArgumentTypeError, parse_users, users)

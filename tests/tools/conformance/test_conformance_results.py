"""The command line of the conformance suite, and how its results are told."""

import io
import json
from contextlib import redirect_stderr
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from conformance.errors import SuiteError
from conformance.options import options
from conformance.outcome import Outcome, Result, summary
from conformance.runner import scripts
from conformance.script import Level, Script
from conformance.table import BEGIN, END, put_table
from conformance.target import Account, listed, target


def outcome(result: Result, level: Level = Level.MUST, name: str = "a/script") -> Outcome:
    return Outcome(
        Script(name, "0124 8", level, "It is so.", []), result, "wrong\nvery", "line 7: x"
    )


class OptionsTest(TestCase):
    def fails(self, *arguments: str) -> str:
        printed = io.StringIO()
        with redirect_stderr(printed), self.assertRaises(SystemExit):
            options(arguments)
        return printed.getvalue().splitlines()[-1]

    def test_defaults(self) -> None:
        chosen = options(["http://localhost:7080/bosh"])
        self.assertEqual(chosen.url, "http://localhost:7080/bosh")
        self.assertEqual((chosen.domain, chosen.users), ("", "alice:secret,bob:secret"))
        self.assertEqual((chosen.patience, chosen.longest), (5.0, 10.0))
        self.assertEqual((chosen.servers, chosen.only, chosen.table), (None, "", None))
        self.assertFalse(chosen.verbose)

    def test_all(self) -> None:
        chosen = options(
            [
                *("http://localhost/", "--domain", "d", "--users", "a:b,c:d"),
                *("--only", "rid", "--patience", "2", "--longest", "30"),
                *("--table", "page.md", "--verbose"),
            ]
        )
        self.assertEqual((chosen.domain, chosen.users, chosen.only), ("d", "a:b,c:d", "rid"))
        self.assertEqual((chosen.patience, chosen.longest), (2.0, 30.0))
        self.assertEqual((chosen.table, chosen.verbose), (Path("page.md"), True))

    def test_a_list_of_servers(self) -> None:
        chosen = options(["--servers", "list.json"])
        self.assertEqual((chosen.servers, chosen.url), (Path("list.json"), ""))

    def test_neither_url_nor_servers(self) -> None:
        self.assertIn("the URL of a BOSH server, or --servers", self.fails())

    def test_url_and_servers(self) -> None:
        self.assertIn("or --servers", self.fails("http://localhost/", "--servers", "list.json"))

    def test_only_those_with_a_text_in_their_names(self) -> None:
        self.assertTrue(all("pause" in script.name for script in scripts("pause")))

    def test_no_such_script(self) -> None:
        with self.assertRaisesRegex(SuiteError, "no script has 'nonsense' in its name"):
            scripts("nonsense")


class TargetTest(TestCase):
    def test_a_list_of_servers(self) -> None:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "servers.json"
            server = {"title": "a", "url": "http://a:80/b", "domain": "c", "users": "x:1,y:2"}
            file.write_text(json.dumps([server, server | {"title": "b"}]))
            found = listed(file)
            self.assertEqual(found["a"], target("http://a:80/b", "c", "x:1,y:2"))
            self.assertEqual(list(found), ["a", "b"])
            for text in ("", "{}1", "[1]", "[{}]"):
                file.write_text(text)
                with self.assertRaisesRegex(SuiteError, "servers.json: this is not a list"):
                    listed(file)

    def test_url(self) -> None:
        found = target("http://chat.example:7080/http-bind?a=b", "", "al:one,bert:two:three")
        self.assertEqual((found.host, found.port), ("chat.example", 7080))
        self.assertEqual((found.path, found.domain), ("/http-bind?a=b", "chat.example"))
        self.assertIsNone(found.tls)
        self.assertEqual(
            found.accounts, {"alice": Account("al", "one"), "bob": Account("bert", "two:three")}
        )

    def test_https(self) -> None:
        found = target("https://chat.example", "other.example", "a:b,c:d")
        self.assertEqual((found.port, found.path, found.domain), (443, "/", "other.example"))
        self.assertIsNotNone(found.tls)

    def test_no_url(self) -> None:
        for url in ("chat.example", "ftp://chat.example/", "http://", "http://h:port/"):
            with self.assertRaises(SuiteError):
                target(url, "", "a:b,c:d")

    def test_users(self) -> None:
        for users in ("", "alice", "a:b", "a:b,c", "a:b,c:d,e:f", "a:,c:d"):
            with self.assertRaisesRegex(SuiteError, "two users"):
                target("http://h/", "", users)


class OutcomeTest(TestCase):
    def test_a_failure_of_what_is_optional_does_not_count(self) -> None:
        for level, counts in ((Level.MUST, True), (Level.SHOULD, True), (Level.MAY, False)):
            self.assertEqual(outcome(Result.FAIL, level).counts, counts)
        self.assertFalse(outcome(Result.SKIP).counts)
        self.assertFalse(outcome(Result.PASS).counts)

    def test_told(self) -> None:
        self.assertEqual(
            outcome(Result.FAIL).told(),
            "FAIL  must    0124 8        a/script\n"
            "      It is so.\n      line 7: x\n          wrong\n          very",
        )

    def test_summary(self) -> None:
        all_outcomes = [
            outcome(Result.PASS),
            outcome(Result.FAIL),
            outcome(Result.FAIL, Level.MAY),
            outcome(Result.SKIP),
        ]
        expected = "1 passed, 2 failed, 1 skipped (1 of the failed are optional)"
        self.assertEqual(summary(all_outcomes), expected)


class TableTest(TestCase):
    def setUp(self) -> None:
        folder = self.enterContext(TemporaryDirectory())
        self.page = Path(folder) / "page.md"

    def test_a_column_for_each_server(self) -> None:
        self.page.write_text(f"Before.\n{BEGIN}old\n{END}After.\n")
        put_table(
            self.page,
            {
                "One 1.0": [outcome(Result.PASS), outcome(Result.SKIP, name="b")],
                "Two": [outcome(Result.FAIL), outcome(Result.PASS, name="b")],
            },
        )
        table = (
            "| script | level | XEP | One 1.0 | Two |\n"
            "| --- | --- | --- | --- | --- |\n"
            "| a/script | must | 0124 8 | pass | **fail** |\n"
            "| b | must | 0124 8 | skip | pass |\n"
            "| passed |  |  | 1 of 1 | 1 of 2 |\n"
        )
        self.assertEqual(self.page.read_text(), f"Before.\n{BEGIN}{table}{END}After.\n")

    def test_page_without_a_place_for_it(self) -> None:
        self.page.write_text("Nothing.\n")
        with self.assertRaisesRegex(SuiteError, "has no lines"):
            put_table(self.page, {})

    def test_no_page(self) -> None:
        with self.assertRaisesRegex(SuiteError, "No such file"):
            put_table(self.page, {})

"""Operators find each line of a log in the documents."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import TestCase

from testkit.paths import CHECKOUT

LEVELS = {"info", "warn", "error", "critical", "failure"}
PLACE = re.compile(r"\{.*?\}")
STRING = r'"((?:[^"\\]|\\.)*)"'
ERLANG = re.compile(rf"\?(?:INFO|WARNING|ERROR|CRITICAL)_MSG\(((?:\s*{STRING})+)")
ERLANG_PLACE = re.compile(r"~[\d.]*[a-zA-Z]+")

# The beginning of each line of a link.
COMMON = {"ECM link from"}


def beginnings(format: str, place: re.Pattern[str]) -> set[str]:
    """The first words of each part of a line that always is the same."""
    words = [part.split() for part in place.split(format)]
    return {" ".join(each[:3]) for each in words if len(each) > 1} - COMMON


def of_ecm() -> Iterator[set[str]]:
    for file in (CHECKOUT / "ecm").rglob("*.py"):
        tree = ast.parse(file.read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
        for call in calls:
            if isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS:
                is_log = ast.unparse(call.func.value) == "_log"
                if is_log and isinstance(call.args[0], ast.Constant):
                    yield beginnings(str(call.args[0].value), PLACE)


def of_mod_ecm() -> Iterator[set[str]]:
    for file in (CHECKOUT / "erlang_stub" / "mod_ecm" / "src").glob("*.erl"):
        for found in ERLANG.finditer(file.read_text()):
            yield beginnings("".join(re.findall(STRING, found[1])), ERLANG_PLACE)


def explained(document: Path) -> str:
    """The lines in the section of a document about the log."""
    section = document.read_text().partition("\n## The log\n")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"`([^`\n]+)`", section))


class LogLinesTests(TestCase):
    def test_lines_of_ecm_are_explained(self) -> None:
        self.assert_explained([*of_ecm()], CHECKOUT / "docs" / "operations.md")

    def test_lines_of_mod_ecm_are_explained(self) -> None:
        readme = CHECKOUT / "erlang_stub" / "mod_ecm" / "README.md"
        self.assert_explained([*of_mod_ecm()], readme)

    def assert_explained(self, lines: list[set[str]], document: Path) -> None:
        """A line without any words of its own is part of another."""
        self.assertGreater(len(lines), 30)
        known = explained(document)
        unknown = [line for line in lines if line and not any(each in known for each in line)]
        self.assertEqual(unknown, [], f"explain them in {document.name}, under The log")

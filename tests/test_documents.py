"""Links and names in the documents lead somewhere, and the index of decisions is complete."""

import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import TestCase

from testkit import pictures
from testkit.paths import CHECKOUT

DECISIONS = CHECKOUT / "docs" / "decisions"
DECISION = re.compile(
    r"# (?P<number>\d+)\. (?P<title>.+)\n\n"
    r"Date: (?P<date>\d{4}-\d\d-\d\d)  \n"
    r"Status: (?P<status>.+)\n\n."
)
LINK = re.compile(r"(?<!!)\[[^]]*\]\((?P<target>[^)\s]+)\)|!\[[^]]*\]\((?P<image>[^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.M | re.S)
# Files and modules of this repository, as documents name them.
PATH = re.compile(
    r"`((?:ecm|testkit|tests|bench|conformance|docs|deploy|erlang_stub|tools)/[\w./-]*)`"
)
MODULE = re.compile(r"python -m ((?:ecm|testkit|tests|bench|conformance)(?:\.\w+)*)")
HEADING = re.compile(r"^#+ (.+)$", re.M)


def documents() -> Iterator[Path]:
    for place in (".", "docs", "docs/decisions", "deploy", "erlang_stub/mod_ecm"):
        yield from (CHECKOUT / place).glob("*.md")


def anchors(document: Path) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = HEADING.findall(re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S))
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def broken(document: Path) -> Iterator[str]:
    for found in LINK.finditer(CODE.sub("", document.read_text())):
        target = found["target"] or found["image"]
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


class LinksTests(TestCase):
    def test_links_lead_somewhere(self) -> None:
        for document in documents():
            self.assertEqual(list(broken(document)), [], document)


class NamesTests(TestCase):
    def test_files_that_documents_name_are_there(self) -> None:
        for document in documents():
            for path in PATH.findall(document.read_text()):
                self.assertTrue((CHECKOUT / path).exists(), f"{document.name}: {path}")

    def test_modules_that_documents_run_are_there(self) -> None:
        for document in [*documents(), CHECKOUT / "Makefile"]:
            for module in MODULE.findall(document.read_text()):
                path = CHECKOUT / module.replace(".", "/")
                there = path.with_suffix(".py").exists() or (path / "__main__.py").exists()
                self.assertTrue(there, f"{document.name}: {module}")


class PicturesTests(TestCase):
    def test_pictures_are_up_to_date(self) -> None:
        for name, drawn in pictures.PICTURES.items():
            self.assertEqual((pictures.FOLDER / name).read_text(), drawn(), "run: make docs")


class DecisionsTests(TestCase):
    maxDiff = None

    def test_the_index_has_each_decision(self) -> None:
        rows = []
        for file in sorted(DECISIONS.glob("[0-9]*.md")):
            head = DECISION.match(file.read_text())
            assert head, f"{file.name} does not begin with title, date and status"
            self.assertEqual(int(head["number"]), int(file.name[:4]), file.name)
            rows.append(
                f"| [{file.name[:4]}]({file.name}) | {head['title']} | {head['date']}"
                f" | {head['status']} |"
            )
        index = (DECISIONS / "README.md").read_text()
        self.assertEqual([row for row in index.splitlines() if row.startswith("| [")], rows)

    def test_no_number_is_given_twice(self) -> None:
        numbers = [file.name[:4] for file in DECISIONS.glob("[0-9]*.md")]
        self.assertEqual(len(numbers), len(set(numbers)))

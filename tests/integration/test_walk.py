"""The walk in docs/architecture.md is the way that a request really goes."""

import json
import re
import subprocess
import sys

from twisted.trial.unittest import TestCase

from testkit.paths import CHECKOUT

DOCUMENT = CHECKOUT / "docs" / "architecture.md"
ROW = re.compile(r"^\| \d+ \| `(?P<file>[\w/]+\.py)` \| (?P<functions>`.+?`) \|", re.M)


class WalkTests(TestCase):
    maxDiff = None

    def test_the_walk_is_the_one_in_the_document(self) -> None:
        command = [sys.executable, "-m", "testkit.walk"]
        run = subprocess.run(command, cwd=CHECKOUT, capture_output=True, timeout=60, check=True)
        walked = [(entry["file"], entry["functions"]) for entry in json.loads(run.stdout)]
        written = [
            (row["file"], re.findall(r"`([\w.]+)`", row["functions"]))
            for row in ROW.finditer(DOCUMENT.read_text())
        ]
        self.assertEqual(written, walked)

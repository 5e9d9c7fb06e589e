"""The folder that ECM serves."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from ecm.tools.demo import site


class FillTest(TestCase):
    def setUp(self) -> None:
        folder = Path(self.enterContext(TemporaryDirectory()))
        self.strophe = folder / "strophe.min.js"
        self.strophe.write_text("the library")
        self.www = folder / "www"
        self.www.mkdir()

    def fill(self) -> None:
        site.fill(self.www, self.strophe, {"alice": "secret", "bob": "x"})

    def test_has_the_page_and_its_library(self) -> None:
        self.fill()
        self.assertIn("<html", (self.www / "index.html").read_text())
        self.assertEqual((self.www / "strophe.js").read_text(), "the library")

    def test_says_who_may_log_in_and_where(self) -> None:
        self.fill()
        self.assertEqual(
            json.loads((self.www / "demo.json").read_text()),
            {
                "domain": "localhost",
                "websocket": "/ws",
                "bosh": "/http-bind",
                "users": [
                    {"name": "alice", "password": "secret"},
                    {"name": "bob", "password": "x"},
                ],
            },
        )

    def test_nothing_of_an_earlier_page_stays(self) -> None:
        (self.www / "old.js").write_text("")
        self.fill()
        self.assertFalse((self.www / "old.js").exists())

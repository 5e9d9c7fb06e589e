"""A soak of some seconds, with real servers: all transports, all ways to go, and reloads."""

from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import TestCase

from bench.cases import soak
from bench.frame import Run
from bench.soak.record import pieces
from ecm.tools.ejabberd import installation
from testkit.compiled import compiled

LOAD = {"users": 25, "hours": 8 / 3600, "stay": 3.0, "absence": 2.0, "pause": 2.0, "every": 0.5}


class SoakTests(TestCase):
    timeout = 120

    def test_users_come_and_go_over_all_transports(self) -> None:
        folder = Path(self.enterContext(TemporaryDirectory()))
        file = folder / "soak.jsonl"
        options = Namespace(**LOAD, ebin=compiled(installation.find()))
        soak.piece(Run(options, folder, {"date": "today"}), file)
        (found,) = pieces(file.read_text())
        first, last = found.samples[0], found.samples[-1]
        self.assertEqual(first["online"], 25)
        self.assertGreater(last["generation"], 1)
        self.assertGreater(last["vanished"], 0)
        self.assertGreater(last["logins"], 25)
        self.assertGreater(last["arrived"], 0)
        self.assertGreater(last["sessions"], 0)
        self.assertEqual((last["lost"], last["twice"], last["astray"]), (0, 0, 0))
        self.assertEqual(found.about["date"], "today")
        self.assertIn("| atoms ", soak.text([found]))

"""Prometheus' own tool: the alerts, and the metrics of an ECM."""

import subprocess

from twisted.trial.unittest import TestCase

from ecm.exposition.exposition import Exposition
from testkit.monitoring import RULE_TESTS, RULES
from testkit.operated import ToldEcm


def promtool(*arguments: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["promtool", *arguments], input=text, capture_output=True, check=False)


class PromtoolTests(TestCase):
    def test_the_alerts_are_valid(self) -> None:
        done = promtool("check", "rules", str(RULES))
        self.assertEqual((done.returncode, done.stderr), (0, b""), done.stdout)

    def test_the_alerts_fire_when_they_should(self) -> None:
        done = promtool("test", "rules", str(RULE_TESTS))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_metrics_are_valid(self) -> None:
        text = Exposition(ToldEcm()).render("")[1]
        done = promtool("check", "metrics", text=text)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))

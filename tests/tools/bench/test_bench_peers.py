"""Peers are chosen by name, and one that cannot be measured is refused before anything starts."""

from argparse import ArgumentTypeError
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from twisted.trial.unittest import TestCase

from bench import peers
from bench.cases.end_to_end import CASE, Measured, Result, rows_of
from bench.load.message_load import Load
from bench.servers import MEGAPHONE, STOCK, WAYS, WEBSOCKET
from ecm.tools.errors import ToolError

BOSH_WAY, WEBSOCKET_WAY = WAYS["bosh"], WAYS["websocket"]


class ChoiceTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))

    def starts(self, name: str, websocket: bool = False) -> list[str]:
        way = WEBSOCKET_WAY if websocket else BOSH_WAY
        return [*peers.starts([name], way, self.folder, self.folder, [])]

    def test_names(self) -> None:
        self.assertEqual(peers.read("prosody,ejabberd-26.07"), ["prosody", "ejabberd-26.07"])
        self.assertRaises(ArgumentTypeError, peers.read, "prosody,ircd")
        error = self.assertRaises(ArgumentTypeError, peers.read, "all,prosody")
        self.assertIn("'all,prosody': give some of ", str(error))

    def test_those_of_a_way(self) -> None:
        for given, newer in ((None, ()), (peers.read("all"), peers.NEWER)):
            self.assertEqual(peers.chosen(given, BOSH_WAY), ["nginx", "prosody", *newer])
            self.assertEqual(peers.chosen(given, WEBSOCKET_WAY), ["prosody", *newer])
        self.assertEqual(peers.chosen(peers.read("prosody"), BOSH_WAY), ["prosody"])

    def test_those_of_the_system(self) -> None:
        self.assertEqual(self.starts("nginx"), ["ejabberd behind nginx"])
        self.assertEqual(self.starts("prosody", websocket=True), ["Prosody"])

    def test_nginx_takes_no_websocket(self) -> None:
        self.assertRaisesRegex(ToolError, "over BOSH alone", self.starts, "nginx", True)

    def test_newer_ones_that_are_not_there(self) -> None:
        self.assertRaisesRegex(ToolError, "tools/debian-prosody", self.starts, peers.NEWER[0])
        self.assertRaisesRegex(ToolError, "tools/debian-ejabberd", self.starts, peers.NEWER[1])

    def test_a_newer_prosody_has_its_version_in_its_name(self) -> None:
        program = self.folder / peers.NEWER[0] / "bin" / "prosody"
        program.parent.mkdir(parents=True)
        program.touch()
        self.assertEqual(self.starts(peers.NEWER[0]), ["Prosody 13.0.1"])


def measured(name: str, message: float, poll: float | None) -> Measured:
    load = Load(1, 1, 1, {"all": message}, 0, 0, 1, 2, {})
    polls = None if poll is None else attrs.evolve(load, cpu={"all": poll})
    return Measured(1, name, {"all": 5000}, load, load, polls)


class ResultTests(TestCase):
    def test_over_bosh_polls_have_a_goal_too(self) -> None:
        found = [measured(MEGAPHONE, 60, 80), measured(STOCK, 100, 100)]
        verdict = CASE.show([Result(rows_of(found), found)]).verdict
        self.assertIn("a poll: 0.800 ×", verdict)
        self.assertIn("The goal of 0.75 × is NOT reached", verdict)
        self.assertIn("The goal of 0.65 × is reached; the next goal, 0.45 ×", verdict)

    def test_users_of_websocket_do_not_poll(self) -> None:
        found = [measured(MEGAPHONE, 60, None), measured(STOCK, 100, None)]
        shown = CASE.show([Result(rows_of(found), found, WEBSOCKET)])
        self.assertNotIn("a poll", shown.verdict)
        self.assertIn("The goal of 0.65 × is reached; the next goal, 0.5 ×", shown.verdict)
        self.assertIn("| –  ", shown.text)

    def test_messages_a_second_are_compared_with_few_and_with_more_under_way(self) -> None:
        ours, alone = measured(MEGAPHONE, 60, 80), measured(STOCK, 100, 100)
        full = attrs.evolve(ours.full, per_second=1.5)
        more = attrs.evolve(ours.full, per_second=3.0)
        first = [attrs.evolve(ours, full=full), alone]
        verdict = CASE.show([Result(rows_of(first), first)]).verdict
        self.assertIn("ejabberd alone: 1.50 × with 64 of them under way. The goal of 2 ×", verdict)
        self.assertIn("is NOT reached with 64", verdict)
        both = [attrs.evolve(ours, full=full, more=more), attrs.evolve(alone, more=alone.full)]
        verdict = CASE.show([Result(rows_of(both), both)]).verdict
        self.assertIn("1.50 × with 64 of them under way, 3.00 × with 256", verdict)

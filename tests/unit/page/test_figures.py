"""Figures of all processes together, and samples of them."""

from collections import Counter

import attrs
from twisted.trial.unittest import TestCase

from ecm.metrics import Metrics
from ecm.page.figures import Sampler, nodes_of, round_trips
from ecm.page.history import Sample
from testkit.status_view import DOWN, UP, snapshot


class FiguresTests(TestCase):
    def test_users_who_log_in_are_not_online_yet(self) -> None:
        told = attrs.evolve(
            snapshot(1),
            node_stats={
                "n": {"sessions.held": 5, "sessions.away": 2, "sessions.pending": 9, "x": 7}
            },
        )
        [node] = nodes_of([told])
        self.assertEqual(node.online, 7)
        self.assertEqual(node.sessions, {"held": 5, "away": 2, "pending": 9})

    def test_round_trips_are_those_of_links_that_are_up(self) -> None:
        links = [attrs.evolve(UP, round_trip=each / 1000) for each in (1, 2, 9)]
        old = attrs.evolve(DOWN, round_trip=7.0)
        told = [attrs.evolve(snapshot(1), links=(*links, old, attrs.evolve(UP, round_trip=0.0)))]
        self.assertEqual(round_trips(told), (0.002, 0.009))
        self.assertEqual(round_trips([snapshot(1, DOWN)]), (None, None))


class SamplerTests(TestCase):
    def test_it_is_of_all_processes_and_rates_are_since_the_last(self) -> None:
        sampler = Sampler()
        first = sampler.sample([snapshot(1), snapshot(2)], 100)
        self.assertEqual((first.connections, first.held), (14_424, 11_800))
        self.assertEqual((first.online, first.round_trip), (13_900, 0.0011))
        self.assertEqual((first.requests, first.unavailable), (None, None))
        metrics = Metrics(
            methods=Counter(post=40, get=10), responses=Counter({"503": 2, "200": 48})
        )
        second = sampler.sample([attrs.evolve(snapshot(1), metrics=metrics)], 110)
        self.assertEqual((second.requests, second.unavailable), (5, 0.2))

    def test_nobody_has_told_anything_yet(self) -> None:
        self.assertEqual(Sampler().sample([], 100), Sample())

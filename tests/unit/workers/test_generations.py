"""Generations in memory: which one is fit to serve, and how many may still be ending."""

import os
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.errors import StartupError
from ecm.limits import MAX_FORMER, READY_STEP
from ecm.workers.drain import Drain
from ecm.workers.generations import Generations
from ecm.workers.plan import Plan
from testkit.command_line import parse


class ToldGeneration:
    """One of two workers, which is as the test says."""

    def __init__(self, number: int, plan: Plan) -> None:
        self.number = number
        self.plan = plan
        self.slots = [None, None]
        self.linked = 2
        self.serves = self.is_over = True
        self.is_lost = False
        self.begun: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def start(self) -> Deferred[None]:
        return self.begun

    def serve(self) -> None:
        pass

    async def ready(self) -> int:
        return self.linked

    async def make_way(self) -> None:
        await self.ended

    async def retire(self) -> None:
        await self.ended


class ToldGenerations(Generations):
    """Makes such ones."""

    made: list[ToldGeneration]

    def _make(self, plan: Plan) -> Any:
        self.made = getattr(self, "made", [])
        self.made.append(ToldGeneration(len(self.made) + 1, plan))
        return self.made[-1]


class GenerationsTests(TestCase):
    def setUp(self) -> None:
        settings = parse("--workers", "2").settings
        self.plan = Plan(settings, (settings, settings))
        self.clock = Clock()
        self.generations = ToldGenerations(
            self.plan,
            Drain(self.clock),
            lambda number, packet: None,
            lambda: None,
            cast(Any, self.clock),
        )

    def prepare(self) -> tuple[Deferred[Any], ToldGeneration]:
        prepared = Deferred.fromCoroutine(self.generations.prepare(self.plan))
        return prepared, self.generations.made[-1]

    def assert_given_up(self, prepared: Deferred[Any], why: str) -> None:
        self.assertIn(why, self.failureResultOf(prepared, ValueError).getErrorMessage())
        self.assertEqual(self.generations.current.number, 1)
        self.generations.made[-1].ended.callback(None)
        self.assertEqual(self.generations._ending, [])

    def test_one_whose_workers_have_links_is_fit_and_takes_the_place_of_the_former(self) -> None:
        prepared, second = self.prepare()
        second.begun.callback(None)
        first = self.generations.made[0]
        self.generations.switch(self.successResultOf(prepared))
        self.assertIs(self.generations.current, second)
        self.assertEqual(self.generations._ending, [first])
        first.is_over = False
        first.ended.callback(None)
        self.assertEqual(self.generations._ending, [first])
        first.is_over = True
        self.clock.advance(READY_STEP)
        self.assertEqual(self.generations._ending, [])

    def test_one_that_cannot_start_is_given_up(self) -> None:
        prepared, second = self.prepare()
        second.begun.errback(StartupError("no key"))
        self.assert_given_up(prepared, "no key")

    def test_one_that_the_kernel_refuses_is_given_up(self) -> None:
        prepared, second = self.prepare()
        self.patch(second, "serve", lambda: os.stat("/no/such/file"))
        second.begun.callback(None)
        self.failureResultOf(prepared, OSError)
        self.assertEqual(self.generations._ending, [second])
        second.ended.callback(None)
        self.assertEqual(self.generations._all, [self.generations.current])

    def test_one_without_links_is_given_up_where_the_present_one_has_one(self) -> None:
        prepared, second = self.prepare()
        second.linked = 0
        second.begun.callback(None)
        self.assert_given_up(prepared, "no new worker has a link after 10 s")

    def test_but_not_where_that_has_none_either(self) -> None:
        prepared, second = self.prepare()
        self.generations.made[0].linked = second.linked = 0
        second.begun.callback(None)
        self.successResultOf(prepared)

    def test_one_none_of_whose_workers_serves_is_given_up(self) -> None:
        prepared, second = self.prepare()
        second.serves = False
        second.begun.callback(None)
        self.assert_given_up(prepared, "no new worker has started")

    def test_former_ones_are_bounded(self) -> None:
        for _ in range(MAX_FORMER):
            prepared, generation = self.prepare()
            generation.begun.callback(None)
            self.generations.switch(self.successResultOf(prepared))
        prepared, _ = self.prepare()
        self.failureResultOf(prepared, ValueError)
        self.generations.made[0].ended.callback(None)
        prepared, generation = self.prepare()
        generation.begun.callback(None)
        self.successResultOf(prepared)

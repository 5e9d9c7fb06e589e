"""A generation in memory: what it has of its own, and lets go of."""

import os
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ecm.status.totals import Ledger
from ecm.workers.bundle import Bundle
from ecm.workers.drain import Drain
from ecm.workers.generation import Generation
from ecm.workers.plan import Plan
from testkit.command_line import parse
from testkit.fake_reactor import FakeReactor


class GenerationTests(TestCase):
    def setUp(self) -> None:
        settings = parse("--workers", "2").settings
        reactor = cast(Any, FakeReactor())
        self.generation = Generation(
            1,
            Plan(settings, (settings, settings)),
            Drain(reactor),
            lambda worker, answer: None,
            Ledger(),
            lambda place, family, connection: False,
            lambda generation: None,
            reactor,
        )

    def test_of_the_certificates_it_keeps_the_last_and_none_once_it_has_ended(self) -> None:
        first, second = Bundle({}), Bundle({})
        self.generation.renew(first)
        self.generation.renew(second)
        self.assertRaises(OSError, os.fstat, first.file)
        os.fstat(second.file)
        self.successResultOf(Deferred.fromCoroutine(self.generation.retire()))
        self.assertRaises(OSError, os.fstat, second.file)
        self.successResultOf(Deferred.fromCoroutine(self.generation.retire()))

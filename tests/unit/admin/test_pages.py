"""The pages of the admin endpoint: what is asked for them, and what they say then."""

import json
from collections import Counter
from http import HTTPStatus
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.admin.asked import Asked, Reply
from ecm.admin.pages import Pages
from ecm.metrics import Metrics
from ecm.page.history import SAMPLE_SECONDS
from ecm.questions import Words
from testkit.operated import ToldEcm
from testkit.seen_page import SeenPage
from testkit.status_view import DOWN, connection, snapshot

CONNECTION = connection()
SESSION = {"jid": "alice@chat.example/web", "state": "held", "id": "17,99"}
TOLD = {"node": "ejabberd@chat", "sessions": [SESSION], "more": 0, "why": ""}


class AnsweringEcm(ToldEcm):
    """Says of a user what its worker would."""

    def __init__(self) -> None:
        super().__init__()
        self.told_last = [snapshot(1)]

    def ask(self, question: Words) -> Deferred[list[Words]]:
        connections = {"process": 1, "connections": [CONNECTION], "more": 0}
        asks_here = {"address", "ids"} & question["about"].keys()
        self.answers = [connections if asks_here else {"process": 1, "told": [TOLD]}]
        return super().ask(question)


class PagesCase(TestCase):
    def setUp(self) -> None:
        self.ecm = AnsweringEcm()
        self.clock = Clock()
        self.pages = Pages(self.ecm, self.clock)

    def get(self, path: str, **query: str) -> Reply:
        replied = self.pages.routes()[path].handler(self.ecm, Asked("GET", path, query))
        return self.successResultOf(replied) if isinstance(replied, Deferred) else replied

    def seen(self, path: str, **query: str) -> str:
        reply = self.get(path, **query)
        self.assertEqual(reply.kind, "text/html; charset=utf-8")
        self.assertIn("Content-Security-Policy", dict(reply.headers))
        return SeenPage(reply.body.decode().removeprefix("<!doctype html>")).text


class StatusTests(PagesCase):
    def test_it_says_how_ecm_is(self) -> None:
        for path in ("/", "/status"):
            self.assertIn("✓ Ready", self.seen(path))
        self.assertIn("workers 2 flag", self.seen("/"))

    def test_it_says_why_it_is_not_ready(self) -> None:
        self.ecm.told_last = [snapshot(1, DOWN, refusal="no link")]
        text = self.seen("/")
        self.assertIn("✗ Not ready", text)
        self.assertIn(DOWN.error, text)

    def test_it_is_drawn_once_a_second_however_many_look(self) -> None:
        first = self.get("/")
        self.ecm.told_last = [snapshot(1, DOWN, refusal="no link")]
        self.clock.advance(0.9)
        self.assertIs(self.get("/status"), first)
        self.clock.advance(0.1)
        self.assertIn("✗ Not ready", self.seen("/status"))

    def test_nobody_but_who_sees_it_is_told(self) -> None:
        """Whoever can read persons in it must be asked under a name of this machine."""
        self.assertFalse(any(route.is_open for route in self.pages.routes().values()))

    def test_figures_are_kept_every_ten_seconds(self) -> None:
        self.pages.start()
        for number in range(3):
            requests = Metrics(methods=Counter(post=100 * number))
            self.ecm.told_last = [attrs.evolve(snapshot(1), metrics=requests)]
            self.clock.advance(SAMPLE_SECONDS)
        self.assertIn("Requests 10 /s", self.seen("/"))
        self.pages.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class UserTests(PagesCase):
    def test_a_jid_is_asked_of_ejabberd_and_then_its_connections_here(self) -> None:
        text = self.seen("/user", who=" alice@chat.example ")
        asked = [{"about": {"jid": "alice@chat.example"}}, {"about": {"ids": ["17", "99"]}}]
        self.assertEqual(self.ecm.told, asked)
        self.assertIn("1 session of ejabberd, 1 connection here", text)
        self.assertIn("request held for 41 s", text)

    def test_so_is_a_sid(self) -> None:
        self.seen("/user", who="c2lkCg")
        self.assertEqual(self.ecm.told[0], {"about": {"sid": "c2lkCg"}})

    def test_an_address_is_looked_for_here_and_then_asked_of_ejabberd(self) -> None:
        text = self.seen("/user", who="192.0.2.7")
        asked = [{"about": {"address": "192.0.2.7"}}, {"about": {"in_flight": ["17"]}}]
        self.assertEqual(self.ecm.told, asked)
        self.assertIn("Session alice@chat.example/web", text)

    def test_whoever_names_nobody_is_told_what_to_give(self) -> None:
        reply = self.get("/user", who="")
        self.assertEqual(reply.status, HTTPStatus.BAD_REQUEST)
        self.assertIn(b"give a JID", reply.body)
        with self.assertRaises(ValueError):
            self.get("/user.json")
        self.assertEqual(self.ecm.told, [])

    def test_programs_get_the_same(self) -> None:
        words: dict[str, Any] = json.loads(self.get("/user.json", who="alice@chat.example").body)
        self.assertEqual(words["kind"], "jid")
        self.assertEqual(words["sessions"], [SESSION])
        self.assertEqual(words["connections"], [{"process": 1, **CONNECTION}])

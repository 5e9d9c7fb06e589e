"""The page of one user: what was found, and that nothing gets into it."""

from typing import Any

from twisted.trial.unittest import TestCase

from ecm.page.found import (
    Found,
    ids_of_connections,
    ids_of_sessions,
    with_connections,
    with_sessions,
)
from ecm.page.person import mistake_page, user_page
from ecm.page.who import kind_of
from testkit.seen_page import SeenPage
from testkit.status_view import HOSTILE, NOW, connection, session

WEB = {
    "jid": "alice@chat.example/web",
    "state": "held",
    "rid": "1573741820",
    "waiting": "2",
    "id": "17,18",
}
PHONE = {"jid": "alice@chat.example/phone", "state": "away", "waiting-bytes": "5120", "x": "y"}


def told(*sessions: dict[str, str], more: int = 0, why: str = "") -> dict[str, Any]:
    return {"node": "ejabberd@chat", "sessions": [*sessions], "more": more, "why": why}


def seen(found: Found) -> SeenPage:
    return SeenPage(user_page(found, NOW).removeprefix("<!doctype html>"))


class WhoTests(TestCase):
    def test_a_user_is_named_in_three_ways(self) -> None:
        for who in ("192.0.2.7", "2001:db8::7", "[2001:db8::7]", "::ffff:192.0.2.7"):
            self.assertEqual(kind_of(who), "address")
        for who in ("alice@chat.example", "alice@chat.example/web", "jürgen@b/1.2.3.4"):
            self.assertEqual(kind_of(who), "jid")
        self.assertEqual(kind_of("c3lvdSBmb3VuZCBtZQ"), "sid")

    def test_anything_else_names_nobody(self) -> None:
        for who in ("", "a\nb@c", "x" * 4_000):
            with self.assertRaises(ValueError):
                kind_of(who)


class FoundTests(TestCase):
    def setUp(self) -> None:
        self.found = Found("alice@chat.example", "jid")

    def test_connections_have_the_number_of_their_process(self) -> None:
        answers = [
            {"process": 1, "connections": [], "more": 0},
            {"process": 2, "connections": [connection()], "more": 3},
        ]
        found = with_connections(self.found, answers)
        self.assertEqual([each["process"] for each in found.connections], [2])
        self.assertEqual(found.more_connections, 3)
        self.assertEqual(ids_of_connections(found), ["17"])

    def test_sessions_that_several_have_told_are_the_same(self) -> None:
        answers = [{"process": n, "told": [told(WEB, PHONE, more=1)]} for n in (1, 2)]
        found = with_sessions(self.found, answers)
        self.assertEqual(found.sessions, [WEB, PHONE])
        self.assertEqual(found.more_sessions, 1)
        self.assertEqual(ids_of_sessions(found), ["17", "18"])

    def test_one_answer_is_enough(self) -> None:
        answers = [
            {"process": 1, "told": [told(why="no link")]},
            {"process": 2, "told": [told(WEB)]},
        ]
        self.assertEqual(with_sessions(self.found, answers).why, [])

    def test_without_one_it_is_said_why(self) -> None:
        answers = [{"process": n, "told": [told(why="no link")]} for n in (1, 2)]
        self.assertEqual(with_sessions(self.found, answers).why, ["no link"])

    def test_a_process_that_says_nothing_is_named(self) -> None:
        answers = [{"process": 2, "error": "no answer"}]
        found = with_sessions(with_connections(self.found, answers), answers)
        self.assertEqual(found.errors, ["worker 2: no answer"])

    def test_what_is_no_number_is_no_id(self) -> None:
        found = with_sessions(self.found, [{"told": [told({"id": "7,x,,-1"})]}])
        self.assertEqual(ids_of_sessions(found), ["7"])


class PageTests(TestCase):
    def test_it_shows_sessions_and_connections(self) -> None:
        found = Found(
            "alice@chat.example", "jid", [WEB, PHONE], connections=[connection(process=2)]
        )
        text = seen(found).text
        self.assertIn("alice@chat.example JID: 2 sessions of ejabberd, 1 connection here", text)
        self.assertIn("Session alice@chat.example/web State held", text)
        self.assertIn("Stanzas that wait 2 Last RID 1573741820", text)
        self.assertIn("Bytes that wait 5.1 kB x y", text)
        self.assertIn("203.0.113.7:50123 2 HTTP, TLS request held for 41 s 41 s ago", text)
        self.assertIn("43 s ago 5.1 kB 42.0 ms 17", text)

    def test_fields_are_said_in_words(self) -> None:
        text = seen(Found("x", "jid", [session()])).text
        for said in (
            *("State held", "Online for 2 h 4 min"),
            *("Request held for 41 s", "Bytes that wait 5.1 kB", "Last RID 1573741820"),
            "Last errors rid_gap 2 min 5 s ago, auth 2 h 4 min ago",
        ):
            self.assertIn(said, text)

    def test_a_stream_is_open_and_unix_sockets_have_no_address(self) -> None:
        unknown = {"came": None, "sent": None, "round_trip": None, "waits": None, "address": ""}
        shown = connection(process=1, kind="websocket", **unknown)
        text = seen(Found("x", "sid", connections=[shown])).text
        self.assertIn("a UNIX socket 1 WebSocket, TLS open – – – – 17", text)

    def test_nobody_there_is_said_with_the_reason(self) -> None:
        text = seen(Found("bob@x", "jid", why=["there is no such session"])).text
        self.assertIn("0 sessions of ejabberd, 0 connections here there is no such session", text)
        self.assertIn("None here at the moment.", text)

    def test_an_address_may_be_that_of_a_proxy(self) -> None:
        self.assertIn("behind a proxy", seen(Found("192.0.2.7", "address")).text)

    def test_more_than_is_shown_is_counted(self) -> None:
        found = Found(
            "x", "address", [WEB], 3, connections=[connection(process=1)], more_connections=1_234
        )
        self.assertIn("4 sessions of ejabberd, 1,235 connections here", seen(found).text)

    def test_no_text_of_others_becomes_an_element(self) -> None:
        pages = [
            seen(
                Found(
                    text,
                    "jid",
                    [{"jid": text, "x": text}],
                    1,
                    [text],
                    [connection(process=1, address=text, kind=text, phase=text, ids=[text])],
                    1,
                    [text],
                )
            )
            for text in (HOSTILE, "x")
        ]
        self.assertEqual(*[[name for name, _ in page.elements] for page in pages])
        mistake = mistake_page(HOSTILE, HOSTILE)
        self.assertNotIn("<script", mistake)
        self.assertNotIn("<img", mistake)

    def test_it_can_be_said_in_json(self) -> None:
        words = Found("x", "sid", [WEB]).words()
        self.assertEqual((words["who"], words["sessions"]), ("x", [WEB]))

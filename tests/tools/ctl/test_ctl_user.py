"""One user as text."""

import re
from typing import Any

from twisted.trial.unittest import TestCase

from ecm.page.found import Found
from ecm.tools.ctl.user import user
from testkit.status_view import connection, session


def said(**found: Any) -> list[str]:
    return user(Found(**{"who": "alice@chat.example", "kind": "jid", **found}).words()).split("\n")


class UserTests(TestCase):
    def test_sessions_have_their_fields_and_connections_a_row(self) -> None:
        lines = said(sessions=[session()], connections=[connection(process=2)])
        self.assertEqual(lines[0], "alice@chat.example: 1 session of ejabberd, 1 connection here")
        self.assertEqual(
            lines[2:4],
            ["session alice@chat.example/web", "  node           ejabberd@chat1.example"],
        )
        self.assertEqual(
            re.split(" {2,}", lines[-2]),
            [
                *("203.0.113.7:50123", "2", "http over TLS", "held", "41 s ago", "43 s ago"),
                *("5,120 B", "42.0 ms", "17"),
            ],
        )

    def test_nobody_there_is_said_with_the_reason(self) -> None:
        lines = said(why=["there is no such session"], errors=["worker 2: no answer"])
        self.assertIn("0 sessions of ejabberd, 0 connections here", lines[0])
        self.assertEqual(lines[1:], ["  there is no such session", "  worker 2: no answer", ""])

    def test_what_is_not_known_is_none(self) -> None:
        nothing: dict[str, Any] = {
            "came": None,
            "sent": None,
            "round_trip": None,
            "waits": None,
            "ids": [],
        }
        lines = said(connections=[connection(process=1, address="", **nothing)])
        self.assertTrue(lines[-2].startswith("a UNIX socket"))
        self.assertEqual(lines[-2].split()[-5:], ["-"] * 5)

    def test_nothing_commands_the_terminal(self) -> None:
        text = user(Found("\x1b[2J", "jid", [{"jid": "\x1b]0;x\x07", "x": "\x9b31m"}]).words())
        self.assertEqual([each for each in text if not each.isprintable()], ["\n"] * 4)

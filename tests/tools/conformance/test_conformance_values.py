"""Patterns and placeholders."""

import hashlib

from twisted.trial.unittest import TestCase

from conformance.actor import Actor
from conformance.errors import Failed
from conformance.pattern import is_pattern, matches
from conformance.target import Account
from conformance.values import expand

KNOWN = {"rid": "41", "sid": "abc", "bob.jid": "bob@localhost/x", "xmpp:version": "1.0"}


class PatternTest(TestCase):
    def test_itself(self) -> None:
        self.assertTrue(matches("abc", "abc"))
        self.assertFalse(matches("abc", "abcd"))
        self.assertFalse(matches("abc", None))

    def test_any(self) -> None:
        self.assertTrue(matches("{any}", ""))
        self.assertFalse(matches("{any}", None))

    def test_none(self) -> None:
        self.assertTrue(matches("{none}", None))
        self.assertFalse(matches("{none}", ""))

    def test_number(self) -> None:
        self.assertTrue(matches("{number}", "0"))
        for value in ("", "-1", "1.5", "+1", "٣", None):
            self.assertFalse(matches("{number}", value), value)

    def test_range(self) -> None:
        for value, fits in (("0", False), ("1", True), ("60", True), ("61", False), ("x", False)):
            self.assertEqual(matches("{1..60}", value), fits, value)

    def test_not(self) -> None:
        self.assertTrue(matches("{not close}", "keep-alive"))
        self.assertFalse(matches("{not close}", "close"))
        self.assertFalse(matches("{not close}", None))

    def test_choices(self) -> None:
        for value, fits in (("a", True), ("7", True), (None, True), ("9", False), ("b", False)):
            self.assertEqual(matches("{none|a|5..8}", value), fits, value)

    def test_placeholders_are_no_patterns(self) -> None:
        for inside in ("rid", "rid+1", "sid", "K9", "notary", "anyone"):
            self.assertFalse(is_pattern(inside), inside)


class ExpandTest(TestCase):
    def expanded(self, text: str) -> str:
        return expand(text, KNOWN.get)

    def test_values(self) -> None:
        self.assertEqual(
            self.expanded("<a b='{sid}' c='{bob.jid}'/>"), "<a b='abc' c='bob@localhost/x'/>"
        )
        self.assertEqual(self.expanded("{xmpp:version}"), "1.0")

    def test_numbers(self) -> None:
        self.assertEqual(self.expanded("{rid+1} {rid} {rid-41}"), "42 41 0")

    def test_patterns_stay(self) -> None:
        self.assertEqual(self.expanded("{any} {1..60} {a|b}"), "{any} {1..60} {a|b}")

    def test_values_in_patterns(self) -> None:
        self.assertEqual(
            self.expanded("{none|{rid}} {0..{rid+1}} {not {sid}}"), "{none|41} {0..42} {not abc}"
        )

    def test_unknown(self) -> None:
        with self.assertRaisesRegex(Failed, "nothing is known as {colour}"):
            self.expanded("{colour}")

    def test_adding_to_what_is_no_number(self) -> None:
        with self.assertRaisesRegex(Failed, "sid is not a number: 'abc'"):
            self.expanded("{sid+1}")


class ActorValuesTest(TestCase):
    def setUp(self) -> None:
        self.actor = Actor("alice", Account("al", "secret"), "localhost")

    def test_own(self) -> None:
        self.assertEqual(self.actor.value("bare"), "al@localhost")
        self.assertEqual(self.actor.value("plain"), "AGFsAHNlY3JldA==")

    def test_attributes_of_the_session(self) -> None:
        self.actor.session = {"polling": "5"}
        self.assertEqual(self.actor.value("polling"), "5")
        self.assertIsNone(self.actor.value("maxpause"))

    def test_keys_are_hashes_of_those_below(self) -> None:
        key, below = self.actor.value("K9"), self.actor.value("K8")
        assert key is not None and below is not None
        self.assertEqual(key, hashlib.sha1(below.encode()).hexdigest())
        self.assertNotEqual(key, self.actor.value("L9"))

    def test_only_who_is_not_held_has_to_rest(self) -> None:
        for session, rest in [
            ({"wait": "60", "hold": "1", "polling": "2"}, "0"),
            ({"wait": "0", "hold": "1", "polling": "2"}, "3"),
            ({"wait": "60", "hold": "0", "polling": "2"}, "3"),
            ({"wait": "0", "hold": "1"}, "0"),
        ]:
            self.actor.session = session
            self.assertEqual(self.actor.value("rest"), rest, session)

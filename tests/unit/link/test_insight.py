"""Numbers of a node, and sessions that ECM asks for: as told, and where the peer is wrong."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_TOLD, MAX_TOLD_LINE, MAX_TOLD_NUMBERS, MAX_TOLD_SESSIONS
from ecm.link.events import Inspected, Statistics
from ecm.link.insight import question, told
from ecm.link.message import ContentError, Message, decode, encode
from ecm.link.packet import MAX_ID
from testkit.typed_vectors import content, named

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
FIELDS = st.dictionaries(st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=9), TEXT)


def numbers(body: bytes) -> dict[str, int]:
    event = told(Message("stats", body=body))
    assert isinstance(event, Statistics)
    return event.numbers


def answer(body: bytes, **fields: str) -> Inspected:
    event = told(Message("inspected", ("1",), fields, body))
    assert isinstance(event, Inspected)
    return event


class StatisticsTests(TestCase):
    def test_numbers_have_names(self) -> None:
        said = decode(content(named("numbers of a node")))
        wanted = {"sessions.held": 17, "sessions.away": 3, "errors.rid_gap.strophe": 1}
        self.assertEqual(told(said), Statistics(wanted))

    def test_what_is_no_number_of_a_name_is_left_out(self) -> None:
        for line in (
            *(b"", b"a", b"a ", b" 1", b"a -1", b"a 1.5", b"a 1 2", b"A 1", b"a\t1", b"a 1\r"),
            *(b"\xc3\xa4 1", b"a 123456789012345678901", b"x" * 65 + b" 1", b"a %d" % (MAX_ID + 1)),
        ):
            self.assertEqual(numbers(b"b 2\n" + line + b"\nc 3\n"), {"b": 2, "c": 3}, line)
        self.assertEqual(numbers(b"a %d\n" % MAX_ID), {"a": MAX_ID})

    def test_there_is_an_end(self) -> None:
        many = b"".join(b"n%d 1\n" % each for each in range(MAX_TOLD_NUMBERS + 5))
        self.assertEqual(len(numbers(many)), MAX_TOLD_NUMBERS)
        self.assertEqual(numbers(b"a 1\n" + b"\n" * MAX_TOLD + b"b 1\n"), {"a": 1})
        self.assertEqual(numbers(b"a 1\n" + b"x" * (MAX_TOLD - 7) + b"\nb 12\n"), {"a": 1})


class SessionTests(TestCase):
    def test_sessions_have_fields(self) -> None:
        said = decode(content(named("sessions that were asked for")))
        wanted = [
            {"jid": "alice@chat.example/web", "state": "held", "waiting": "0"},
            {"jid": "alice@chat.example/at home", "state": "away", "waiting": "2"},
        ]
        self.assertEqual(told(said), Inspected("1", wanted))

    def test_some_may_be_left_out_or_none_be_there(self) -> None:
        some = decode(content(named("some of the sessions that were asked for")))
        self.assertEqual(told(some), Inspected("2", [{"jid": "a@b/c"}], more=12))
        none = decode(content(named("no session as was asked for")))
        self.assertEqual(told(none), Inspected("3", [], why="not-found"))

    def test_a_line_with_a_fault_is_left_out(self) -> None:
        for line in (b"", b"jid", b"jid=%", b"jid=%FF", b"a=1 a=2", b"a=1  b=2", b"A=1", b"a=\x00"):
            self.assertEqual(answer(b"a=1\n%b\nb=2\n" % line).sessions, [{"a": "1"}, {"b": "2"}])

    def test_there_is_an_end(self) -> None:
        many = b"a=1\n" * (MAX_TOLD_SESSIONS + 1)
        self.assertEqual(len(answer(many).sessions), MAX_TOLD_SESSIONS)
        long = b"a=%b\n" % (b"x" * MAX_TOLD_LINE)
        self.assertEqual(answer(long + b"b=2\n").sessions, [{"b": "2"}])
        self.assertEqual(answer(b"\n" * MAX_TOLD + b"b=2\n").sessions, [])

    @given(st.lists(FIELDS.filter(bool), max_size=5))
    def test_any_text_crosses_as_it_is(self, sessions: list[dict[str, str]]) -> None:
        lines = [encode("pong", ["1"], each).removeprefix(b"pong 1 ") for each in sessions]
        self.assertEqual(answer(b"".join(line + b"\n" for line in lines)).sessions, sessions)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_taken_for_something_or_nothing(self, body: bytes) -> None:
        self.assertLessEqual(len(answer(body).sessions), MAX_TOLD_SESSIONS)
        self.assertTrue(all(0 <= each <= MAX_ID for each in numbers(body).values()))


class QuestionTests(TestCase):
    def test_questions_are_written_as_agreed(self) -> None:
        for name, asked in (
            ("question about the sessions of a JID", question("1", jid="alice@chat.example")),
            ("question about a session", question("3", sid="abc")),
            ("question about the session of a connection", question("4", id=7)),
        ):
            self.assertEqual(asked, content(named(name)))

    def test_one_thing_is_asked_for_that_may_be_one(self) -> None:
        for asked in (
            *({}, {"jid": ""}, {"jid": "a@b", "sid": "abc"}, {"jid": "a\n@b"}, {"jid": "\x7f"}),
            *({"jid": "x" * 2000}, {"sid": "\udc80"}, {"id": -1}, {"id": MAX_ID + 1}),
        ):
            self.assertRaises(ContentError, question, "1", **asked)

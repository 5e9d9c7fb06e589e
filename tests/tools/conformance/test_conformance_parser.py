"""Reading scripts of the conformance suite."""

from twisted.trial.unittest import TestCase

from conformance.errors import ScriptError
from conformance.parser import parse
from conformance.runner import scripts
from conformance.script import (
    Expected,
    HangUp,
    Level,
    LogIn,
    Need,
    OpenSession,
    PollFor,
    Receive,
    ReceiveAgain,
    ReceiveNothing,
    Repeat,
    Script,
    Send,
    Statement,
    Times,
    Wait,
)

HEADERS = "xep: 0124 8\nlevel: must\nwhy: It is so.\n\n"


def played(text: str) -> list[Statement]:
    return parse("a/script", HEADERS + text).statements


class HeadersTest(TestCase):
    def test_headers(self) -> None:
        script = parse("a/script", HEADERS + "alice waits 1 s\n")
        wait = Wait(5, "alice waits 1 s", "alice", "", "1")
        self.assertEqual(script, Script("a/script", "0124 8", Level.MUST, "It is so.", [wait]))

    def test_a_header_goes_on_where_it_is_indented(self) -> None:
        script = parse("a", "xep: 1\nlevel: may\nwhy: It\n    is so.\n\nalice waits 1 s")
        self.assertEqual((script.why, script.level), ("It is so.", Level.MAY))

    def fails(self, text: str, line: int, words: str) -> None:
        with self.assertRaisesRegex(ScriptError, words) as raised:
            parse("a", text)
        self.assertEqual(raised.exception.line, line)

    def test_missing_header(self) -> None:
        self.fails("xep: 1\nlevel: may\n\nalice waits 1 s", 1, "'why' is missing")

    def test_unknown_header(self) -> None:
        self.fails("xep: 1\ncolour: red\n\nalice waits 1 s", 2, "xep, level, why")

    def test_unknown_level(self) -> None:
        self.fails("xep: 1\nlevel: can\nwhy: So.\n\nalice waits 1 s", 1, "must, should, may")

    def test_nothing_is_played(self) -> None:
        self.fails(HEADERS + "# Nothing.\n", 5, "nothing is played")


class SendTest(TestCase):
    def test_body_on_several_lines(self) -> None:
        [send] = played("alice on A sends\n    <body>\n        <x/>\n    </body>\n")
        text = "<body>\n    <x/>\n</body>"
        self.assertEqual(send, Send(5, "alice on A sends", "alice", "A", "1.1", {}, text, False))

    def test_headers_and_version(self) -> None:
        [send] = played("alice sends over HTTP/1.0\n    Connection: close\n    X-Y:\n    <body/>\n")
        assert isinstance(send, Send)
        self.assertEqual(send.version, "1.0")
        self.assertEqual(send.headers, {"Connection": "close", "X-Y": ""})
        self.assertEqual(send.body, "<body/>")

    def test_what_is_posted_need_not_be_xml(self) -> None:
        [send, empty] = played("alice posts\n    <body\nbob posts\n")
        assert isinstance(send, Send) and isinstance(empty, Send)
        self.assertEqual((send.body, send.literal), ("<body", True))
        self.assertEqual(empty.body, "")

    def test_what_is_sent_has_to_be_xml(self) -> None:
        with self.assertRaisesRegex(ScriptError, "line 5: no well-formed XML"):
            played("alice sends\n    <body>\n")

    def test_one_account_on_two_devices(self) -> None:
        [send] = played("alice/phone sends\n    <body/>\n")
        assert isinstance(send, Send)
        self.assertEqual(send.actor, "alice/phone")


class ReceiveTest(TestCase):
    def expected(self, text: str) -> list[Expected]:
        [receive] = played(text)
        assert isinstance(receive, Receive)
        return receive.answers

    def test_body(self) -> None:
        self.assertEqual(
            self.expected("alice receives\n    <body/>\n"), [Expected(200, {}, "<body/>")]
        )

    def test_status_alone(self) -> None:
        self.assertEqual(self.expected("alice receives 404\n"), [Expected(404)])

    def test_headers_alone(self) -> None:
        answers = self.expected("alice receives\n    Content-Length: {number}\n")
        self.assertEqual(answers, [Expected(200, {"Content-Length": "{number}"})])

    def test_alternatives(self) -> None:
        text = "alice receives\n    <body/>\nor 404\nor\n    <body type='error'/>\n"
        other = Expected(200, {}, "<body type='error'/>")
        self.assertEqual(self.expected(text), [Expected(200, {}, "<body/>"), Expected(404), other])

    def test_alternative_to_nothing(self) -> None:
        with self.assertRaisesRegex(ScriptError, "line 6: 'or' goes on with 'receives'"):
            played("alice waits 1 s\nor 404\n")

    def test_nothing_is_said_to_be_received(self) -> None:
        with self.assertRaisesRegex(ScriptError, "must be indented below"):
            played("alice receives\n")

    def test_alternative_with_a_bad_status(self) -> None:
        with self.assertRaisesRegex(ScriptError, "three digits: 4xx"):
            played("alice receives 404\nor 4xx\n")

    def test_nothing_for_a_time(self) -> None:
        text = "alice on A receives nothing for {wait+1} s"
        self.assertEqual(played(text), [ReceiveNothing(5, text, "alice", "A", "{wait+1}")])

    def test_again(self) -> None:
        text = "alice receives the answer to {rid-1} again"
        self.assertEqual(played(text), [ReceiveAgain(5, text, "alice", "", "{rid-1}")])


class OtherStatementsTest(TestCase):
    def check(self, text: str, *expected: Statement) -> None:
        self.assertEqual(played(text), list(expected))

    def test_login(self) -> None:
        text = "alice logs in as home with hold='2' xml:lang='de'"
        attributes = {"hold": "2", "xml:lang": "de"}
        self.check(text, LogIn(5, text, "alice", "", "home", attributes))

    def test_login_as_anything(self) -> None:
        self.check("bob logs in", LogIn(5, "bob logs in", "bob", "", "", {}))

    def test_session(self) -> None:
        text = "alice opens a session with ver=''"
        self.check(text, OpenSession(5, text, "alice", "", {"ver": ""}))

    def test_attributes_that_are_none(self) -> None:
        with self.assertRaisesRegex(ScriptError, "name='value'"):
            played("alice opens a session with hold=2")

    def test_repeat(self) -> None:
        text = "alice on B repeats {rid}"
        self.check(text, Repeat(5, text, "alice", "B", "{rid}"))

    def test_hang_up(self) -> None:
        self.check("alice on A hangs up", HangUp(5, "alice on A hangs up", "alice", "A"))

    def test_poll_for(self) -> None:
        text = "alice polls for\n    <message/>\n    <message/>\n"
        self.check(text, PollFor(5, "alice polls for", "alice", "", "<message/>\n<message/>"))

    def test_needs(self) -> None:
        for text, present, least, most in [
            ("alice needs polling", True, "", ""),
            ("alice needs no polling", False, "", ""),
            ("alice needs polling at least 2", True, "2", ""),
            ("alice needs polling at most {longest}", True, "", "{longest}"),
        ]:
            self.check(text, Need(5, text, "alice", "", "polling", present, least, most))

    def test_times(self) -> None:
        inner = [Wait(6, "alice waits 1 s", "alice", "", "1"), HangUp(7, "bob hangs up", "bob", "")]
        text = "3 times\n    alice waits 1 s\n    bob hangs up\n"
        self.check(text, Times(5, "3 times", 3, list(inner)))

    def test_comments_are_left_out(self) -> None:
        text = "# First.\nalice waits 1 s\n"
        self.check(text, Wait(6, "alice waits 1 s", "alice", "", "1"))

    def test_what_nobody_understands(self) -> None:
        with self.assertRaisesRegex(ScriptError, "line 6: not understood: alice sings"):
            played("alice waits 1 s\nalice sings")

    def test_indented_below_nothing(self) -> None:
        with self.assertRaisesRegex(ScriptError, "line 5: .*nothing above it"):
            played("    alice waits 1 s")


class AllScriptsTest(TestCase):
    def test_all_can_be_read(self) -> None:
        self.assertGreater(len(scripts()), 100)

    def test_all_name_the_section_they_show(self) -> None:
        for script in scripts():
            self.assertRegex(script.xep, r"^0(124|206) [0-9]+(\.[0-9]+)?$", script.name)

    def test_all_say_why_in_one_sentence(self) -> None:
        for script in scripts():
            self.assertRegex(script.why, r"^[A-Z].*[^.]\.$", script.name)

"""The conformance suite with servers that want to harm whoever tries them."""

import asyncio
import contextlib
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import repeat
from typing import Any

from hypothesis import given
from hypothesis.strategies import binary, lists, sampled_from
from twisted.trial.unittest import TestCase

from conformance import body
from conformance.errors import Failed, Skipped
from conformance.limits import MAX_ANSWERS, MAX_BODY, MAX_DEPTH, MAX_ELEMENTS, MAX_HEAD
from conformance.matcher import differences
from conformance.outcome import Outcome, Result
from conformance.response import NoAnswer, Response, response, unpacked
from conformance.runner import run, scripts
from conformance.script import Level, Script
from conformance.stage import Stage, described
from conformance.target import target

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

# What comes once, and what is said of it.
ONCE = {
    b"SSH-2.0-OpenSSH\r\n\r\n": "it does not begin as HTTP does: 'SSH-2.0-OpenSSH'",
    b"HTTP/1.1 \xd9\xa3\xd9\xa3 OK\r\n\r\n": "it does not begin as HTTP does",
    b"HTTP/1.1 -200 OK\r\n\r\n": "it does not begin as HTTP does",
    b"\r\n\r\n": "it does not begin as HTTP does: ''",
    OK + b"Content-Length: -1\r\n\r\n": "its Content-Length is '-1'",
    OK + b"Content-Length: 1_0\r\n\r\n": "its Content-Length is '1_0'",
    OK + b"Content-Length: %s\r\n\r\n" % (b"9" * 5000): "its Content-Length is '999",
    OK + b"Content-Length: 99999999999\r\n\r\n": f"its body is longer than {MAX_BODY} bytes",
    CHUNKED + b"fffffffff\r\n": f"its body is longer than {MAX_BODY} bytes",
    CHUNKED + b"-1\r\n": "a chunk has the size",
    CHUNKED + b"1_0\r\n": "a chunk has the size",
    CHUNKED + b"1\r\nxyz": "a chunk does not end where it should",
}

# What comes without an end.
WITHOUT_END = [
    (OK, b"A: b\r\n" * 100, f"its head, or a line of it, is longer than {MAX_HEAD} bytes"),
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "more than 8 answers came that say to wait"),
    (OK + b"\r\n", b"x" * 50_000, f"its body is longer than {MAX_BODY} bytes"),
    (CHUNKED, b"c350\r\n%b\r\n" % (b"x" * 50_000), f"its body is longer than {MAX_BODY} bytes"),
    (CHUNKED + b"1;", b"x" * 1000, f"its head, or a line of it, is longer than {MAX_HEAD} bytes"),
    (CHUNKED + b"0\r\n", b"A: b\r\n" * 100, f"its trailer is longer than {MAX_HEAD} bytes"),
]

# Megabytes that are a few kilobytes on the way.
BOMB = b"\0" * (100 * 1024 * 1024)

MAD = """
<body xmlns='http://jabber.org/protocol/httpbind' xmlns:stream='http://etherx.jabber.org/streams'
    sid='{{sid}}{{rid+1}}x{{sid}}' wait='{0}' hold='0' polling='{0}' inactivity='nan'
    maxpause='{0}' requests='1e999' ver='1.11' rid='{{longest}}'>
<stream:features/><success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
<iq xmlns='jabber:client' id='bind' type='result'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>
<jid>{{jid}}'/&gt;&lt;a{{{{</jid></bind></iq></body>"""


def answer(content: bytes, more: bytes = b"") -> bytes:
    return OK + b"Content-Length: %d\r\n%b\r\n%b" % (len(content), more, content)


@asynccontextmanager
async def server(parts: Callable[[], Iterator[bytes]]) -> AsyncIterator[str]:
    """Whatever is asked on a connection, write these parts, as far as they are taken."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(100_000):
                for part in parts():
                    writer.write(part)
                    await writer.drain()
        writer.close()

    listening = await asyncio.start_server(speak, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    finally:
        listening.close()


def stage(url: str, patience: float = 20, longest: float = 1) -> Stage:
    return Stage(target(url, "localhost", "alice:secret,bob:secret"), patience, longest)


class HostileServerTests(TestCase):
    def ask(self, *parts: bytes, patience: float = 20) -> Response:
        """Ask a server that answers with these parts; return the answer. Raises Failed."""
        return asyncio.run(self._ask(lambda: iter(parts), patience))

    async def _ask(self, parts: Callable[[], Iterator[bytes]], patience: float = 20) -> Response:
        async with server(parts) as url:
            played = stage(url, patience)
            try:
                actor = played.actor("alice")
                came, _ = await played.answer(actor, await played.send(actor, "<body/>"))
                return came
            finally:
                await played.end()

    def assert_failure(self, asked: Coroutine[Any, Any, Any], said: str) -> None:
        failed = self.assertRaises(Failed, asyncio.run, asked)
        self.assertIn(said, str(failed))

    def test_what_is_no_answer(self) -> None:
        for came, said in ONCE.items():
            self.assert_failure(self._ask(partial(iter, [came])), said)

    def test_what_has_no_end(self) -> None:
        for begin, rest, said in WITHOUT_END:
            tracemalloc.start()
            self.assert_failure(self._ask(partial(iter_from, begin, rest)), said)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.assertLess(peak, 4 * MAX_BODY, said)

    def test_what_does_not_come(self) -> None:
        for came in (b"", OK, OK + b"Content-Length: 5\r\n\r\nabcd", CHUNKED + b"1\r\n"):
            self.assert_failure(self._ask(partial(iter, [came]), 0.1), "no answer came for 0.1 s")

    def test_what_grows_when_it_is_unpacked(self) -> None:
        for encoding, packed in (("gzip", gzip.compress(BOMB)), ("deflate", zlib.compress(BOMB))):
            tracemalloc.start()
            said = str(self.assertRaises(NoAnswer, unpacked, packed, encoding))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.assertEqual(said, f"its body is longer than {MAX_BODY} bytes")
            self.assertLess(peak, 4 * MAX_BODY)
            for wrong in (packed[:-1], b"", b"<body/>"):
                self.assertRaises(NoAnswer, unpacked, wrong, encoding)
            self.assertEqual(unpacked(gzip.compress(b"<body/>"), "gzip"), b"<body/>")

    def test_all_answers_of_a_script_are_counted(self) -> None:
        async def ask_on(large: bytes) -> None:
            came = answer(b"<body>%b</body>" % large)
            async with server(partial(iter, [came])) as url:
                played = stage(url)
                try:
                    await played.gather(played.actor("alice"), lambda came: False)
                finally:
                    await played.end()

        for large in (b"x" * (MAX_BODY // 2), b"<a/>" * (MAX_ELEMENTS - 1)):
            self.assert_failure(ask_on(large), f"together are longer than {MAX_ANSWERS} bytes")

    def test_what_a_terminal_would_obey_is_not_shown(self) -> None:
        said = described(self.ask(answer(b"\x1b]0;title\x07 and \xc2\x9b31m text")))
        script = Script("a/script", "0124 8", Level.MUST, "It is so.", [])
        for result in (Result.FAIL, Result.SKIP):
            told = Outcome(script, result, f"came: {said}", "line 1: x").told()
            self.assertIn("came: \ufffd]0;title\ufffd and \ufffd31m text", told)
            self.assertLess(len(Outcome(script, result, "x" * 10**6, "x").told()), 10_000)


class HostileXmlTests(TestCase):
    def test_what_takes_more_memory_than_bytes(self) -> None:
        for text in (
            *("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<!DOCTYPE a><a/>"),
            "<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1),
            "<a>" * 1_000_000,
            "<a>" + "<b/>" * MAX_ELEMENTS + "</a>",
        ):
            for written in (text, text.encode(), text.encode("utf-16")):
                self.assertRaises(ValueError, body.element, written)
        deep = body.element("<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH)
        self.assertEqual(body.shown(deep).count("<a"), MAX_DEPTH)

    def test_what_takes_long_to_compare(self) -> None:
        pattern = body.element(f"<body>{'...<a/>' * 9}...<b/></body>")
        came = body.element(f"<body>{'<a/>' * (MAX_ELEMENTS - 1)}</body>")
        self.assertEqual(len(differences(pattern, came)), 1)
        came.append(pattern[-1])
        self.assertEqual(differences(pattern, came), [])

    def test_a_server_that_asks_for_a_year(self) -> None:
        played = stage("http://127.0.0.1:1/", longest=1)
        alice = played.actor("alice")
        alice.session = {"polling": "31536000", "wait": "0"}
        self.assertRaises(Skipped, played.rest, alice)
        for seconds in (float("nan"), float("inf"), -1.0, 12.0):
            self.assertRaises(Skipped, played.bounded, seconds)
        self.assertEqual(played.bounded(11.0), 11.0)

    def test_a_value_that_contains_itself(self) -> None:
        played = stage("http://127.0.0.1:1/")
        alice = played.actor("alice")
        alice.sid = "x{sid}"
        self.assertEqual(played.expand(alice, "<a b='{sid}'/>"), "<a b='x{sid}'/>")


class EveryScriptTests(TestCase):
    """Whatever is answered to all scripts, each has its result."""

    timeout = 120

    def outcomes(self, came: bytes) -> list[Outcome]:
        async def play() -> list[Outcome]:
            async with server(lambda: iter([came])) as url:
                return await run(scripts(), lambda: stage(url, 0.5), lambda outcome: None)

        return asyncio.run(play())

    def test_with_an_answer_of_nonsense(self) -> None:
        outcomes = self.outcomes(answer(MAD.format("9" * 1000).encode()))
        self.assertEqual(
            {outcome.result for outcome in outcomes} - {Result.PASS}, {Result.FAIL, Result.SKIP}
        )

    def test_with_a_bomb(self) -> None:
        packed = answer(gzip.compress(BOMB[: 2 * MAX_BODY]), b"Content-Encoding: gzip\r\n")
        self.assertEqual({outcome.result for outcome in self.outcomes(packed)}, {Result.FAIL})


def iter_from(begin: bytes, rest: bytes) -> Iterator[bytes]:
    yield begin
    yield from repeat(rest)


PIECES = [
    *(OK, CHUNKED, b"\r\n", b"\r\n\r\n", b"Content-Length: ", b"5", b"-", b"0\r\n\r\n", b"<body/>"),
    *(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 ", b"5\r\n", b"Content-Encoding: gzip\r\n"),
    *(b"hello\r\n", gzip.compress(b"hello"), b":", b" ", b"\0", b"\xff"),
]


class AnyBytesTests(TestCase):
    def setUp(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)

    @given((lists(sampled_from(PIECES), max_size=8) | lists(binary(), max_size=3)).map(b"".join))
    def test_any_bytes_are_an_answer_or_none(self, came: bytes) -> None:
        with contextlib.suppress(NoAnswer, EOFError):
            self.loop.run_until_complete(self.read(came))

    async def read(self, came: bytes) -> None:
        """Read all answers in these bytes."""
        reader = asyncio.StreamReader(limit=MAX_HEAD)
        reader.feed_data(came)
        reader.feed_eof()
        while not reader.at_eof():
            described(await response(reader))

"""Events of Twisted's log as text, for the journal, and as JSON."""

import json
from datetime import datetime
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import Logger, LogLevel, LogPublisher, globalLogPublisher
from twisted.python import log as old_log
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_LOG_LINE
from ecm.log.entry import Entry, entry_of
from ecm.log.formats import as_journal, as_json, as_text, from_json


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("of course not")


class FormatTestCase(TestCase):
    def entry(self, format: str, level: LogLevel = LogLevel.warn, **fields: Any) -> Entry:
        """The entry of an event of a logger."""
        events = EventLoggingObserver()
        Logger("ecm.test", observer=LogPublisher(events)).emit(level, format, **fields)
        return entry_of(list(events)[0])

    def failed(self) -> Entry:
        events = EventLoggingObserver()
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            Logger("ecm.test", observer=LogPublisher(events)).failure("it failed", Failure())
        return entry_of(list(events)[0])


class EntryTests(FormatTestCase):
    def test_fields_are_values_that_json_has(self) -> None:
        address = IPv4Address("TCP", "192.0.2.1", 5)
        entry = self.entry(
            "{number}",
            number=1,
            share=0.5,
            all=float("inf"),
            raw=b"a\xff",
            who=address,
            none=None,
            broken=Unprintable(),
        )
        self.assertEqual(
            entry.fields,
            {
                "number": 1,
                "share": 0.5,
                "all": "inf",
                "raw": "a\\xff",
                "who": str(address),
                "none": None,
                "broken": "?",
            },
        )

    def test_an_event_of_the_old_interface_has_no_logger(self) -> None:
        events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        old_log.msg("(TCP Port 1 Closed)")
        (event,) = events
        self.assertEqual(entry_of(event).logger, "-")
        self.assertEqual(entry_of(event).text, "(TCP Port 1 Closed)")
        self.assertTrue(as_text(entry_of(event)).endswith(b" [-] (TCP Port 1 Closed)\n"))


class TextTests(FormatTestCase):
    def test_it_looks_as_twistd_has_it(self) -> None:
        self.assertRegex(
            as_text(self.entry("link up, {number}", number=7)),
            rb"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[ecm\.test#warn\] link up, 7\n\Z",
        )

    def test_further_lines_are_indented(self) -> None:
        first, *others = as_text(self.failed()).decode().splitlines()
        self.assertTrue(first.endswith("[ecm.test#critical] it failed"), first)
        self.assertTrue(all(line.startswith("\t") for line in others), others)
        self.assertIn("ZeroDivisionError", others[-1] + others[-2])

    def test_nothing_obeys_what_a_client_has_sent(self) -> None:
        written = as_text(self.entry("{text}", text="a\x1b[2J\x00\x9b\rb\u2028\udcff"))
        self.assertTrue(written.endswith(rb"a\x1b[2J\x00\x9b\rb\u2028\udcff" + b"\n"), written)


class JournalTests(FormatTestCase):
    def test_each_line_has_the_priority_of_its_level_and_no_time(self) -> None:
        for level, priority in (
            (LogLevel.debug, 7),
            (LogLevel.info, 6),
            (LogLevel.warn, 4),
            (LogLevel.error, 3),
            (LogLevel.critical, 2),
        ):
            self.assertEqual(as_journal(self.entry("link up", level)), b"<%d>link up\n" % priority)

    def test_so_has_each_line_of_a_traceback(self) -> None:
        lines = as_journal(self.failed()).splitlines()
        self.assertEqual(lines[0], b"<2>it failed")
        self.assertGreater(len(lines), 3)
        self.assertTrue(all(line.startswith(b"<2>") for line in lines), lines)

    def test_a_client_cannot_give_a_line_another_priority(self) -> None:
        written = as_journal(self.entry("{text}", text="a\r<0>b\n<0>c"))
        self.assertEqual(written, b"<4>a\\r<0>b\n<4><0>c\n")


class JsonTests(FormatTestCase):
    def test_an_entry_is_an_object_in_a_line(self) -> None:
        entry = self.entry("{number} of\n{who}", number=3, who="ä\udcff")
        written = as_json(entry)
        self.assertEqual((written.count(b"\n"), written[-1:]), (1, b"\n"))
        values = json.loads(written)
        time = datetime.fromisoformat(values.pop("time"))
        self.assertLessEqual(abs(time.timestamp() - entry.time), 0.001)
        self.assertEqual(
            values,
            {
                "level": "warn",
                "logger": "ecm.test",
                "worker": None,
                "text": "3 of\nä\udcff",
                "fields": {"number": 3, "who": "ä\udcff"},
            },
        )

    def test_the_supervisor_reads_what_a_worker_writes(self) -> None:
        entry = self.entry("{number}", LogLevel.error, number=3)
        read = from_json(as_json(entry), 5)
        self.assertEqual((read.level, read.logger, read.text), ("error", "ecm.test", "3"))
        self.assertEqual((read.worker, read.fields), (5, {"number": 3}))
        self.assertEqual(read.named_text, "worker 5: 3")
        self.assertEqual(json.loads(as_json(read))["worker"], 5)

    def test_what_is_no_entry_is_refused(self) -> None:
        entry = json.loads(as_json(self.entry("a")))
        for line in (
            *(b"Fatal Python error", b"[]", b"3", b"null", b"{}", b"\xff"),
            *(
                json.dumps({**entry, **wrong}).encode()
                for wrong in ({"level": "loud"}, {"fields": 3}, {"time": "soon"}, {"time": 3})
            ),
        ):
            self.assertRaises(ValueError, from_json, line, 1)

    def test_a_line_is_not_too_long(self) -> None:
        for text in ("x" * MAX_LOG_LINE, "\N{GRINNING FACE}" * MAX_LOG_LINE):
            written = as_json(self.entry("{text}", text=text))
            self.assertLessEqual(len(written), MAX_LOG_LINE)
            self.assertTrue(text.startswith(json.loads(written)["text"]))
            self.assertGreater(len(written), MAX_LOG_LINE / 20)

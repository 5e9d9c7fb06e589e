"""The observer of the log: levels, and the warnings that a status shows."""

from twisted.logger import Logger, LogPublisher
from twisted.trial.unittest import TestCase

from ecm.log.formats import as_journal
from ecm.log.level import THRESHOLD
from ecm.log.observer import Observer
from ecm.log.warnings import WARNINGS


class ObserverTests(TestCase):
    def setUp(self) -> None:
        self.written: list[bytes] = []
        self.patch(THRESHOLD, "level", "info")
        self.patch(WARNINGS, "_warned", {})
        observer = Observer(as_journal, self.written.append)
        self.log = Logger("ecm.test", observer=LogPublisher(observer))

    def test_what_is_below_the_level_is_not_written(self) -> None:
        self.log.debug("one")
        self.log.info("two")
        THRESHOLD.level = "debug"
        self.log.debug("three")
        self.assertEqual(self.written, [b"<6>two\n", b"<7>three\n"])

    def test_warnings_and_errors_are_kept(self) -> None:
        self.log.info("one")
        self.log.warn("two {number}", number=1)
        self.log.warn("two {number}", number=2)
        self.log.error("three")
        kept = [(each.level, each.text, each.count) for each in WARNINGS.recent()]
        self.assertEqual(kept, [("error", "three", 1), ("warn", "two 2", 2)])

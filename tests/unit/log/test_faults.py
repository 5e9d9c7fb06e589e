"""Faults of clients as lines of the log."""

from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm.limits import FAULT_INTERVAL
from ecm.log.faults import ClientFaults, Fault


class ClientFaultsTests(TestCase):
    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.faults = ClientFaults()

    def lines(self) -> list[tuple[str, str]]:
        """The level and the text of each line."""
        return [(event["log_level"].name, formatEvent(event)) for event in self.log]

    def test_the_first_of_each_kind_is_a_line(self) -> None:
        self.faults.add(Fault.HTTP, "413 The body is too long", "198.51.100.7")
        self.faults.add(Fault.HTTP, "400 This is not HTTP/1.1", "198.51.100.7")
        self.faults.add(Fault.TLS, "http request", "")
        self.assertEqual(
            self.lines(),
            [
                (
                    "info",
                    "HTTP request failed, answered: 413 The body is too long, from 198.51.100.7",
                ),
                ("warn", "TLS connection failed, closed: http request"),
            ],
        )

    def test_a_minute_is_a_line_with_the_numbers_of_all(self) -> None:
        for number in range(37):
            address = "198.51.100.7" if number % 3 else "192.0.2.1"
            self.faults.add(Fault.HTTP, "413 The body is too long", address)
        for number in range(3):
            self.faults.add(Fault.CONNECTION, "There are too many", f"192.0.2.{number}")
        self.faults.tick(0)
        self.faults.tick(FAULT_INTERVAL)
        self.assertEqual(
            self.lines()[2:],
            [
                (
                    "warn",
                    "last minute: 37 × 413 The body is too long (most from 198.51.100.7),"
                    " 3 × connection: There are too many",
                )
            ],
        )

    def test_it_is_no_warning_if_nothing_in_it_is(self) -> None:
        for path in "ab":
            self.faults.add(Fault.HTTP, f"404 /{path}", "192.0.2.1")
        self.faults.tick(0)
        self.faults.tick(FAULT_INTERVAL)
        self.assertEqual(
            self.lines()[1],
            (
                "info",
                "last minute: 1 × 404 /a (most from 192.0.2.1), 1 × 404 /b (most from 192.0.2.1)",
            ),
        )

    def test_a_line_does_not_grow_without_end(self) -> None:
        for number in range(100):
            self.faults.add(Fault.HTTP, f"404 /{number}", "")
        self.faults.tick(0)
        self.faults.tick(FAULT_INTERVAL)
        _, line = self.lines()[1]
        self.assertTrue(line.startswith("last minute: 68 × for other reasons, 1 × 404 /0, "), line)
        self.assertTrue(line.endswith(", 1 × 404 /6, and 25 others"), line)

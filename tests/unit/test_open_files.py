"""The connections that open files allow, and the part of each worker."""

from twisted.trial.unittest import TestCase

from ecm import open_files
from testkit.command_line import parse


class OpenFilesTests(TestCase):
    def split(self, files: int, number: int, *arguments: str) -> int:
        return open_files.split(parse(*arguments).settings, files, number).clients.max_connections

    def test_what_is_allowed_is_divided_and_no_connection_lost(self) -> None:
        arguments = ("--workers", "4", "--max-connections", "11")
        shares = [self.split(1000, number, *arguments) for number in (1, 2, 3, 4)]
        self.assertEqual(shares, [3, 3, 3, 2])

    def test_without_a_limit_each_has_as_many_as_its_files_allow(self) -> None:
        self.assertEqual(self.split(20_000, 55, "--workers", "55"), 19_872)

    def test_no_share_is_larger_than_files_allow(self) -> None:
        arguments = ("--workers", "2", "--max-connections", "5000")
        self.assertEqual(self.split(1128, 1, *arguments), 1000)

    def test_the_log_says_what_the_files_are_enough_for(self) -> None:
        self.assertEqual(
            open_files.describe(20_000, 55),
            "20,000 open files: enough for 19,872 connections in each of 55 workers,"
            " 1,092,960 in all",
        )
        self.assertEqual(
            open_files.describe(1024, 1), "1,024 open files: enough for 896 connections"
        )

    def test_too_few_files_for_any_use(self) -> None:
        self.assertIn("20 open files are too few: ECM keeps 128", open_files.complaint(20))
        self.assertTrue(open_files.complaint(143))
        self.assertEqual(open_files.complaint(144), "")

    def test_more_connections_than_files_allow_are_warned_of(self) -> None:
        def warnings(*arguments: str) -> list[str]:
            return open_files.warnings(parse(*arguments).settings, 20_000)

        (said,) = warnings("--max-connections", "500000")
        self.assertIn("--max-connections 500,000: 20,000 open files", said)
        self.assertIn("enough for 19,872; raise LimitNOFILE", said)
        self.assertEqual(warnings("--max-connections", "19872"), [])
        self.assertEqual(warnings("--max-connections", "39744", "--workers", "2"), [])
        self.assertEqual(warnings(), [])

"""Accounts from a pattern."""

from twisted.trial.unittest import TestCase

from ecm.tools.swarm.accounts import Accounts


class AccountTests(TestCase):
    def test_a_number_in_the_name(self) -> None:
        accounts = Accounts("user{}:secret")
        self.assertEqual((accounts.name(7), accounts.password(7)), ("user7", "secret"))

    def test_digits_and_numbers_in_passwords(self) -> None:
        accounts = Accounts("u{06}x:50%d:{03}-{}")
        self.assertEqual(accounts.name(42), "u000042x")
        self.assertEqual(accounts.password(42), "50%d:042-42")

    def test_percent_in_names(self) -> None:
        self.assertEqual(Accounts("a%s{}:x").name(1), "a%s1")

    def test_what_is_no_pattern(self) -> None:
        for pattern in (
            "",
            "user:x",
            "user{}",
            "user{}:",
            "User{}:x",
            "a@b{}:x",
            "u{}:\n",
            "u{}é:x",
        ):
            self.assertRaises(ValueError, Accounts, pattern)

"""Mistakes, numbers and signals of command lines."""

import argparse
import re
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO

from twisted.trial.unittest import TestCase

from ecm import __version__
from ecm.tools.cli import argument, one_of, whole_number
from ecm.tools.demo import options as demo
from ecm.tools.doctor import options as doctor
from ecm.tools.doctor.plan import Transport
from ecm.tools.swarm import options as swarm


class NumberTests(TestCase):
    def test_both_ends_of_the_range(self) -> None:
        number = whole_number(1, 65535)
        self.assertEqual((number("1"), number("65535")), (1, 65535))

    def test_what_is_not_a_number_of_the_range(self) -> None:
        number = whole_number(1, 65535)
        for text in ("0", "65536", "-1", "+1", "1e3", "٣", "", " 1", "9" * 5000):
            error = self.assertRaises(argparse.ArgumentTypeError, number, text)
            self.assertIn("is not a number from 1 to 65535", str(error))

    def test_the_text_of_a_value_error_is_shown(self) -> None:
        def parse(text: str) -> str:
            raise ValueError(f"{text} is wrong")

        error = self.assertRaises(argparse.ArgumentTypeError, argument(parse), "all")
        self.assertEqual(str(error), "all is wrong")


class NameTests(TestCase):
    def test_names_are_said_to_who_gives_another(self) -> None:
        self.assertIs(one_of(Transport)("tcp"), Transport.TCP)
        error = self.assertRaises(argparse.ArgumentTypeError, one_of(Transport), "tls")
        self.assertEqual(str(error), "'tls': give one of bosh, websocket, tcp")


class VersionTests(TestCase):
    def test_each_program_says_its_version(self) -> None:
        for make in (demo.make_parser, doctor.make_parser, swarm.make_parser):
            with redirect_stdout(StringIO()) as printed:
                stopped = self.assertRaises(SystemExit, make().parse_args, ["--version"])
            self.assertEqual(stopped.code, 0)
            self.assertRegex(printed.getvalue(), rf"\Aecm-[a-z]+ {re.escape(__version__)}\n\Z")


class SignalTests(TestCase):
    def ending(self, prepare: str, number: signal.Signals) -> str:
        """Return the output of a program that gets a signal after this preparation.

        It takes hangups, also where the tests run under nohup.
        """
        program = f"""
import signal, sys, time
from ecm.tools.cli import ignore_signals, interrupt_on_signals
signal.signal(signal.SIGHUP, signal.SIG_DFL)
{prepare}
try:
    print("up", flush=True)
    sys.stdin.readline()
    print("undisturbed")
except KeyboardInterrupt:
    signal.raise_signal({int(number)})
    print("interrupted once")
"""
        with subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(number)
            return process.communicate("\n")[0].strip()

    def test_the_first_signal_interrupts_and_others_are_ignored(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.assertEqual(self.ending("interrupt_on_signals()", number), "interrupted once")

    def test_a_hangup_that_is_ignored_stays_ignored(self) -> None:
        prepare = "signal.signal(signal.SIGHUP, signal.SIG_IGN); interrupt_on_signals()"
        self.assertEqual(self.ending(prepare, signal.SIGHUP), "undisturbed")

    def test_nothing_disturbs_a_shutdown(self) -> None:
        self.assertEqual(self.ending("ignore_signals()", signal.SIGTERM), "undisturbed")

"""The command lines of the programs beside the server: mistakes, numbers, signals."""

import argparse
import re
import signal
import sys
from collections.abc import Callable
from enum import StrEnum
from types import FrameType
from typing import Any, NoReturn, TypeVar

from ecm import __version__

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

# SIGHUP comes when the terminal is closed.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Parser(argparse.ArgumentParser):
    """Has --version. Reports a mistake in one line, without the usage, and exits with status 2."""

    def __init__(self, prog: str, **more: Any) -> None:
        super().__init__(prog, **more)
        self.add_argument(
            "--version",
            action="version",
            version=f"%(prog)s {__version__}",
            help="print the version and exit",
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A type for argparse that shows the text of a ValueError to the user."""

    def parsed(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


def one_of(names: type[E]) -> Callable[[str], E]:
    """A type for argparse: one of these names."""

    def parsed(text: str) -> E:
        if text not in list(names):
            raise ValueError(f"{text!r}: give one of {', '.join(names)}")
        return names(text)

    return argument(parsed)


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """A type for argparse: a number in this range, in ASCII digits."""

    def parsed(text: str) -> int:
        number = int(text) if re.fullmatch("[0-9]{1,15}", text) else minimum - 1
        if not minimum <= number <= maximum:
            raise ValueError(f"{text!r} is not a number from {minimum} to {maximum}")
        return number

    return argument(parsed)


def fail(program: str, error: Exception) -> int:
    """Report an error in one line. Returns the exit status."""
    print(f"{program}: {error}", file=sys.stderr)
    return 1


def interrupt_on_signals() -> None:
    """Raise KeyboardInterrupt on the first SIGINT, SIGTERM or SIGHUP, and ignore all that follow.

    SIGHUP stays ignored under nohup.
    """
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def ignore_signals() -> None:
    """Let nothing disturb the program while it shuts down."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    ignore_signals()
    raise KeyboardInterrupt

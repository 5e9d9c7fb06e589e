"""Signals: none ends a process of ECM without a word.

Those that say that the program itself has failed cannot be survived; then Python prints where it
was. SIGKILL cannot be heard.
"""

import faulthandler
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from signal import Signals
from typing import Final

from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

_log = Logger()

_STDERR: Final = 2

# By default these end no process: it goes on, or stands still.
_HARMLESS: Final = {
    *(Signals.SIGCHLD, Signals.SIGCONT, Signals.SIGURG, Signals.SIGWINCH),
    *(Signals.SIGSTOP, Signals.SIGTSTP, Signals.SIGTTIN, Signals.SIGTTOU),
}
_OF_FAULTS: Final = {
    *(Signals.SIGSEGV, Signals.SIGBUS, Signals.SIGFPE, Signals.SIGILL, Signals.SIGABRT),
    *(Signals.SIGTRAP, Signals.SIGSYS),
}

# The signals that have come since ``keep``, each once.
_kept: dict[int, None] = {}


def keep() -> None:
    """Keep what comes for ``hear``: a process that starts ends by it no more than another one."""
    for number in _without_meaning():
        signal.signal(number, _keep)


def hear(reactor: IReactorFromThreads, meanings: Mapping[Signals, Callable[[], None]]) -> None:
    """Call in the reactor what a signal means; have those without a meaning logged, and no more.

    Those that are handled or ignored already, and have no meaning here, stay as they are.
    """
    faulthandler.enable(_STDERR)

    by_number = {int(number): does for number, does in meanings.items()}

    def heard(number: int, _: object) -> None:
        reactor.callFromThread(by_number.get(number) or (lambda: _means_nothing(number)))

    for number in (*_without_meaning(), *by_number):
        signal.signal(number, heard)
    while _kept:
        heard(first := next(iter(_kept)), None)
        del _kept[first]


def ignore() -> None:
    """Have this process live on, whatever it is sent: it ends when its supervisor does."""
    faulthandler.enable(_STDERR)
    for number in (*_without_meaning(), signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


@contextmanager
def held_back() -> Iterator[None]:
    """Have processes that are started meanwhile get no signal before they ``ignore`` them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _OF_FAULTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def name(number: int) -> str:
    """Return the name of a signal. Those for programs of real time have none but their numbers."""
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


def _without_meaning() -> list[int]:
    """Return the signals that would end this process now, though it could go on.

    SIGTERM and SIGINT end one, also in the moment before the reactor runs and handles them.
    """
    ending = {Signals.SIGKILL, Signals.SIGTERM, Signals.SIGINT}
    others = signal.valid_signals() - _HARMLESS - _OF_FAULTS - ending
    return [each for each in others if signal.getsignal(each) in (signal.SIG_DFL, _keep)]


def _keep(number: int, _: object) -> None:
    _kept[number] = None


def _means_nothing(number: int) -> None:
    _log.warn("{signal} means nothing to this process; going on", signal=name(number))

"""The signals that end the demo."""

import signal
from types import FrameType

# SIGHUP comes when the terminal is closed.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def raise_on_signals() -> None:
    """Let each of them raise KeyboardInterrupt, once. What is ignored (nohup) stays so."""
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def ignore_signals() -> None:
    """From here on the demo is stopping, and is not to be disturbed."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    ignore_signals()
    raise KeyboardInterrupt

"""Messages to systemd (sd_notify(3)), and how soon it wants them (sd_watchdog_enabled(3))."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


def notify(*states: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell the service manager a state of this process, such as READY=1; several are told at once.

    Returns whether it was told: without NOTIFY_SOCKET nobody asks, and a manager that does not read
    is not waited for. The name of an abstract socket begins with @.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.setblocking(False)
        end.sendto("\n".join(states).encode(), address)
        return True
    return False


def is_notified(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a service manager asks to be told."""
    return bool(environment.get("NOTIFY_SOCKET"))


def watchdog_seconds(environment: Mapping[str, str] = os.environ) -> float:
    """Return how soon systemd kills this process if it is not told WATCHDOG=1; 0 is never."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isascii() and microseconds.isdigit() else 0

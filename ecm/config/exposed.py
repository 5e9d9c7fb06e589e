"""Ports that more people may reach than should."""

import re
from collections.abc import Sequence
from typing import Final

from ecm.net.endpoints import PLAIN

_EXPOSED: Final = (
    "{}: whoever reaches this port may send passwords in the clear; give the"
    " :interface=ADDRESS at which only the proxy is"
)

_OPEN_ADMIN: Final = (
    "--admin {}: whoever reaches this port may stop and watch all clients; give a unix: socket, or"
    " :interface=127.0.0.1"
)

# An interface that is of this machine alone.
_LOOPBACK: Final = re.compile(r":interface=(?:127(?:\.\d+){3}|\\:\\:1|localhost)(?::|\Z)")

# An interface that is one address, and not all of them (0.0.0.0, and :: with its colons quoted).
_ONE_ADDRESS: Final = re.compile(r":interface=(?!(?:0\.0\.0\.0|\\:\\:|)(?::|\Z))")


def warnings(streams: Sequence[str]) -> list[str]:
    """Return what is not safe about endpoints for XMPP over TCP."""
    return [
        _EXPOSED.format(each)
        for each in streams
        if each.startswith(f"{PLAIN}tcp") and not _ONE_ADDRESS.search(each)
    ]


def admin_warnings(admin: str | None) -> list[str]:
    """Return what is not safe about the endpoint for operators."""
    if admin is None or admin.startswith(("unix:", "systemd:")) or _LOOPBACK.search(admin):
        return []
    return [_OPEN_ADMIN.format(admin)]

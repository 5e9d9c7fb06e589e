"""Ports without TLS that everybody may reach."""

import re
from collections.abc import Sequence
from typing import Final

from ecm.net.endpoints import PLAIN

_EXPOSED: Final = (
    "{}: whoever reaches this port may send passwords in the clear; give the"
    " :interface=ADDRESS at which only the proxy is"
)

# An interface that is one address, and not all of them (0.0.0.0, and :: with its colons quoted).
_ONE_ADDRESS: Final = re.compile(r":interface=(?!(?:0\.0\.0\.0|\\:\\:|)(?::|\Z))")


def warnings(streams: Sequence[str]) -> list[str]:
    """Return what is not safe about endpoints for XMPP over TCP."""
    return [
        _EXPOSED.format(each)
        for each in streams
        if each.startswith(f"{PLAIN}tcp") and not _ONE_ADDRESS.search(each)
    ]

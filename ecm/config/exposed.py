"""Ports without TLS that everybody may reach."""

from collections.abc import Sequence

from ecm.net.endpoints import PLAIN

_EXPOSED = (
    "{}: whoever reaches this port may send passwords in the clear; give the"
    " :interface=ADDRESS at which only the proxy is"
)


def warnings(streams: Sequence[str]) -> list[str]:
    """Return what is not safe about endpoints for XMPP over TCP."""
    return [
        _EXPOSED.format(each)
        for each in streams
        if each.startswith(f"{PLAIN}tcp") and ":interface=" not in each
    ]

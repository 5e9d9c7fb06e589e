"""The status codes with which a WebSocket is closed (RFC 6455, section 7.4). Pure."""

from typing import Final

NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
NOT_UTF_8: Final = 1007
POLICY: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
# Of IANA's registry: the client may come back at once, or later.
RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013

# Those that may stand in a frame: assigned ones that are not reserved for programs to tell
# themselves, and the ranges of libraries and applications.
_ASSIGNED: Final = {*range(1000, 1004), *range(1007, 1015)}
_FREE: Final = range(3000, 5000)


def may_be_sent(code: int) -> bool:
    """Return whether a code may stand in a Close frame."""
    return code in _ASSIGNED or code in _FREE


class WebSocketError(Exception):
    """A client has broken the protocol: it is told ``code`` and ``reason``, and nothing else."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

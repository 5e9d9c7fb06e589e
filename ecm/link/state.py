"""States of ECM's end of a link, and what leads from one to another. Pure.

mod_ecm's end has more of them, and the same names for those that both have (docs/protocol.md,
"States").
"""

from enum import Enum
from typing import Final


class State(Enum):
    """A link that takes requests is plain or typed."""

    TYPED_ONLY = "typed_only"  # hello is sent, and nothing but hello may come first
    RESUMING = "resuming"  # resume is sent, and nothing about requests may come before its answer
    PLAIN = "plain"
    TYPED = "typed"
    DRAINING = "draining"  # typed, and ejabberd takes no new requests
    CLOSED = "closed"


class Input(Enum):
    """An event that changes the state. Those that close the link are named as codes of errors."""

    HELLO = "hello"
    OFFER = "offer"  # hello of an ejabberd that can resume
    RESUME = "resume"
    DRAIN = "drain"
    VERSION = "version"  # no version in common
    UNPROVEN = "unproven"  # the peer does not know the secret
    UNEXPECTED = "unexpected"
    MALFORMED = "malformed"
    SILENT = "silent"
    FLOOD = "flood"
    ERROR = "error"  # from the peer


def _closed_by(*inputs: Input) -> dict[Input, State]:
    return dict.fromkeys(inputs, State.CLOSED)


_OPEN: Final = {
    Input.DRAIN: State.DRAINING,
    **_closed_by(Input.UNEXPECTED, Input.MALFORMED, Input.SILENT, Input.FLOOD, Input.ERROR),
}

TRANSITIONS: Final = {
    State.TYPED_ONLY: {
        Input.HELLO: State.TYPED,
        Input.OFFER: State.RESUMING,
        **_closed_by(
            Input.VERSION,
            Input.UNPROVEN,
            Input.UNEXPECTED,
            Input.MALFORMED,
            Input.SILENT,
            Input.ERROR,
        ),
    },
    State.RESUMING: {
        Input.RESUME: State.TYPED,
        **_closed_by(Input.UNEXPECTED, Input.MALFORMED, Input.SILENT, Input.FLOOD, Input.ERROR),
    },
    State.PLAIN: _closed_by(Input.MALFORMED, Input.SILENT),
    State.TYPED: _OPEN,
    State.DRAINING: _OPEN,
}

"""The close handshake (RFC 6455, section 7): its states, and what leads to another one. Pure.

A server ends the TCP connection as soon as both have sent a Close frame. A client that breaks the
protocol is sent one, too, but nothing that it sends is of any use then.
"""

from typing import Final, NamedTuple


class State:
    """Numbers, as those of the phases of connections."""

    OPEN: Final = 0
    CLOSING: Final = 1  # our Close frame is sent, and the client's is due
    CLOSED: Final = 2  # nothing counts any more that comes


class Input:
    """An event that changes the state."""

    LEAVE: Final = 0  # this side wants to close
    CLOSE: Final = 1  # a Close frame has come
    FAULT: Final = 2  # the client has broken the protocol


class Step(NamedTuple):
    """The next state, whether a Close frame is to be sent, and whether the connection ends then."""

    state: int
    says: bool = False
    ends: bool = False


TRANSITIONS: Final = {
    (State.OPEN, Input.LEAVE): Step(State.CLOSING, says=True),
    (State.OPEN, Input.CLOSE): Step(State.CLOSED, says=True, ends=True),
    (State.OPEN, Input.FAULT): Step(State.CLOSED, says=True, ends=True),
    (State.CLOSING, Input.LEAVE): Step(State.CLOSING),
    (State.CLOSING, Input.CLOSE): Step(State.CLOSED, ends=True),
    (State.CLOSING, Input.FAULT): Step(State.CLOSED, ends=True),
    **{
        (State.CLOSED, each): Step(State.CLOSED) for each in (Input.LEAVE, Input.CLOSE, Input.FAULT)
    },
}

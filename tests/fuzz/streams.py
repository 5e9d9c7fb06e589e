"""Anything on a stream: what its client sends, what ejabberd says, and time that passes."""

from ecm.limits import DECODER_SIZE, MAX_UNSENT
from ecm.link import message
from ecm.link.credit import OVERHEAD
from ecm.link.message import MESSAGE
from ecm.websocket.frames import MAX_CONTROL, TEXT
from testkit.in_memory import Joined
from testkit.websocket_case import WINDOW, User, joined
from testkit.websocket_frames import masked
from tests.fuzz.target import Target

MAX_MESSAGE = 1024
MAX_INPUT = 4096

# Bytes that a connection holds at most: a message that is not whole, what waits for credit, and
# what the client does not read.
MAX_HELD = MAX_MESSAGE + MAX_CONTROL + DECODER_SIZE + MAX_INPUT + MAX_UNSENT


def streams(data: bytes) -> None:
    """Only that stream may end for it: nothing is sent without credit, and in the end nothing left.

    A step is a paragraph: ``=`` is a text of the client, ``<`` its bytes, ``+`` time, ``.`` has it
    read no more or again; anything else is what ejabberd says on the stream.
    """
    ecm = joined(window=WINDOW, max_body=MAX_MESSAGE)
    course, other = _Course(ecm), User(ecm)
    for step in data.split(b"\n\n"):
        course.take(step)
    if not ecm.link_transport.disconnecting and not ecm.link_transport.aborted:
        assert other.say(b"unharmed") == [MESSAGE + b"unharmed"]
    course.user.client.leave()
    other.client.leave()
    assert len(ecm.pool) == len(ecm.clients) == len(ecm.registry.budget) == 0


class _Course:
    """A user whose stream it is, and the bytes that ejabberd has got and not given back."""

    def __init__(self, ecm: Joined) -> None:
        self.ecm = ecm
        self.user = User(ecm)
        self.owed = 0

    def take(self, step: bytes) -> None:
        transport = self.user.client.transport
        match step[:1]:
            case b"=":
                self._send(masked(TEXT, step[1:]))
            case b"<":
                self._send(step[1:])
            case b"+":
                self.ecm.pass_time(min(len(step), 100))
            case b".":
                transport.stuck = not transport.stuck
                if not transport.stuck:
                    transport.unstick()
            case _:
                self._say(step)
        self._look()

    def _send(self, data: bytes) -> None:
        transport = self.user.client.transport
        if not (transport.paused or transport.aborted):
            transport.protocol.dataReceived(data)
            self.ecm.reactor.advance(0)

    def _say(self, content: bytes) -> None:
        if not self.ecm.link_transport.aborted:
            self.ecm.answer(self.user.id, content)
        if content.startswith(b"more ") and content[5:].isdigit():
            self.owed = max(0, self.owed - int(content[5:]))

    def _look(self) -> None:
        """Look at what ejabberd was told."""
        for content in self.user.told:
            message.decode(content)
            if content.startswith(MESSAGE):
                assert self.owed < WINDOW, self.owed
                self.owed += OVERHEAD - len(MESSAGE) + len(content)
        assert self.user.protocol.held <= MAX_HELD


TARGETS = {"streams": Target(streams, MAX_INPUT)}

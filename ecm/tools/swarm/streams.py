"""The transport of streams: each user has one, on a connection of its own, whatever carries it."""

import re

from ecm.tools.bosh.http import BadAnswer
from ecm.tools.bosh.login import FEATURES, LoginError, Steps
from ecm.tools.bosh.login2 import Sasl2Steps
from ecm.tools.bosh.session import Client, Phase
from ecm.tools.bosh.stanzas import ABSENCE
from ecm.tools.stream.elements import split
from ecm.tools.stream.wire import Refused, Wire
from ecm.tools.swarm.accounts import RESOURCE, SASL2, Identities
from ecm.tools.swarm.attendance import PAUSE, Attendance
from ecm.tools.swarm.chat import Chat
from ecm.tools.swarm.messages import Task
from ecm.tools.swarm.sockets import Sockets, kind
from ecm.tools.swarm.user import NONE, StreamUser

_STREAM_ERROR = re.compile(rb"<stream:error[^>]*>\s*<([a-z-]+)")
_RESTART = b"restart"  # in place of BOSH's attributes

# The ends of a stream that say that one may come again: of a WebSocket (ecm.websocket.codes), and
# in XML (RFC 6120, section 4.9.3).
_COME_AGAIN = {
    *("closed 1012", "closed 1013"),
    *("stream error resource-constraint", "stream error system-shutdown"),
}


def steps(task: Task, identities: Identities) -> Steps[StreamUser] | Sasl2Steps[StreamUser]:
    """Return the steps of the login of all users of a task."""
    if task.login == SASL2:
        return Sasl2Steps(identities.authenticate2, _has_features)
    mechanism = identities.mechanism
    authenticate, respond = identities.authenticate, identities.respond
    return Steps(RESOURCE, authenticate, mechanism, _RESTART, _has_features, respond)


def _has_features(user: Client, text: bytes) -> bool:
    return FEATURES.search(text) is not None


class Streams:
    """``speaking`` is nobody: who is online may say something at any time."""

    speaking = 0

    def __init__(
        self,
        task: Task,
        sockets: Sockets[StreamUser],
        wire: Wire,
        attendance: Attendance[StreamUser],
        chat: Chat[StreamUser],
    ) -> None:
        self._task = task
        self._sockets = sockets
        self._wire = wire
        self._attendance = attendance
        self._chat = chat
        self._steps = steps(task, attendance.identities)
        self._opening: set[int] = set()  # connections whose stream has not begun
        self._partial: dict[int, bytes] = {}

    # Commands.

    def log_in(self, place: int) -> None:
        user = StreamUser(self._attendance.number(place), self._attendance.clock())
        self._attendance.begins(user)
        try:
            user.line = self._sockets.open(user, self._wire.greeting or self._wire.header)
        except OSError as error:
            self._end(user, kind(error))
            return
        if self._wire.greeting:
            self._opening.add(user.line)

    def is_free(self, user: StreamUser) -> bool:
        return user.phase is Phase.ONLINE

    def write(self, user: StreamUser, receiver: StreamUser) -> None:
        self._say(user, self._wire.wrapped(self._chat.message(user, receiver)))

    def poll(self, user: StreamUser) -> None:
        raise NotImplementedError("the options see to it that nobody polls")

    def leave(self, user: StreamUser) -> None:
        """End the stream (RFC 6120, section 4.4; RFC 7395, section 3.6)."""
        self._attendance.leaves(user)
        user.asked = self._attendance.clock()
        self._say(user, self._wire.wrapped(ABSENCE) + self._wire.farewell)

    def vanish(self, user: StreamUser) -> list[int]:
        line = user.line
        self._forget(user)
        self._attendance.has_vanished(user)
        return [line]

    def _say(self, user: StreamUser, data: bytes) -> None:
        self._attendance.counters.counts["requests"] += 1
        try:
            self._sockets.send(user.line, data)
        except OSError as error:
            self._end(user, kind(error))

    # What comes.

    def received(self, user: StreamUser, line: int, data: bytes) -> None:
        if self._partial:
            data = self._partial.pop(line, b"") + data
        try:
            if line in self._opening:
                self._open(user, data)
            else:
                self._hear(user, data)
        except BadAnswer as bad:
            self._end(user, f"answer: {bad}")
        except Refused as refused:
            self._refused(user, str(refused), refused.retry_after)
        except LoginError as error:
            self._end(user, str(error))

    def _open(self, user: StreamUser, data: bytes) -> None:
        """Take a step before the stream begins. Raises BadAnswer, Refused."""
        step = self._wire.opening(data)
        if step is None:
            self._partial[user.line] = data
            return
        if step.secures:
            self._sockets.secure(user.line)
        if step.ready:
            self._opening.discard(user.line)
        self._say(user, self._wire.header if step.ready else step.says)
        if step.rest and user.line != NONE:
            self.received(user, user.line, step.rest)

    def _hear(self, user: StreamUser, data: bytes) -> None:
        """Raises BadAnswer, LoginError."""
        heard = self._wire.heard(data)
        if heard.rest:
            self._partial[user.line] = heard.rest
        if heard.text:
            self._take(user, heard.text)
        if heard.reply and user.line != NONE:
            self._say(user, heard.reply)
        if heard.ended and user.line != NONE:
            self._ended(user, heard.ended)

    def _take(self, user: StreamUser, text: bytes) -> None:
        """Raises BadAnswer, LoginError."""
        if user.phase is Phase.LEAVING:
            return
        if b"<stream:error" in text and (error := _STREAM_ERROR.search(text)):
            self._ended(user, f"stream error {error[1].decode()}")
        elif user.phase is Phase.ONLINE:
            self._chat.heard(user, text)
        else:
            self._advance_login(user, text)

    def _advance_login(self, user: StreamUser, text: bytes) -> None:
        """Take the next step of a login. Raises BadAnswer, LoginError."""
        stanzas, restart = self._steps.advance(user, text)
        if user.phase is Phase.ONLINE:
            self._attendance.has_logged_in(user)
        elif restart:
            self._say(user, self._wire.header)
        elif stanzas:
            self._say(user, b"".join(map(self._wire.wrapped, split(stanzas))))

    # Ends.

    def _ended(self, user: StreamUser, how: str) -> None:
        """The server has ended the stream."""
        if user.phase is Phase.LEAVING:
            self._drop(user)
            self._attendance.has_left(user)
        elif how in _COME_AGAIN:
            self._refused(user, how, PAUSE)
        else:
            self._end(user, how)

    def _refused(self, user: StreamUser, why: str, seconds: float) -> None:
        if user.phase < Phase.ONLINE and self._attendance.is_back(user) and seconds:
            self._drop(user)
            self._attendance.is_refused(user, seconds)
        else:
            self._end(user, why)

    def broken(self, user: StreamUser, line: int, kind: str) -> None:
        self._forget(user)
        if user.phase is Phase.LEAVING:
            self._attendance.has_left(user)
        else:
            self._attendance.has_failed(user, kind)

    def _end(self, user: StreamUser, kind: str) -> None:
        """End a user's stream with an error of this kind."""
        self._drop(user)
        self._attendance.has_failed(user, kind)

    def _drop(self, user: StreamUser) -> None:
        if user.line != NONE:
            self._sockets.close(user.line)
            self._forget(user)

    def _forget(self, user: StreamUser) -> None:
        self._opening.discard(user.line)
        self._partial.pop(user.line, None)
        user.line = NONE

    # Time.

    def repeat(self) -> None:
        """Nothing is repeated: what is said on a stream arrives, or the stream ends."""

    def time_out(self) -> None:
        """Time out a login, and a farewell without an answer, after ``patience``."""
        patience = self._attendance.clock() - self._task.patience
        for user in self._attendance.users:
            if user and user.phase is not Phase.ONLINE and user.asked < patience:
                self._end(user, "timeout")

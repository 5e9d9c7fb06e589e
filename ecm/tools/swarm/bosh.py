"""The transport BOSH (XEP-0124, XEP-0206): what users say, and what becomes of the answers."""

from ecm.tools.bosh.body import creation, hold, termination
from ecm.tools.bosh.http import Answer, BadAnswer, cut
from ecm.tools.bosh.login import Login, LoginError
from ecm.tools.bosh.login2 import Sasl2Login
from ecm.tools.bosh.session import Phase
from ecm.tools.bosh.stanzas import ABSENCE
from ecm.tools.swarm.accounts import RESOURCE, SASL2, Identities
from ecm.tools.swarm.attendance import Attendance
from ecm.tools.swarm.bosh_requests import BoshRequests
from ecm.tools.swarm.chat import Chat
from ecm.tools.swarm.messages import Task
from ecm.tools.swarm.sockets import Sockets
from ecm.tools.swarm.user import NONE, BoshUser


def login(task: Task, identities: Identities) -> Login[BoshUser] | Sasl2Login[BoshUser]:
    """Return the steps of the login of all users of a task."""
    created = creation(task.domain, task.wait, task.hold)
    if task.login == SASL2:
        return Sasl2Login(created, identities.bare_jid, identities.authenticate2)
    authenticate, respond = identities.authenticate, identities.respond
    return Login(task.domain, created, RESOURCE, authenticate, identities.mechanism, respond)


class Bosh(BoshRequests):
    """One request of each user is held. To say something, a user sends another."""

    def __init__(
        self,
        task: Task,
        sockets: Sockets[BoshUser],
        attendance: Attendance[BoshUser],
        chat: Chat[BoshUser],
    ) -> None:
        super().__init__(task, sockets, attendance)
        self._task = task
        self._chat = chat
        self._login = login(task, attendance.identities)

    # Commands.

    def log_in(self, place: int) -> None:
        user = BoshUser(self._attendance.number(place), None, self._clock())
        self._attendance.begins(user)
        user.line_due = True
        self._send(user, self._endpoint.post(self._login.begin(user)))

    def is_free(self, user: BoshUser) -> bool:
        """Return whether a user has one held request, and may send another."""
        return user.phase is Phase.ONLINE and user.line != NONE and not user.other_due

    def poll(self, user: BoshUser) -> None:
        """Send an empty request, which makes the server answer the held one."""
        self._counters.counts["polls"] += 1
        self._speak(user, b"")

    def write(self, user: BoshUser, receiver: BoshUser) -> None:
        self._speak(user, self._chat.message(user, receiver))

    def _speak(self, user: BoshUser, stanzas: bytes) -> None:
        user.stanzas = stanzas
        self._next(user)

    def leave(self, user: BoshUser) -> None:
        """End the session (XEP-0124, section 13)."""
        self._attendance.leaves(user)
        user.stanzas = ABSENCE
        self._next(user)

    def vanish(self, user: BoshUser) -> list[int]:
        lines = [line for line in (user.line, user.other) if line != NONE]
        for line in lines:
            self._partial.pop(line, None)
        user.line = user.other = NONE
        self._drop(user)
        self._attendance.has_vanished(user)
        return lines

    # Answers.

    def received(self, user: BoshUser, line: int, data: bytes) -> None:
        if self._partial:
            data = self._partial.pop(line, b"") + data
        try:
            found = cut(data)
            if found is None:
                self._partial[line] = data
            else:
                self._take(user, line, found)
        except BadAnswer as bad:
            self._end(user, f"answer: {bad}")

    def _take(self, user: BoshUser, line: int, found: Answer) -> None:
        """Raises BadAnswer."""
        newest = line == user.line
        if found.rest or not (user.line_due if newest else user.other_due):
            raise BadAnswer("unsolicited")
        if found.status == 200:
            condition = termination(found.body)
        if newest:
            user.line_due = False
        else:
            user.other_due = False
            self.speaking -= 1
        if not found.persists or (not newest and self._task.connections == 1):
            self._close(line)
            self._forget(user, newest)
        if found.status != 200:
            self._refused(user, newest, found)
        elif condition is None:
            self._answered(user, newest, found.body)
        elif user.phase is Phase.LEAVING:
            self._left(user)
        else:
            self._end(user, f"terminate {condition}")

    def _answered(self, user: BoshUser, newest: bool, body: bytes) -> None:
        if user.phase is Phase.ONLINE:
            self._heard(user, newest, body)
        elif user.phase is not Phase.LEAVING:
            self._advance_login(user, body)
        elif newest:
            self._left(user)

    def _heard(self, user: BoshUser, newest: bool, body: bytes) -> None:
        if newest:
            user.stanzas = b""
        else:
            self._counters.took("poll", self._clock() - user.asked)
        self._chat.heard(user, body)
        self._attendance.answered(user)
        if not user.line_due and not user.other_due:
            self._next(user)

    def _advance_login(self, user: BoshUser, body: bytes) -> None:
        """Take the next step of a login."""
        try:
            self._check_hold(user, body)
            request = user.next_body(*self._login.advance(user, body))
        except LoginError as error:
            self._end(user, str(error))
            return
        user.line_due = True
        if user.phase is Phase.ONLINE:
            self._attendance.has_logged_in(user)
        self._send(user, self._endpoint.post(request))

    def _check_hold(self, user: BoshUser, body: bytes) -> None:
        """Raises LoginError if the server would hold what a user says, and answer nothing."""
        if user.phase is Phase.CREATING and hold(body) > 1:
            raise LoginError("a hold above 1 is granted: use --hold 1")

    def _left(self, user: BoshUser) -> None:
        self._drop(user)
        self._attendance.has_left(user)

    # Failures.

    def _refused(self, user: BoshUser, newest: bool, found: Answer) -> None:
        """As web clients do, retry after a 5xx, and end the session at a 4xx."""
        if found.status < 500:
            self._end(user, f"status {found.status}")
        elif self._comes_back(user) and found.retry_after:
            self._drop(user)
            self._attendance.is_refused(user, found.retry_after)
        else:
            self._due_again(user, newest)
            self._fail(user, f"status {found.status}")

    def _comes_back(self, user: BoshUser) -> bool:
        return user.phase is Phase.CREATING and self._attendance.is_back(user)

    def broken(self, user: BoshUser, line: int, kind: str) -> None:
        newest = line == user.line
        self._partial.pop(line, None)
        self._forget(user, newest)
        if user.line_due if newest else user.other_due:
            self._fail(user, kind)

    def _fail(self, user: BoshUser, kind: str) -> None:
        """A request got no answer: retry it after a pause, if that may help."""
        if user.phase < Phase.ONLINE or not self._attendance.may_try_again(user):
            self._end(user, kind)
            return
        self._counters.errors[kind] += 1
        self._repeat_after_pause(user)

    def _end(self, user: BoshUser, kind: str) -> None:
        """End a user's session with an error of this kind."""
        self._drop(user)
        self._attendance.has_failed(user, kind)

    def _drop(self, user: BoshUser) -> None:
        self._close_both(user)
        self.speaking -= user.other_due
        user.line_due = user.other_due = False

    def time_out(self) -> None:
        """Time out what has no answer: a login after ``patience``, a request that may be held after
        ``wait`` and ``patience``."""
        patience = self._clock() - self._task.patience
        for user in self._attendance.users:
            if user is None:
                continue
            if user.phase < Phase.ONLINE:
                if user.asked < patience:
                    self._end(user, "timeout")
            elif user.asked < patience - self._task.wait and (user.line_due or user.other_due):
                self._hang_up(user)

    def _hang_up(self, user: BoshUser) -> None:
        user.asked = self._clock()
        self._close_both(user)
        self._fail(user, "timeout")

"""The BOSH sessions of a process: what each sends next, and what is done where something fails."""

from collections import deque
from collections.abc import Callable

from ecm.tools.bosh.body import TERMINATE, body, hold, termination
from ecm.tools.bosh.http import Answer, BadAnswer, Endpoint, cut
from ecm.tools.bosh.login import LoginError
from ecm.tools.bosh.session import Phase
from ecm.tools.bosh.stanzas import ABSENCE, message
from ecm.tools.swarm.accounts import Identities
from ecm.tools.swarm.counters import Tally
from ecm.tools.swarm.delivery import Mail
from ecm.tools.swarm.messages import Task
from ecm.tools.swarm.sockets import Lines, kind
from ecm.tools.swarm.user import NONE, User

# Times that a user logs in, or sends a request, until it is given up: a server that is
# restarted is back by then, and one that is gone does not keep the swarm for long.
ATTEMPTS = 3
PAUSE = 1.0  # seconds between two of them


class Sessions:
    """``users`` has those who log in and who are online, by number; None for who is not there.

    ``online`` counts those who are leaving, too. ``speaking`` is how many have a request of their
    own on the way beside the one that was held; ``given_up`` is how many could not log in.
    """

    def __init__(
        self,
        task: Task,
        lines: Lines,
        identities: Identities,
        mail: Mail,
        tally: Tally,
        clock: Callable[[], float],
    ) -> None:
        self.users: list[User | None] = [None] * task.users
        self.logging_in = self.online = self.leaving = self.speaking = self.given_up = 0
        self.failed: deque[tuple[float, int]] = deque()  # when to try again, and who
        self._task = task
        self._lines = lines
        self._identities = identities
        self._mail = mail
        self._tally = tally
        self._clock = clock
        self._endpoint = Endpoint(task.host, task.path)
        self._partial: dict[int, bytes] = {}
        self._attempts: dict[int, int] = {}
        self._broken: deque[tuple[float, User]] = deque()

    # What users do.

    def log_in(self, place: int) -> None:
        """Let the user of this place begin."""
        user = User(self._task.first + place, None, self._clock())
        self.users[place] = user
        self.logging_in += 1
        user.line_due = True
        self._send(user, self._endpoint.post(self._identities.login.begin(user)))

    def is_free(self, user: User) -> bool:
        """Return whether a user has one request that is held, and may send another."""
        return user.phase is Phase.ONLINE and user.line != NONE and not user.other_due

    def poll(self, user: User) -> None:
        """Send an empty request, which lets the server answer the one that is held."""
        self._tally.counts["polls"] += 1
        self._speak(user, b"")

    def write(self, user: User, receiver: User) -> None:
        """Send a message."""
        text = self._mail.text(receiver.number, self._clock())
        self._speak(user, message(self._identities.jid(receiver), text))

    def _speak(self, user: User, stanzas: bytes) -> None:
        user.stanzas = stanzas
        self._next(user)

    def leave(self, user: User) -> None:
        """End the session (XEP-0124, section 13)."""
        user.phase = Phase.LEAVING
        self.leaving += 1
        user.stanzas = ABSENCE
        self._next(user)

    # Requests.

    def _next(self, user: User) -> None:
        """Send the next request: on the other connection where one is held."""
        if user.line_due:
            self._hold(user)
        user.line_due = True
        user.rid += 1
        user.asked = self._clock()
        self._send(user, self._newest(user))

    def _hold(self, user: User) -> None:
        """The request that was the newest is now the one before it."""
        if user.other_due:  # only who leaves has sent two already; the older is of no use any more
            self._close(user.other)
            user.other = NONE
        else:
            self.speaking += 1
        user.line, user.other = user.other, user.line
        user.other_due = True

    def _newest(self, user: User) -> bytes:
        attributes = TERMINATE if user.phase is Phase.LEAVING else b""
        return self._endpoint.post(body(user.rid, user.sid, user.stanzas, attributes))

    def _send(self, user: User, request: bytes) -> None:
        """Send the newest request on its connection, which is opened if it is not there."""
        self._tally.counts["requests"] += 1
        try:
            if user.line == NONE:
                user.line = self._lines.open(user, request)
            else:
                self._lines.send(user.line, request)
        except OSError as error:
            self._close(user.line)
            user.line = NONE
            self._fail(user, kind(error))

    # Answers.

    def received(self, user: User, line: int, data: bytes) -> None:
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

    def _take(self, user: User, line: int, found: Answer) -> None:
        """Raises BadAnswer."""
        newest = line == user.line
        if found.rest or not (user.line_due if newest else user.other_due):
            raise BadAnswer("nobody has asked for it")
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
            self._refused(user, newest, found.status)
        elif condition is None:
            self._answered(user, newest, found.body)
        elif user.phase is Phase.LEAVING:
            self._left(user)
        else:
            self._end(user, f"terminate {condition}")

    def _answered(self, user: User, newest: bool, body: bytes) -> None:
        if user.phase is Phase.ONLINE:
            self._heard(user, newest, body)
        elif user.phase is not Phase.LEAVING:
            self._go_on(user, body)
        elif newest:
            self._left(user)

    def _heard(self, user: User, newest: bool, body: bytes) -> None:
        now = self._clock()
        if newest:
            user.stanzas = b""
        else:
            self._tally.took("poll", now - user.asked)
        if b"<message" in body:
            for seconds in self._mail.arrivals(body, user.number, now):
                self._tally.took("message", seconds)
        if self._attempts:
            self._attempts.pop(user.number, None)
        if not user.line_due and not user.other_due:
            self._next(user)

    def _go_on(self, user: User, body: bytes) -> None:
        """The next step of a login."""
        try:
            self._check_hold(user, body)
            request = user.next_body(*self._identities.login.go_on(user, body))
        except LoginError as error:
            self._end(user, str(error))
            return
        user.line_due = True
        if user.phase is Phase.ONLINE:
            self._logged_in(user)
        self._send(user, self._endpoint.post(request))

    def _check_hold(self, user: User, body: bytes) -> None:
        """Raises LoginError where what a user says would be held, too, and answer nothing."""
        if user.phase is Phase.CREATING and hold(body) > 1:
            raise LoginError("a hold above 1 is granted: use --hold 1")

    def _logged_in(self, user: User) -> None:
        now = self._clock()
        self._tally.counts["logins"] += 1
        self._tally.took("login", now - user.asked)
        user.asked = now
        self._identities.remember(user)
        self.logging_in -= 1
        self.online += 1
        self._attempts.pop(user.number, None)

    def _left(self, user: User) -> None:
        self._tally.counts["left"] += 1
        self._remove(user)

    # What fails.

    def _refused(self, user: User, newest: bool, status: int) -> None:
        """Web clients send a request again after a 5xx, and give up their session at a 4xx."""
        if status < 500:
            self._end(user, f"status {status}")
            return
        self._due_again(user, newest)
        self._fail(user, f"status {status}")

    def _due_again(self, user: User, newest: bool) -> None:
        line = user.line if newest else user.other
        if line != NONE:
            self._close(line)
            self._forget(user, newest)
        if newest:
            user.line_due = True
        else:
            user.other_due = True
            self.speaking += 1

    def broken(self, user: User, line: int, kind: str) -> None:
        newest = line == user.line
        self._partial.pop(line, None)
        self._forget(user, newest)
        if user.line_due if newest else user.other_due:
            self._fail(user, kind)

    def _fail(self, user: User, kind: str) -> None:
        """A request has got no answer. It is sent again in a moment, if that may help."""
        if user.phase < Phase.ONLINE or not self._may_try_again(user):
            self._end(user, kind)
            return
        self._tally.errors[kind] += 1
        self._broken.append((self._clock() + PAUSE, user))

    def _may_try_again(self, user: User) -> bool:
        attempts = self._attempts[user.number] = self._attempts.get(user.number, 1) + 1
        return attempts <= ATTEMPTS

    def _end(self, user: User, kind: str) -> None:
        """A user is out, by an error of this kind."""
        self._tally.errors[kind] += 1
        self._remove(user)
        if user.phase >= Phase.ONLINE:
            self._tally.counts["lost"] += 1
        elif self._may_try_again(user):
            self.failed.append((self._clock() + PAUSE, user.number - self._task.first))
        else:
            self._tally.counts["given up"] += 1
            self.given_up += 1

    def _remove(self, user: User) -> None:
        for line in (user.line, user.other):
            self._close(line)
        user.line = user.other = NONE
        self.users[user.number - self._task.first] = None
        self.speaking -= user.other_due
        user.line_due = user.other_due = False
        if user.phase < Phase.ONLINE:
            self.logging_in -= 1
        else:
            self.online -= 1
            self.leaving -= user.phase is Phase.LEAVING

    def _close(self, line: int) -> None:
        if line != NONE:
            self._partial.pop(line, None)
            self._lines.close(line)

    def _forget(self, user: User, newest: bool) -> None:
        if newest:
            user.line = NONE
        else:
            user.other = NONE

    # Time.

    def repeat(self) -> None:
        """Send again what was not answered, and has waited for long enough."""
        now = self._clock()
        while self._broken and self._broken[0][0] <= now:
            self._repeat(self._broken.popleft()[1])

    def _repeat(self, user: User) -> None:
        if user.line_due and user.line == NONE:
            user.asked = self._clock()
            self._send(user, self._newest(user))
        if user.other_due and user.other == NONE:
            self._repeat_other(user)

    def _repeat_other(self, user: User) -> None:
        """It is long since it was sent, so that what was in it has arrived or has not: the
        server knows it by its RID."""
        self._tally.counts["requests"] += 1
        try:
            request = self._endpoint.post(body(user.rid - 1, user.sid))
            user.other = self._lines.open(user, request)
        except OSError as error:
            self._fail(user, kind(error))

    def time_out(self) -> None:
        """Give up what is without an answer for too long: a login after ``patience``, a request
        that may be held after ``wait`` and ``patience``."""
        patience = self._clock() - self._task.patience
        for user in self.users:
            if user is None:
                continue
            if user.phase < Phase.ONLINE:
                if user.asked < patience:
                    self._end(user, "timeout")
            elif user.asked < patience - self._task.wait and (user.line_due or user.other_due):
                self._hang_up(user)

    def _hang_up(self, user: User) -> None:
        user.asked = self._clock()
        for line in (user.line, user.other):
            self._close(line)
        user.line = user.other = NONE
        self._fail(user, "timeout")

"""The BOSH sessions of a process: requests, answers, retries."""

from collections import deque
from collections.abc import Callable
from heapq import heappush
from math import inf

from ecm.tools.bosh.body import TERMINATE, body, hold, termination
from ecm.tools.bosh.http import Answer, BadAnswer, Endpoint, cut
from ecm.tools.bosh.login import LoginError
from ecm.tools.bosh.session import Phase
from ecm.tools.bosh.stanzas import ABSENCE, message
from ecm.tools.swarm.accounts import Identities
from ecm.tools.swarm.counters import Counters
from ecm.tools.swarm.delivery import Delivery
from ecm.tools.swarm.messages import Task
from ecm.tools.swarm.sockets import Sockets, kind
from ecm.tools.swarm.user import NONE, User

# Attempts at a login or a request before it is given up: a server that restarts is back by then,
# and one that is gone does not keep the swarm for long.
ATTEMPTS = 3
PAUSE = 1.0  # seconds between two attempts


class Sessions:
    """``users`` has those who are logging in or online, by place; None for all others.

    ``online`` counts those who are leaving, too. ``speaking`` is the number of users with a request
    in flight beside the held one; ``given_up`` is the number who could not log in. ``storm_began``
    is when the last users began to log in all at once.
    """

    def __init__(
        self,
        task: Task,
        sockets: Sockets[User],
        identities: Identities,
        delivery: Delivery,
        counters: Counters,
        clock: Callable[[], float],
    ) -> None:
        self.users: list[User | None] = [None] * task.users
        self.logging_in = self.online = self.leaving = self.speaking = self.given_up = 0
        self.failed: list[tuple[float, int]] = []  # a heap: when to retry, and whose place
        self.storm_began = inf
        self._task = task
        self._sockets = sockets
        self._identities = identities
        self._delivery = delivery
        self._counters = counters
        self._clock = clock
        self._endpoint = Endpoint(task.host, task.path)
        self._partial: dict[int, bytes] = {}
        self._attempts: dict[int, int] = {}
        self._broken: deque[tuple[float, User]] = deque()

    # Commands.

    def log_in(self, place: int) -> None:
        """Let the user at this place begin to log in."""
        user = User(self._task.first + place, None, self._clock())
        self.users[place] = user
        self.logging_in += 1
        user.line_due = True
        self._send(user, self._endpoint.post(self._identities.login.begin(user)))

    def is_free(self, user: User) -> bool:
        """Return whether a user has one held request, and may send another."""
        return user.phase is Phase.ONLINE and user.line != NONE and not user.other_due

    def poll(self, user: User) -> None:
        """Send an empty request, which makes the server answer the held one."""
        self._counters.counts["polls"] += 1
        self._speak(user, b"")

    def write(self, user: User, receiver: User) -> None:
        """Send a message."""
        text = self._delivery.text(receiver.number, self._clock())
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
        """Send the next request, on the other connection if one is held."""
        if user.line_due:
            self._hold(user)
        user.line_due = True
        user.rid += 1
        user.asked = self._clock()
        self._send(user, self._newest(user))

    def _hold(self, user: User) -> None:
        """The newest request becomes the one before it."""
        if user.other_due:  # it leaves, and has two requests in flight: drop the older one
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
        """Send the newest request on its connection, which is opened if necessary."""
        self._counters.counts["requests"] += 1
        try:
            if user.line == NONE:
                user.line = self._sockets.open(user, request)
            else:
                self._sockets.send(user.line, request)
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

    def _answered(self, user: User, newest: bool, body: bytes) -> None:
        if user.phase is Phase.ONLINE:
            self._heard(user, newest, body)
        elif user.phase is not Phase.LEAVING:
            self._advance_login(user, body)
        elif newest:
            self._left(user)

    def _heard(self, user: User, newest: bool, body: bytes) -> None:
        now = self._clock()
        if newest:
            user.stanzas = b""
        else:
            self._counters.took("poll", now - user.asked)
        if b"<message" in body:
            for seconds in self._delivery.arrivals(body, user.number, now):
                self._counters.took(self._kind_of_message(user), seconds)
        if self._attempts:
            self._attempts.pop(user.number, None)
        if not user.line_due and not user.other_due:
            self._next(user)

    def _kind_of_message(self, receiver: User) -> str:
        if self._is_back(receiver):
            return "message to those back"
        return "message" if self.storm_began == inf else "message in the storm"

    def _is_back(self, user: User) -> bool:
        """Return whether a user came with the storm."""
        return user.number - self._task.first >= self._task.users - self._task.storm

    def _advance_login(self, user: User, body: bytes) -> None:
        """Take the next step of a login."""
        try:
            self._check_hold(user, body)
            request = user.next_body(*self._identities.login.advance(user, body))
        except LoginError as error:
            self._end(user, str(error))
            return
        user.line_due = True
        if user.phase is Phase.ONLINE:
            self._logged_in(user)
        self._send(user, self._endpoint.post(request))

    def _check_hold(self, user: User, body: bytes) -> None:
        """Raises LoginError if the server would hold what a user says, and answer nothing."""
        if user.phase is Phase.CREATING and hold(body) > 1:
            raise LoginError("a hold above 1 is granted: use --hold 1")

    def _logged_in(self, user: User) -> None:
        now = self._clock()
        self._counters.counts["logins"] += 1
        self._counters.took("login", now - user.asked)
        if self._is_back(user):
            self._counters.took("return", now - self.storm_began)
        user.asked = now
        self._identities.remember(user)
        self.logging_in -= 1
        self.online += 1
        self._attempts.pop(user.number, None)

    def _left(self, user: User) -> None:
        self._counters.counts["left"] += 1
        self._remove(user)

    # Failures.

    def _refused(self, user: User, newest: bool, found: Answer) -> None:
        """As web clients do, retry after a 5xx, and end the session at a 4xx."""
        if found.status < 500:
            self._end(user, f"status {found.status}")
        elif user.phase is Phase.CREATING and self._is_back(user) and found.retry_after:
            self._come_back(user, found.retry_after)
        else:
            self._due_again(user, newest)
            self._fail(user, f"status {found.status}")

    def _come_back(self, user: User, seconds: int) -> None:
        """In a storm, a user for whom there is no room comes again when the server says."""
        self._counters.counts["refused"] += 1
        self._remove(user)
        heappush(self.failed, (self._clock() + seconds, user.number - self._task.first))

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
        """A request got no answer: retry it after a pause, if that may help."""
        if user.phase < Phase.ONLINE or not self._may_try_again(user):
            self._end(user, kind)
            return
        self._counters.errors[kind] += 1
        self._broken.append((self._clock() + PAUSE, user))

    def _may_try_again(self, user: User) -> bool:
        attempts = self._attempts[user.number] = self._attempts.get(user.number, 1) + 1
        return attempts <= ATTEMPTS

    def _end(self, user: User, kind: str) -> None:
        """End a user's session with an error of this kind."""
        self._counters.errors[kind] += 1
        self._remove(user)
        if user.phase >= Phase.ONLINE:
            self._counters.counts["lost"] += 1
        elif self._may_try_again(user):
            heappush(self.failed, (self._clock() + PAUSE, user.number - self._task.first))
        else:
            self._counters.counts["given up"] += 1
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
            self._sockets.close(line)

    def _forget(self, user: User, newest: bool) -> None:
        if newest:
            user.line = NONE
        else:
            user.other = NONE

    # Time.

    def repeat(self) -> None:
        """Retry the requests whose pause is over."""
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
        """Retry it empty: it was sent long ago, and the server knows its content by the RID, if it
        arrived."""
        self._counters.counts["requests"] += 1
        try:
            request = self._endpoint.post(body(user.rid - 1, user.sid))
            user.other = self._sockets.open(user, request)
        except OSError as error:
            self._fail(user, kind(error))

    def time_out(self) -> None:
        """Time out what has no answer: a login after ``patience``, a request that may be held after
        ``wait`` and ``patience``."""
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

"""The pages for a person: the status of ECM, and one user."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from ecm import __version__
from ecm.admin.asked import Asked, Reply, as_json
from ecm.admin.readiness import reasons
from ecm.admin.routes import Route
from ecm.admin.user import find
from ecm.log.warnings import WARNINGS
from ecm.operated import Operated
from ecm.page.document import status_page
from ecm.page.figures import Sampler
from ecm.page.files import POLICY
from ecm.page.found import Found
from ecm.page.history import SAMPLE_SECONDS, History
from ecm.page.person import mistake_page, user_page
from ecm.page.view import View

# Seconds for which a page is not drawn again: with 55 workers it takes 40 ms, in which nobody is
# accepted.
REDRAW: Final = 1

_HTML = "text/html; charset=utf-8"
_HEADERS = (("Content-Security-Policy", POLICY), ("Referrer-Policy", "no-referrer"))


class Pages:
    """Shows an ECM to a person, with the last hour, of which it keeps the figures."""

    def __init__(self, ecm: Operated, clock: IReactorTime) -> None:
        self._ecm = ecm
        self._clock = clock
        self._started = time.time()
        self._history = History()
        self._sampler = Sampler()
        self._sampling = LoopingCall(self._sample)
        self._sampling.clock = clock
        self._page: Reply | None = None
        self._drawn = 0.0

    def routes(self) -> Mapping[str, Route]:
        """Return the routes of the pages."""
        return {
            "/": Route(self.status),
            "/status": Route(self.status),
            "/user": Route(user),
            "/user.json": Route(user_json),
        }

    def start(self) -> None:
        """Begin to keep the figures."""
        self._sampling.start(SAMPLE_SECONDS)

    def stop(self) -> None:
        """Keep no more."""
        if self._sampling.running:
            self._sampling.stop()

    def status(self, ecm: Operated, asked: Asked) -> Reply:
        """Show how ECM is; for a second the same to all who look."""
        now = self._clock.seconds()
        if self._page is None or now >= self._drawn + REDRAW:
            self._page, self._drawn = _html(status_page(self._view())), now
        return self._page

    def _view(self) -> View:
        ecm = self._ecm
        snapshots, processes = ecm.snapshots(), ecm.processes()
        now = time.time()
        return View(
            now=now,
            version=__version__,
            started=self._started,
            reasons=reasons(processes, snapshots, now),
            snapshots=snapshots,
            processes=processes,
            history=self._history,
            warnings=WARNINGS.recent(),
            options=ecm.options(),
        )

    def _sample(self) -> None:
        sample = self._sampler.sample(self._ecm.snapshots(), self._clock.seconds())
        self._history.add(sample)


def user(ecm: Operated, asked: Asked) -> Reply | Deferred[Reply]:
    """Show the user ?who= as a page."""
    who = asked.query.get("who", "").strip()
    try:
        found = find(ecm, who)
    except ValueError as why:
        return _html(mistake_page(who, str(why)), HTTPStatus.BAD_REQUEST)
    return found.addCallback(lambda one: _html(user_page(one, time.time())))


def user_json(ecm: Operated, asked: Asked) -> Deferred[Reply]:
    """Tell of the user ?who= in JSON."""

    def said(found: Found) -> Reply:
        return as_json(found.words())

    return find(ecm, asked.query.get("who", "").strip()).addCallback(said)


def _html(page: str, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(status, page.encode(errors="replace"), _HTML, _HEADERS)

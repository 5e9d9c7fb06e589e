"""Reload: the settings are read again, and a new generation of workers goes on with them."""

import time
from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from ecm.certificates import Certificates
from ecm.changes import Changes, reloaded
from ecm.errors import StartupError
from ecm.limits import CERTIFICATE_CHECK
from ecm.operated import Reloaded
from ecm.systemd import notify
from ecm.workers import program
from ecm.workers.bundle import Bundle
from ecm.workers.generations import Generations
from ecm.workers.plan import Plan
from ecm.workers.ports import Ports

_log = Logger()

# Reads all settings again. Raises ValueError, which says where the mistake is.
Again = Callable[[], Plan]


class Reload:
    """Does one reload at a time. All that are asked for meanwhile are one more, behind it."""

    def __init__(
        self,
        again: Again,
        generations: Generations,
        ports: Ports,
        set_log_level: Callable[[str, float], None],
    ) -> None:
        self.last: Reloaded | None = None
        self._again = again
        self._generations = generations
        self._ports = ports
        self._set_log_level = set_log_level
        self._program = program.stamp()
        self._certificates = Certificates(generations.current.plan.settings)
        self._unseen = 0.0  # seconds since the last look for new certificates
        self._asked: list[Deferred[list[str]]] = []
        self._runs = False
        self._stops = False

    def start(self) -> None:
        """Know the certificates of the start, as the user sees them that ECM has become."""
        self._certificates.know()

    def request(self) -> Deferred[list[str]]:
        """Reload. Fires with what was done, a line each.

        Fails with ValueError, which says what is wrong; then nothing has changed.
        """
        if self._stops:
            return fail(ValueError("ECM stops"))
        asked: Deferred[list[str]] = Deferred()
        self._asked.append(asked)
        if not self._runs:
            Deferred.fromCoroutine(self._run())
        return asked

    def look(self, seconds: float) -> None:
        """Look now and then for new certificates, so many seconds after the last look."""
        self._unseen += seconds
        if self._unseen < CERTIFICATE_CHECK or self._runs or self._stops:
            return
        self._unseen = 0.0
        if self._certificates.have_just_changed():
            try:
                _log.info("{line}", line=self._renew())
            except Exception as error:  # or nobody would look any more, for hung workers neither
                _refused(error)

    def stop(self) -> None:
        """Begin no more."""
        self._stops = True

    async def _run(self) -> None:
        self._runs = True
        while self._asked:
            asked, self._asked = self._asked, []
            notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                done = await self._once()
            except Exception as error:
                why = _refused(error)
                self._ended(success=False)
                for each in asked:
                    each.errback(why)
            else:
                self._ended(success=True)
                for line in done:
                    _log.info("reload: {line}", line=line)
                for each in asked:
                    each.callback(done)
        self._runs = False

    def _ended(self, success: bool) -> None:
        self.last = Reloaded(success, time.time())
        notify("READY=1")

    async def _once(self) -> list[str]:
        if self._stops:
            raise ValueError("ECM stops")
        plan = self._again()
        before = self._generations.current.plan
        changes = Changes.between(before.settings, plan.settings)
        done = [f"--{name} has changed: that needs a restart of ECM" for name in changes.fixed]
        plan = attrs.evolve(
            plan,
            settings=reloaded(before.settings, plan.settings),
            shares=tuple(reloaded(before.settings, each) for each in plan.shares),
        )
        stamp = program.stamp()
        if changes.names or stamp != self._program:
            certificates = Certificates(plan.settings)
            done.append(await self._replace(plan, changes))
            self._program, self._certificates = stamp, certificates
        elif self._certificates.have_changed():
            done.append(self._renew())
        done.extend(self._ports.adapt(plan.settings.endpoints))
        return done or ["nothing has changed"]

    def _renew(self) -> str:
        """Let new connections have the certificates that are there now; return what was done.

        Raises ValueError if one is not fit.
        """
        self._generations.current.renew(Bundle(self._certificates.read()))
        return f"new connections get the certificates of {self._certificates.endpoints}"

    async def _replace(self, plan: Plan, changes: Changes) -> str:
        """Let new workers take the place of the present ones; return what was done."""
        settings = plan.settings
        try:
            self._ports.open(settings)
        except StartupError as error:
            raise ValueError(error.why) from None
        try:
            generation = await self._generations.prepare(plan)
            if self._stops:
                raise ValueError("ECM stops")
        except ValueError:
            self._ports.close_others(self._generations.current.plan.settings.endpoints)
            raise
        for warning in plan.warnings:
            _log.warn("{text}", text=warning)
        self._generations.switch(generation)
        if "log-level" in changes.names:
            self._set_log_level(settings.log.level, 0)
        closed = self._ports.close_others(settings.endpoints)
        self._ports.accept()
        return _done(generation.number, len(plan.shares), changes.names, closed)


def _done(number: int, workers: int, changed: tuple[str, ...], closed: list[str]) -> str:
    names = ", ".join(f"--{name}" for name in changed) or "the program"
    text = f"generation {number} serves, {workers} workers; changed: {names}"
    return f"{text}; closed: {', '.join(closed)}" if closed else text


def _refused(error: Exception) -> ValueError:
    if not isinstance(error, ValueError):
        _log.failure("error in ECM; the reload is given up")
        error = ValueError("error in ECM, which the log has")
    if "Permission denied" in str(error):
        error = ValueError(f"{error}; is it for the user that ECM has become?")
    _log.error("reload: {why}; nothing has changed", why=error)
    return error

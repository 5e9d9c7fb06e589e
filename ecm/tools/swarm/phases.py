"""The phases of a run: all users log in, rest, talk or stay, and leave. A storm may come before."""

from collections.abc import Callable
from typing import Any

from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from ecm.tools.swarm import workers
from ecm.tools.swarm.messages import Report
from ecm.tools.swarm.options import Options
from ecm.tools.swarm.progress import Progress
from ecm.tools.swarm.statistics import Statistics, deliveries
from ecm.tools.swarm.workers import Worker

_SAMPLES = 1.0  # seconds between two


class Phases:
    """One run, and its result."""

    def __init__(self, reactor: ReactorBase, options: Options, progress: Progress) -> None:
        self.statistics = Statistics()
        self.workers: list[Worker] = []
        self.phase = "start"
        self.interrupts = 0
        self.bytes_per_user = 0.0
        self.cpu_of_logins = 0.0
        self.most_online = 0
        self.came_back = 0
        self.lost_with_workers = 0
        self.seconds: dict[str, float] = {}  # that each phase took
        self._reactor: Any = reactor
        self._options = options
        self._progress = progress
        self._begun = self._phase_begun = reactor.seconds()
        self._awaited: tuple[Callable[[], bool], Deferred[None]] | None = None

    async def run(self) -> None:
        """Run all phases."""
        self.workers = workers.start(self._reactor, self._options, self._told, self._ended)
        samples = LoopingCall(self._sample)
        samples.clock = self._reactor
        samples.start(_SAMPLES, now=False)
        await self._all_are_there()
        await self._log_in()
        await self._rest()
        await self._talk()
        await self._leave()
        await self._end()
        samples.stop()

    def interrupt(self) -> None:
        """The first time, let the users leave; the second time, end the run."""
        self.interrupts += 1
        self._look()

    async def _all_are_there(self) -> None:
        await self._wait(lambda: all(worker.first_resident for worker in self._running))

    async def _log_in(self) -> None:
        self._enter("log in")
        self._tell("log in")
        await self._wait(lambda: self._have_done("log in"))
        self.cpu_of_logins = sum(report["cpu"] for report in self.reports())
        self._weigh()

    async def _rest(self) -> None:
        if self._options.rest:
            self._enter("rest")
            await self._wait(self._nobody, self._options.rest)
            self._weigh()

    async def _talk(self) -> None:
        await self._say()
        if self._options.storm:
            await self._storm()
        if self._options.talks:
            self._enter("settle")
            self._tell("hush")
            await self._wait(lambda: self._have_done("hush"), self._options.patience)

    async def _storm(self) -> None:
        self._enter("storm")
        before = self.statistics.all.counts["logins"]
        self._tell("storm")
        await self._wait(lambda: self._have_done("storm"))
        self.came_back = self.statistics.all.counts["logins"] - before
        self._weigh()

    async def _say(self) -> None:
        self._enter("talk" if self._options.talks else "stay")
        if self._options.talks and not self._nobody():
            for worker, talk in zip(self.workers, workers.talks(self._options), strict=True):
                worker.tell("talk", talk)
        counted = self._options.messages is not None
        seconds = None if counted else self._options.duration
        await self._wait(lambda: self._nobody() or self._have_done("talk"), seconds)
        self._weigh()

    async def _leave(self) -> None:
        self._enter("leave")
        self._tell("leave")
        await self._wait(lambda: self._have_done("leave"), interrupts=2)

    async def _end(self) -> None:
        self._enter("end")
        for worker in self._running:
            worker.end()
        await self._wait(lambda: False, interrupts=3)
        self._sample()
        self._progress.end()

    # The workers.

    @property
    def _running(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.runs]

    def reports(self) -> list[Report]:
        """Return the latest report of each worker."""
        return [worker.last for worker in self.workers]

    def _tell(self, do: str) -> None:
        for worker in self._running:
            worker.tell(do)

    def _have_done(self, what: str) -> bool:
        return all(worker.last["done"] == what for worker in self._running)

    def _nobody(self) -> bool:
        return not any(report["online"] for report in self.reports())

    def _told(self, worker: Worker, report: Report) -> None:
        self.statistics.add(report)
        self.most_online = max(self.most_online, sum(told["online"] for told in self.reports()))
        self._look()

    def _ended(self, worker: Worker) -> None:
        if self.phase != "end":
            self.statistics.fail("worker ended")
            self.lost_with_workers += worker.last["online"]
        worker.last = {**worker.last, "online": 0, "logging in": 0}
        self._look()

    def _weigh(self) -> None:
        """Measure the workers' memory for each user."""
        online = sum(report["online"] for report in self.reports())
        grown = sum(worker.last["resident"] - worker.first_resident for worker in self._running)
        if online:
            self.bytes_per_user = max(self.bytes_per_user, grown / online)

    # Time.

    def _enter(self, phase: str) -> None:
        now = self._reactor.seconds()
        self.seconds[self.phase] = round(now - self._phase_begun, 2)
        self.phase, self._phase_begun = phase, now
        self._progress.begin(phase, now - self._begun)

    async def _wait(
        self, done: Callable[[], bool], seconds: float | None = None, interrupts: int = 1
    ) -> None:
        """Wait until it is done, ``seconds`` have passed since the phase began, all workers have
        exited, or the operator has interrupted so often."""

        def over() -> bool:
            waited = self._reactor.seconds() - self._phase_begun
            late = seconds is not None and waited >= seconds
            return done() or late or self.interrupts >= interrupts or not self._running

        self._awaited = over, Deferred()
        awaited = self._awaited[1]
        timer = None
        if seconds is not None:
            timer = self._reactor.callLater(seconds, self._look)
        self._look()
        await awaited
        if timer is not None and timer.active():
            timer.cancel()

    def _look(self) -> None:
        """Continue the run if what it waits for is there."""
        if self._awaited is not None and self._awaited[0]():
            _, awaited = self._awaited
            self._awaited = None
            awaited.callback(None)

    def _sample(self) -> None:
        now = self._reactor.seconds() - self._begun
        sample = self.statistics.sample(now, self.phase, self.reports())
        self._progress.show(sample, *self._share_done())
        self._look()

    def _share_done(self) -> tuple[float, float]:
        """Return how much of this phase is done, and its total."""
        counts, options = self.statistics.all.counts, self._options
        elapsed = self._reactor.seconds() - self._phase_begun
        match self.phase:
            case "log in":
                return counts["logins"] + counts["given up"], options.users - options.storm
            case "storm":
                return counts["logins"] + counts["given up"], options.users
            case "rest":
                return elapsed, options.rest
            case "talk" if options.messages is not None:
                return deliveries(self.reports())["sent"], options.messages
            case "talk" | "stay":
                return elapsed, options.duration
            case "leave":
                return counts["left"], counts["logins"] - counts["lost"]
        return 0, 0

"""An ECM as its operator sees it, which notes what it is told."""

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail, succeed

from ecm.operated import OptionInForce, ProcessStatus, Reloaded
from ecm.questions import Words
from ecm.status.snapshot import Snapshot
from ecm.status.totals import Totals


class ToldEcm:
    """Fulfils ``Operated``. ``told`` has all orders; ``fault`` is the mistake of a reload."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.fault = ""
        self.answers: list[Words] = []
        self.told_last: list[Snapshot] = []
        self.last_reload: Reloaded | None = None

    def snapshots(self) -> Sequence[Snapshot]:
        return self.told_last

    def totals(self) -> Totals:
        return Totals({each.number: each.metrics for each in self.told_last}, {"exit": 2})

    @property
    def reloaded(self) -> Reloaded | None:
        return self.last_reload

    def options(self) -> Sequence[OptionInForce]:
        return [OptionInForce("workers", ("2",), "flag")]

    def processes(self) -> Sequence[ProcessStatus]:
        return [ProcessStatus(1, 4101, restarts=2, rss=40_000_000, cpu=1.5)]

    def reload(self) -> Deferred[list[str]]:
        self.told.append("reload")
        return fail(ValueError(self.fault)) if self.fault else succeed(["one", "two"])

    def restart(self, number: int) -> None:
        if number != 1:
            raise ValueError(f"there is no worker {number}")
        self.told.append(("restart", number))

    def drain(self, seconds: float) -> None:
        self.told.append(("drain", seconds))

    def undrain(self) -> None:
        self.told.append("undrain")

    def set_log_level(self, level: str, seconds: float) -> None:
        if level not in ("info", "debug"):
            raise ValueError("give info, debug")
        self.told.append((level, seconds))

    def ask(self, question: Words) -> Deferred[list[Words]]:
        self.told.append(question)
        return succeed(self.answers)

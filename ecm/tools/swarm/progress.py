"""Progress for the operator while a run lasts."""

import sys
from typing import Any, Protocol

from ecm.tools.swarm.statistics import Sample

_EVERY = 5  # samples of a phase for each line, without a terminal


class Progress(Protocol):
    def begin(self, phase: str, seconds: float) -> None:
        """A phase begins, so many seconds after the beginning of the run."""

    def show(self, sample: Sample, done: float, total: float) -> None:
        """A second has passed; ``done`` of ``total`` of this phase is done, 0 if unknown."""

    def end(self) -> None: ...


class Lines:
    """Lines, for logs."""

    def __init__(self) -> None:
        self._phase = ""
        self._shown = 0

    def begin(self, phase: str, seconds: float) -> None:
        print(f"{seconds:7.0f} s  {phase} begins", flush=True)

    def show(self, sample: Sample, done: float, total: float) -> None:
        if sample["phase"] != self._phase:
            self._phase, self._shown = sample["phase"], 0
        if self._shown % _EVERY == 0 or sample["errors"]:
            share = f"{done / total:4.0%}" if total else ""
            print(f"{sample['time']:7.0f} s  {self._phase:7}{share:5} {line(sample)}", flush=True)
        self._shown += 1

    def end(self) -> None: ...


class Bar:
    """A progress bar with an estimate, by tqdm."""

    def __init__(self, tqdm: Any) -> None:
        self._tqdm = tqdm
        self._bar: Any = None
        self._phase = ""

    def begin(self, phase: str, seconds: float) -> None: ...

    def show(self, sample: Sample, done: float, total: float) -> None:
        if sample["phase"] != self._phase:
            self._phase = sample["phase"]
            self.end()
            self._bar = self._tqdm(
                total=total or None,
                desc=self._phase,
                bar_format="{desc:7} {percentage:3.0f}%|{bar:20}| {remaining} left{postfix}"
                if total
                else "{desc:7} {elapsed}{postfix}",
                dynamic_ncols=True,
            )
        self._bar.n = min(done, total) if total else 0
        self._bar.set_postfix_str(line(sample))

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()


def line(sample: Sample) -> str:
    """Return the figures of a sample."""
    parts = [
        f"{sample['online']} online",
        f"{sample['logging in']} logging in",
        f"{sample['requests/s']:.0f} requests/s",
    ]
    for what, found in sample["milliseconds"].items():
        if found["p50"] is not None:
            parts.append(f"{what} {found['p50']:.0f}/{found['p99']:.0f} ms")
    parts.extend(f"{times} x {kind}" for kind, times in sample["errors"].items())
    return ", ".join(parts)


def progress() -> Progress:
    """Return a bar if there are a terminal and tqdm, otherwise lines."""
    if not sys.stderr.isatty():
        return Lines()
    try:
        from tqdm import tqdm
    except ImportError:
        print("ecm-swarm: for a progress bar, pip install tqdm", file=sys.stderr)
        return Lines()
    return Bar(tqdm)

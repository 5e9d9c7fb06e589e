"""The collector of prometheus_client: asks an ECM, as its operator sees it, at each scrape."""

import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

import twisted
from ecm import __version__
from ecm.exposition import families
from ecm.exposition.gauges import GAUGES, Gauge
from ecm.exposition.nodes import told
from ecm.kernel import usage
from ecm.metrics import FIELDS, Family, Histogram, Kind, Metrics
from ecm.operated import STARTING, Operated, ProcessStatus
from ecm.status.snapshot import Snapshot
from ecm.status.totals import Totals

# The labels of each number, and it.
Samples = Iterable[tuple[tuple[str, ...], float]]


class EcmCollector(Collector):
    """Makes metrics of what an ECM tells. With ``per_worker`` they are those of each worker."""

    def __init__(self, ecm: Operated, per_worker: bool) -> None:
        self._ecm = ecm
        self._more = ("worker",) if per_worker else ()
        self._started = time.time()
        self._cpu = CpuTotal()

    def collect(self) -> Iterator[Metric]:
        snapshots, processes, totals = (
            [*self._ecm.snapshots()],
            [*self._ecm.processes()],
            self._ecm.totals(),
        )
        yield from self._of_the_whole(processes, totals)
        for gauge in GAUGES:
            yield self._gauge(gauge, snapshots)
        yield from self._counters(totals)
        for family, numbers in told(snapshots):
            yield _family(family, numbers.items())

    def _of_the_whole(self, processes: list[ProcessStatus], totals: Totals) -> Iterator[Metric]:
        versions = (__version__, platform.python_version(), twisted.__version__)
        reloaded = self._ecm.reloaded
        own = usage(Path("/"), os.getpid())
        rss, cpu = sum(each.rss for each in processes), self._cpu.total(processes)
        restarts = {(how,): totals.restarts.get(how, 0) for how in families.RESTARTS.values}
        yield _family(families.BUILD, [(versions, 1)])
        for family, value in (
            (families.STARTED, self._started),
            (families.WORKERS, sum(each.state != STARTING for each in processes)),
            (families.RELOADED, reloaded is None or reloaded.success),
            (families.RELOADED_AT, 0 if reloaded is None else reloaded.at),
            (families.MEMORY, rss),
            (families.CPU, cpu),
            (families.OWN_MEMORY, own.rss),
            (families.OWN_CPU, own.cpu),
        ):
            yield _family(family, [((), value)])
        yield _family(families.RESTARTS, restarts.items())

    def _gauge(self, gauge: Gauge, snapshots: list[Snapshot]) -> Metric:
        values: dict[tuple[str, ...], list[float]] = {}
        for snapshot in snapshots:
            for labels, value in gauge.of(snapshot):
                worker = (f"{snapshot.number}",) if self._more else ()
                values.setdefault((*labels, *worker), []).append(value)
        samples = [(labels, gauge.over(each)) for labels, each in values.items()]
        return _family(self._labelled(gauge.family), samples)

    def _counters(self, totals: Totals) -> Iterator[Metric]:
        tables: dict[tuple[str, ...], Metrics] = {}
        for number, metrics in totals.metrics.items():
            tables.setdefault((f"{number}",) if self._more else (), Metrics()).add(metrics)
        if not self._more and not tables:
            tables[()] = Metrics()  # all begin with 0
        for field in FIELDS:
            family = self._labelled(field.metadata["family"])
            values = [(labels, getattr(table, field.name)) for labels, table in tables.items()]
            if family.kind is Kind.HISTOGRAM:
                yield _histogram(family, field.metadata["bounds"], values)
            else:
                yield _family(family, _samples(field.metadata["family"], values))

    def _labelled(self, family: Family) -> Family:
        return attrs.evolve(family, labels=(*family.labels, *self._more))


class CpuTotal:
    """The CPU of processes, also of those that have gone."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}
        self._gone = 0.0

    def total(self, processes: Iterable[ProcessStatus]) -> float:
        """Return the seconds of those that are there now, and of all that were before."""
        there = {each.pid: each.cpu for each in processes if each.pid}
        self._gone += sum(cpu for pid, cpu in self._seen.items() if pid not in there)
        self._seen = there
        return self._gone + sum(there.values())


def _samples(family: Family, values: Iterable[tuple[tuple[str, ...], Any]]) -> Samples:
    """Yield the numbers of a counter; with those that have not counted yet, which are 0."""
    for labels, value in values:
        if not family.labels:
            yield labels, value
        else:
            for key, number in {**dict.fromkeys(family.values, 0), **value}.items():
                yield (key, *labels), number


def _family(family: Family, samples: Samples) -> Metric:
    make: Callable[..., Any] = GaugeMetricFamily
    if family.kind is Kind.COUNTER:
        make = CounterMetricFamily
    made = make(family.name, family.help, labels=family.labels)
    for labels, value in samples:
        made.add_metric(labels, value)
    metric: Metric = made
    return metric


def _histogram(
    family: Family, bounds: tuple[float, ...], values: Iterable[tuple[tuple[str, ...], Histogram]]
) -> Metric:
    made = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    names = [*(f"{float(bound)}" for bound in bounds), "+Inf"]
    for labels, histogram in values:
        counts = histogram.counts or [0] * len(names)
        sums = [sum(counts[: end + 1]) for end in range(len(names))]
        made.add_metric(labels, [*zip(names, sums, strict=True)], histogram.sum)
    return made

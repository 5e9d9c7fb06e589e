"""The chart of a run. The only module that needs matplotlib, which is an extra."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecm.tools.swarm.counters import WHAT
from ecm.tools.swarm.statistics import Sample

_COLOURS = {
    "login": "#7c5295",
    "poll": "#0b6e69",
    "message": "#c2410c",
    "message in the storm": "#b91c1c",
    "message to those back": "#d97706",
    "return": "#1d4ed8",
}
_ONLINE, _LOGGING_IN, _ERRORS, _PHASE = "#0b6e69", "#7c5295", "#c2410c", "#d5dbe0"


def draw(result: dict[str, Any], path: Path) -> None:
    """Write a PNG of the series. Raises OSError."""
    series: list[Sample] = result["series"]
    figure = Figure(figsize=(10, 9), layout="constrained")
    users, requests, latencies = figure.subplots(3, 1, sharex=True)
    times = [sample["time"] for sample in series]
    _draw_users(users, times, series)
    _draw_requests(requests, times, series)
    _draw_latencies(latencies, times, series)
    for axes in (users, requests, latencies):
        _mark_phases(axes, series)
        axes.grid(axis="y", color="#eef1f3")
        axes.spines[["top", "right"]].set_visible(False)
    latencies.set_xlabel("seconds")
    figure.suptitle(_title(result), x=0.01, ha="left", weight="bold")
    figure.savefig(path, dpi=120)


def _title(result: dict[str, Any]) -> str:
    target, users = result["options"]["target"], result["users"]
    return f"{target['url']}: {users['most online']} users online at most"


def _draw_users(axes: Axes, times: Sequence[float], series: Sequence[Sample]) -> None:
    axes.plot(times, [sample["online"] for sample in series], color=_ONLINE, label="online")
    logging_in = [sample["logging in"] for sample in series]
    axes.plot(times, logging_in, color=_LOGGING_IN, label="logging in")
    axes.set_ylabel("users")
    axes.legend(loc="upper left", frameon=False)


def _draw_requests(axes: Axes, times: Sequence[float], series: Sequence[Sample]) -> None:
    axes.plot(times, [sample["requests/s"] for sample in series], color=_ONLINE, label="requests")
    errors = [sum(sample["errors"].values()) for sample in series]
    axes.plot(times, errors, color=_ERRORS, label="errors")
    axes.set_ylabel("a second")
    axes.legend(loc="upper left", frameon=False)


def _draw_latencies(axes: Axes, times: Sequence[float], series: Sequence[Sample]) -> None:
    drawn = False
    for what in WHAT:
        for name, style in (("p50", "-"), ("p99", ":")):
            points = [
                (t, s["milliseconds"][what][name]) for t, s in zip(times, series, strict=True)
            ]
            known = [(t, value) for t, value in points if value is not None]
            if known:
                axes.plot(
                    *zip(*known, strict=True), style, color=_COLOURS[what], label=f"{what} {name}"
                )
                drawn = True
    axes.set_ylabel("milliseconds")
    if drawn:
        axes.set_yscale("log")
        axes.legend(loc="upper left", frameon=False, ncols=len(WHAT))


def _mark_phases(axes: Axes, series: Sequence[Sample]) -> None:
    for before, sample in zip(series, series[1:], strict=False):
        if before["phase"] != sample["phase"]:
            axes.axvline(sample["time"], color=_PHASE, zorder=0)

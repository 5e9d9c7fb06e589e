"""``python -m bench.report.benchmarks_text``: the tables of docs/benchmarks.md, from what is in
``bench/results/``.

A test says when one is not up to date.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from bench.report import figures, growth, report
from ecm.tools.doctor.plan import Tls, Transport
from testkit.made_text import renewed
from testkit.paths import CHECKOUT

FILE = CHECKOUT / "docs" / "benchmarks.md"
VERSIONS = report.RESULTS / "versions.json"


def versions() -> Iterator[str]:
    if not VERSIONS.exists():
        yield "(There is no result of this case in `bench/results/`.)"
        return
    data = json.loads(VERSIONS.read_text())
    yield from version_table(data["machine"], data["results"][0]["summaries"])


def version_table(machine: dict[str, str], rows: list[dict[str, Any]]) -> Iterator[str]:
    first = rows[0]["version"]
    yield (
        f"| ejabberd | Erlang/OTP | resident bytes per idle user | beside {first}"
        " | in use by Erlang | beside the same"
        " | CPU of a poll, beside its own stock BOSH | CPU of a message, beside its own |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for row in rows:
        polls, messages = (_cpu(row["cpu"][what]) for what in ("poll", "message"))
        yield (
            f"| {row['version']} | {row['erlang']} | {row['rss']:,.0f}"
            f" | {_spread(row['ratio'])} | {row['used']:,.0f} | {_spread(row['used_ratio'])}"
            f" | {polls} | {messages} |"
        )
    yield ""
    yield (
        f"Measured on {machine['date']} with `--users {machine['users']} --rounds"
        f" {machine['rounds']} --seconds {machine['seconds']}`; a cell has the median, and the"
        " least and the most of all rounds."
    )


def _cpu(cpu: dict[str, Any]) -> str:
    return f"{cpu['mod_ecm']:.0f} of {cpu['stock']:.0f} µs, {_spread(cpu['ratio'])}"


def _spread(ratio: dict[str, float]) -> str:
    return f"**{ratio['median']:.3f} ×** ({ratio['least']:.3f} to {ratio['most']:.3f})"


def model() -> Iterator[str]:
    """The growth model beside what it was made of."""
    yield (
        "| users | result | over | sessions | workers | GB measured | GB of the model"
        " | cores measured | cores of the model |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for point in [*growth.points(), *(one for one in growth.polling() if not one.parts)]:
        one = point.deployment
        cells = [
            f"{one.users:,}",
            f"`{point.source}`" + ("" if point.parts else ", polls without pause"),
            TRANSPORTS[one.transport] + ("" if one.tls is Tls.NONE else f", {one.tls} TLS"),
            one.sessions,
            str(one.workers),
            *_pair(point, bool(point.parts), growth.measured, growth.predicted),
            *_pair(point, bool(point.cpu), growth.measured_cores, growth.predicted_cores),
        ]
        yield f"| {' | '.join(cells)} |"


TRANSPORTS = {Transport.BOSH: "BOSH", Transport.WEBSOCKET: "WebSocket", Transport.TCP: "TCP"}


def _pair(
    point: growth.Point,
    known: bool,
    measured: Callable[[growth.Point], float],
    predicted: Callable[[growth.Point], float],
) -> tuple[str, str]:
    if not known:
        return "–", "–"
    unit = 1e9 if measured is growth.measured else 1
    found, told = measured(point) / unit, predicted(point) / unit
    return f"{found:.3f}", f"{told:.3f} ({told / found - 1:+.1%})"


PARTS = {
    "figures": figures.figures,
    "meaning": figures.meaning,
    "versions": versions,
    "growth": model,
}


if __name__ == "__main__":
    FILE.write_text(renewed(FILE.read_text(), PARTS))

"""``python -m bench.report.readme``: the table in README.md, from what is in ``bench/results/``.

A measurement that has no results there has no row. A test says when the table is not up to date.
"""

import json
import re
from collections.abc import Iterator
from statistics import median
from typing import Any

import attrs

from bench.report import report
from testkit.paths import CHECKOUT

FILE = CHECKOUT / "README.md"
TABLE = re.compile(r"(?<=from bench/results -->\n).*?(?=<!-- /bench -->)", re.S)


@attrs.frozen
class Row:
    what: str
    ours: str
    others: str


LEAN = "ECM, lean TLS"

COLUMNS = {
    "": lambda row: row.what,
    "Megaphone": lambda row: row.ours,
    "others": lambda row: row.others,
}


def memory(results: list[Any]) -> Iterator[Row]:
    found = {each["name"]: f"{each['rss']:,.0f}" for each in results}
    plain = {name: each for name, each in found.items() if not name.endswith("TLS")}
    yield row("bytes of front-end memory per held request", plain, "ECM")
    over_tls = {name: each for name, each in found.items() if name.endswith("TLS")}
    if LEAN in over_tls:
        yield row("bytes of front-end memory per held request over TLS", over_tls, LEAN)


def front(results: list[Any]) -> Iterator[Row]:
    least = min(each["clients"] for each in results)
    rounds = [each["loads"] for each in results if each["clients"] == least]
    found = {
        name: f"{median(loads[name]['cpu_each'] for loads in rounds):.0f}" for name in rounds[0]
    }
    what = f"µs of front-end CPU per request, {least} clients"
    found.pop("ECM, plain link", None)  # the typed one is what is used
    yield row(what, found, "ECM, typed link")


def ejabberd(results: list[Any]) -> Iterator[Row]:
    growths = results[0]["growths"]
    found = {each["name"]: f"{each['rss']:,.0f}" for each in growths}
    yield row(f"bytes of ejabberd per idle user, of {growths[0]['users']:,}", found, "mod_ecm")


def whole(results: list[Any], transport: str = "") -> Iterator[Row]:
    """All that is on the server's side. Only users of BOSH poll."""
    way, kind = (f" over {transport}", f" of {transport}") if transport else ("", "")
    users = f"{results[0]['rounds'][0]['full']['users']:,}"
    figures = {
        f"messages per second{way}, maximum on the test machine": ("messages_per_second", ",.0f"),
        f"ms of delivery latency{way} at half that rate (p99)": ("p99", ".1f"),
        f"µs of server-side CPU per message{way}": ("message_cpu", ".0f"),
        "µs of server-side CPU per empty poll": ("poll_cpu", ".0f"),
        f"bytes of server-side memory per user{kind}, of {users}": ("memory", ",.0f"),
    }
    for what, (key, form) in figures.items():
        measured = [each for each in results[0]["rows"] if each[key] is not None]
        found = {each["name"]: format(each[key], form) for each in measured}
        if found:
            yield row(what, found, "ECM and mod_ecm")


def whole_over_websocket(results: list[Any]) -> Iterator[Row]:
    yield from whole(results, "WebSocket")


def million(results: list[Any], way: str = "") -> Iterator[Row]:
    most = max(
        sum(sample["parts"][part] for part in ("sockets", "ecm", "ejabberd"))
        for sample in results[0]["samples"]
    )
    what = f"GB of server-side memory with {results[0]['users']:,} users online{way}, peak"
    yield row(what, {"ours": f"{most / 1e9:.1f}"}, "ours")


def over_websocket(results: list[Any]) -> Iterator[Row]:
    yield from million(results, " over WebSocket")


def streams(results: list[Any]) -> Iterator[Row]:
    """Users of WebSocket; those of TLS are in docs/benchmarks.md."""
    resting, chats = (
        [one for one in results[0][key] if one["way"] == "websocket"] for key in ("memory", "chats")
    )
    memory = {one["server"]: f"{sum(one['parts'].values()):,.0f}" for one in resting}
    users = f"{resting[0]['users']:,}"
    what = f"bytes of server-side memory per user of WebSocket, of {users}"
    yield row(what, memory, "Megaphone")
    cpu = {
        name: median(sum(one["full"]["cpu"].values()) for one in chats if one["server"] == name)
        for name in memory
    }
    shown = {name: f"{figure:.0f}" for name, figure in cpu.items()}
    yield row("µs of server-side CPU per message over WebSocket", shown, "Megaphone")


def row(what: str, found: dict[str, str], ours: str) -> Row:
    """Make one of figures by name, one of which is that of Megaphone."""
    others = [f"{name} {value}" for name, value in found.items() if name != ours]
    return Row(what, f"**{found[ours]}**", "; ".join(others))


RESULTS = {
    "front_cpu": front,
    "memory": memory,
    "ejabberd": ejabberd,
    "end_to_end": whole,
    "million": million,
    "streams": streams,
    "end_to_end-websocket": whole_over_websocket,
    "million-websocket": over_websocket,
}


def rows() -> Iterator[Row]:
    """Each figure once: where two cases have it, the later one of RESULTS."""
    found: dict[str, Row] = {}
    for name, made in RESULTS.items():
        file = report.RESULTS / f"{name}.json"
        if file.exists():
            results = json.loads(file.read_text())["results"]
            found |= {each.what: each for each in made(results)}
    yield from found.values()


def renewed(text: str) -> str:
    """Return the text of README.md with the table of bench/results."""
    table = report.table(COLUMNS, list(rows()))
    new, count = TABLE.subn(lambda _: f"\n{table}\n\n", text)
    assert count == 1, "README.md has no place for the table"
    return new


if __name__ == "__main__":
    FILE.write_text(renewed(FILE.read_text()))

"""The figures that docs/benchmarks.md begins with, their pictures, and what they mean to an
operator.

``python -m bench.report.figures`` draws the pictures, in docs/pictures. A picture has its figures
as text, too, by which a test says when it is not up to date.
"""

import json
from collections.abc import Iterator
from statistics import median
from typing import Any

import attrs
from matplotlib.figure import Figure as Picture

from bench.report import chart, report
from bench.servers import MEGAPHONE, STOCK
from testkit.paths import CHECKOUT

FOLDER = CHECKOUT / "docs" / "pictures"

# Faults of bench.faults that are the daily ones of an operator.
DAILY = {
    "link-rst": "the link breaks",
    "worker-kill": "a worker of two is killed",
    "reload": "ECM is reloaded",
    "ecm-restart": "ECM is restarted",
    "node-stop": "one of three nodes is stopped",
}


@attrs.frozen
class Figure:
    """``headline`` and ``text`` say it in words; bars are names and figures in a ``unit``."""

    name: str
    headline: str
    text: str
    unit: str
    bars: list[tuple[str, float]]
    ours: list[str]
    about: dict[str, str]

    def told(self) -> str:
        """Return all that its picture shows."""
        return json.dumps(attrs.asdict(self), ensure_ascii=True)

    def picture(self) -> Picture:
        found = Picture(figsize=(9, 1.3 + 0.45 * len(self.bars)), layout="constrained")
        most = max(value for _, value in self.bars)
        chart.plain(found.add_subplot(), self.headline, self.unit, self.bars, self.ours, most)
        chart.sign(found, self.about)
        return found


@attrs.frozen
class Meaning:
    """A figure as a count of what an operator has, or needs."""

    what: str
    ours: float
    theirs: str
    source: str


def _result(name: str) -> tuple[dict[str, str], list[Any]]:
    data = json.loads((report.RESULTS / f"{name}.json").read_text())
    return data["machine"], data["results"]


def _rows(name: str) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """Return the medians of the case end_to_end, by server."""
    machine, [result] = _result(name)
    return machine, {row["name"]: row for row in result["rows"]}


def memory() -> Figure:
    about, rows = _rows("end_to_end")
    each = {name: row["memory"] for name, row in rows.items()}
    ours, stock = each[MEGAPHONE], each[STOCK]
    users, most = _million()
    of_million = f"{MEGAPHONE}, of {users:,}"
    return Figure(
        "figure-memory",
        f"{most / users:,.0f} bytes for a user who is online, of {users:,}",
        "That is the most that the server's side took, the kernel's memory for sockets and what is"
        f" there without users included: {most / 1e9:.1f} GB. Of {int(about['users']):,} users each"
        f" took {ours:,.0f} in addition to what is there without them, and {stock / ours:.0f} times"
        " as much of stock ejabberd. How it was measured [with few](#the-whole-users-who-chat), and"
        " [with a million](#a-million-users-online).",
        "bytes of memory of everything on the server's side, over BOSH",
        [(of_million, most / users), *each.items()],
        [of_million, MEGAPHONE],
        about,
    )


def _million() -> tuple[int, float]:
    """Return how many users there were, and the most bytes that they took."""
    _, [result] = _result("million")
    parts = ("sockets", "ecm", "ejabberd")
    most = max(sum(sample["parts"][part] for part in parts) for sample in result["samples"])
    return result["users"], most


def message() -> Figure:
    _, rows = _rows("end_to_end")
    about, over_websocket = _rows("end_to_end-websocket")
    each = {name: row["message_cpu"] for name, row in over_websocket.items()}
    ours, stock, bosh = each[MEGAPHONE], each[STOCK], rows[MEGAPHONE]
    return Figure(
        "figure-message",
        f"{ours:.0f} µs of CPU for a message over WebSocket",
        f"That is all CPU of the server's side, {ours / stock:.2f} × what stock ejabberd takes."
        f" Over BOSH it is {bosh['message_cpu']:.0f} µs, {bosh['message_ratio']:.2f} ×, in"
        " another run. [How it was measured](#the-whole-users-who-chat).",
        "µs of CPU of everything on the server's side, over WebSocket",
        [*each.items()],
        [MEGAPHONE],
        about,
    )


def front() -> Figure:
    about, rounds = _result("front_cpu")
    clients = min(one["clients"] for one in rounds)
    loads = [one["loads"] for one in rounds if one["clients"] == clients]
    each = {name: median(load[name]["cpu_each"] for load in loads) for name in loads[0]}
    ours = each["ECM, typed link"]
    better = min(cpu for name, cpu in each.items() if name.endswith("proxy"))
    return Figure(
        "figure-front",
        f"{ours:.0f} µs of CPU of the front end for a request",
        f"{clients:,} clients ask. The better of two reverse proxies, which pass the same requests"
        f" on over HTTP, takes {better:.0f} µs. [How it was measured](#cpu-for-each-request).",
        f"µs of CPU of the front end for a request and its answer, {clients:,} clients",
        [*each.items()],
        [name for name in each if name.startswith("ECM")],
        about,
    )


def ejabberd() -> Figure:
    about, [result] = _result("ejabberd")
    _, [many] = _result("ejabberd-200000")
    # The first thousands live in what a node has left from its start, which is nobody's figure.
    [only] = many["growths"]
    ours, shown = only["rss"], f"mod_ecm, {only['users']:,} users"
    others = {row["name"]: row["rss"] for row in result["growths"] if row["name"] != "mod_ecm"}
    return Figure(
        "figure-ejabberd",
        f"{ours:,.0f} bytes of ejabberd for a user who does nothing",
        f"That is of {only['users']:,} users. Over ejabberd's own BOSH it is"
        f" {others['stock BOSH'] / ours:.0f} times as much, over its own WebSocket"
        f" {others['stock WebSocket'] / ours:.0f} times, of {int(about['users']):,} users."
        " [How it was measured](#ejabberd-with-mod_ecm-and-without).",
        "resident bytes of ejabberd",
        [(shown, ours), *others.items()],
        [shown],
        about,
    )


def silence() -> Figure:
    about, results = _result("faults")
    found = {each["name"]: each["rounds"] for each in results if each["name"] in DAILY}
    bars = [
        (what, max(one["silence"][2] for one in found[name]))
        for name, what in DAILY.items()
        if found.get(name)
    ]
    rounds = [one for each in found.values() for one in each]
    lost = sum(one["losses"][how] for one in rounds for how in ("told", "untold", "stuck"))
    sent = sum(one["messages"] for one in rounds)
    return Figure(
        "figure-silence",
        f"{max(seconds for _, seconds in bars):.1f} s of silence at most, {lost:,} messages lost",
        f"Users chatted, {sent:,} messages in all, while what happens to every operator happened."
        " The silence is the longest of any user. [What else breaks](faults.md), and what is lost"
        " then.",
        "seconds without a message, at most",
        bars,
        [what for what, _ in bars],
        about,
    )


FIGURES = (memory, message, front, ejabberd, silence)


def figures() -> Iterator[str]:
    """Give the lines of the document."""
    for number, made in enumerate(FIGURES, 1):
        one = made()
        yield f"{number}. **{one.headline}.** {one.text}"
        yield ""
        yield f"   ![{one.headline}](pictures/{one.name}.png)"
        yield ""


def meanings() -> Iterator[Meaning]:
    _, rows = _rows("end_to_end")
    whole = "[the whole](#the-whole-users-who-chat)"
    ours, stock = rows[MEGAPHONE], rows[STOCK]
    users, most = _million()
    million = "[a million](#a-million-users-online), " + whole
    yield _per("users online in each GB, BOSH", 1e9, most / users, stock["memory"], million)
    yield _per(
        "messages/s for each core, BOSH", 1e6, ours["message_cpu"], stock["message_cpu"], whole
    )
    yield _per("polls/s for each core", 1e6, ours["poll_cpu"], stock["poll_cpu"], whole)
    streams = "[users of WebSocket](#users-of-websocket-and-tcp)"
    _, [result] = _result("streams")
    resting = {
        one["server"]: sum(one["parts"].values())
        for one in result["memory"]
        if one["way"] == "websocket"
    }
    each = resting["Megaphone"], resting["ejabberd"]
    yield _per("users online in each GB, WebSocket", 1e9, *each, streams)
    _, rows = _rows("end_to_end-websocket")
    each = rows[MEGAPHONE]["message_cpu"], rows[STOCK]["message_cpu"]
    yield _per("messages/s for each core, WebSocket", 1e6, *each, whole)
    yield _logins()
    _, rounds = _result("front_cpu")
    clients = min(one["clients"] for one in rounds)
    loads = [one["loads"] for one in rounds if one["clients"] == clients]
    front = {name: median(load[name]["cpu_each"] for load in loads) for name in loads[0]}
    best = min((name for name in front if name.endswith("proxy")), key=lambda name: front[name])
    yield Meaning(
        "requests/s for each core of the front end",
        1e6 / front["ECM, typed link"],
        f"{best.removesuffix(', proxy')} {1e6 / front[best]:,.0f}",
        "[CPU for each request](#cpu-for-each-request)",
    )


def _per(what: str, unit: float, ours: float, stock: float, source: str) -> Meaning:
    return Meaning(what, unit / ours, f"ejabberd {unit / stock:,.0f}", source)


def _logins() -> Meaning:
    """Of the million: polls of those who are online already are part of the CPU."""
    _, [result] = _result("million")
    came = [sample for sample in result["samples"] if sample["phase"] == "log in"]
    cpu = came[-1]["ecm_cpu"] + came[-1]["ejabberd_cpu"]
    what = "logins/s for each core, BOSH, while those online poll"
    return Meaning(what, came[-1]["online"] / cpu, "–", "[a million](#a-million-users-online)")


def meaning() -> Iterator[str]:
    """Give the lines of the table."""
    yield "| a machine has, or does | with Megaphone | without | measured in |"
    yield "| --- | --- | --- | --- |"
    for one in meanings():
        yield f"| {one.what} | **{one.ours:,.0f}** | {one.theirs} | {one.source} |"


def main() -> None:
    for made in FIGURES:
        one = made()
        file, told = FOLDER / f"{one.name}.png", {"Description": one.told()}
        one.picture().savefig(file, dpi=110, metadata=told)


if __name__ == "__main__":
    main()

"""A view of an ECM with two workers, as the status page is given it."""

from random import Random
from typing import Any

from ecm.log.warnings import Warned
from ecm.operated import OptionInForce, ProcessStatus
from ecm.page.history import History, Sample
from ecm.page.view import View
from ecm.status.snapshot import Certificate, Connections, DoorReport, LinkReport, Snapshot

NOW = 1_800_000_000.0
DAY = 86_400

UP = LinkReport(
    "ejabberd@chat1.example",
    "tcp:10.0.0.5:5290",
    "writable",
    "typed",
    since=NOW - 7000,
    round_trip=0.0011,
)
DOWN = LinkReport(
    endpoint="tcp:10.0.0.5:5290", since=NOW - 12, error="Connection was refused by other side"
)
DOOR = DoorReport(
    "tls:/etc/ecm/certs:port=443",
    99,
    (Certificate("chat.example", NOW + 61 * DAY), Certificate("old.example", NOW + 40 * DAY)),
)
NUMBERS = {
    "sessions.held": 11_800,
    "sessions.away": 430,
    "sessions.streams": 1_670,
    "sessions.pending": 3,
}


def history(samples: int = 400) -> History:
    """An hour in which people came, and a minute and a half in which something was wrong."""
    made, chance = History(), Random(7)
    for each in range(samples):
        online = 13_900 - 0.03 * (samples - each - 1) ** 2 / 1.2 + chance.uniform(-30, 30)
        online -= 900 * (210 < each < 219)
        made.add(
            Sample(
                online=online,
                connections=online * 1.04,
                held=online * 0.85,
                requests=online / 26 + 12 * chance.gauss(0, 1),
                unavailable=chance.uniform(10, 40) if 210 < each < 219 else 0,
                round_trip=0.0011 + 0.0001 * chance.random(),
                slow_round_trip=0.0014 + 0.0003 * chance.expovariate(1),
            )
        )
    return made


def snapshot(number: int, link: LinkReport = UP, **more: Any) -> Snapshot:
    return Snapshot(
        number,
        4100 + number,
        NOW - 8000,
        "1.0",
        connections=Connections(7_212, 20_000, {"http": 6_100, "websocket": 870, "tcp": 242}),
        held=5_900,
        links=(link,),
        doors=(DOOR,),
        node_stats={"ejabberd@chat1.example": NUMBERS},
        **more,
    )


def view(*snapshots: Snapshot, **more: Any) -> View:
    """Return the view of these processes, two of them that are well if none are given."""
    given: dict[str, Any] = {
        "now": NOW,
        "version": "1.0",
        "started": NOW - 8100,
        "reasons": (),
        "snapshots": snapshots or (snapshot(1), snapshot(2)),
        "processes": (
            ProcessStatus(1, 4101, 3, rss=98_400_000, cpu=312.5),
            ProcessStatus(2, 4102, 3, restarts=2, rss=104_400_000, cpu=300.1),
        ),
        "history": history(),
        "warnings": (Warned("PROXY header: not one; aborting 203.0.113.9", "warn", 37, NOW - 125),),
        "options": (
            OptionInForce("listen", ("tcp:7080",), "/etc/ecm/ecm.toml:3"),
            OptionInForce("link-secret-file", ("/etc/ecm/secret",), "flag"),
            OptionInForce("www", (), "default"),
        ),
    }
    return View(**{**given, **more})


def session() -> dict[str, str]:
    """A session, as mod_ecm tells of it."""
    return {
        "jid": "alice@chat.example/web",
        "node": "ejabberd@chat1.example",
        "tag": "AAAB3",
        "transport": "bosh",
        "client": "strophe",
        "state": "held",
        "peer": "203.0.113.7:50123",
        "since": f"{NOW - 7_440:.0f}",
        "id": "17",
        "rid": "1573741820",
        "open": "1",
        "window": "2",
        "held": "41",
        "wait": "60",
        "waiting": "2",
        "waiting-bytes": "5120",
        "sm": "active",
        "errors": f"rid_gap@{NOW - 125:.0f},auth@{NOW - 7_450:.0f}",
    }


def connection(**more: Any) -> dict[str, Any]:
    """A connection, as a process tells of it."""
    return {
        "ids": ["17"],
        "kind": "http",
        "address": "203.0.113.7",
        "port": 50123,
        "tls": True,
        "phase": "held",
        "requests": 1,
        "memory": 0,
        "came": 41.2,
        "sent": 43.0,
        "round_trip": 0.042,
        "waits": 5_120,
        **more,
    }


# A text that clients, nodes or files may have chosen.
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;"

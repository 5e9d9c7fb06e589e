"""A view of an ECM with two workers, as the status page is given it."""

from math import sin
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
    """An hour of a day on which all went well, but for a minute and a half."""
    made = History()
    for each in range(samples):
        online = 12_000 + 1_900 * sin(each / 130) + 60 * sin(each / 3)
        made.add(
            Sample(
                online=online,
                connections=online * 1.04,
                held=online * 0.85,
                requests=online / 25 + 14 * sin(each * 1.7),
                unavailable=20 + 9 * sin(each) if 200 < each < 210 else 0,
                round_trip=0.0011 + 0.0001 * sin(each * 2.1),
                slow_round_trip=0.0021 + 0.0006 * sin(each * 1.3),
                memory=2e8,
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


# A text that clients, nodes or files may have chosen.
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;"

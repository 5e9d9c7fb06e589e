"""The status of an ECM as text."""

from twisted.trial.unittest import TestCase

from ecm.tools.ctl.table import request, span, status

PROCESS = {"number": 1, "pid": 812, "generation": 3, "state": "serves"}
PROCESS |= {"restarts": 0, "rss": 93_400_000, "cpu": 61.4}
LINK = {"node": "ejabberd@a", "state": "writable", "protocol": "typed", "since": 820}
SNAPSHOT = {
    "pid": 812,
    "started": 400,
    "connections": {"open": 12_345, "limit": 20_000},
    "held": 12_000,
    "links": [{**LINK, "round_trip": 0.0012, "queue_bytes": 2048, "error": "an earlier one"}],
    "node_stats": {"ejabberd@a": {"sessions.held": 12_000, "sessions.away": 300}},
    "warnings": [{"text": "clients held too much", "count": 37, "last": 900}],
}
TOLD = {"version": "1.0", "ready": True, "reasons": [], "processes": [PROCESS]}


class StatusTests(TestCase):
    def test_all_is_well(self) -> None:
        self.assertEqual(
            status({**TOLD, "snapshots": [SNAPSHOT]}, 1000),
            """\
ECM 1.0: ready

worker  pid  generation  state   up      connections       held    rss    cpu   restarts
1       812  3           serves  10 min  12,345 of 20,000  12,000  93 MB  61 s  0

worker  link to     state     protocol  since  round trip  queue    error
1       ejabberd@a  writable  typed     3 min  1.2 ms      2,048 B  -

node        held    away  pending  streams
ejabberd@a  12,000  300   0        0

clients held too much (x37)
""",
        )

    def test_what_is_not_known_is_left_open(self) -> None:
        process = {**PROCESS, "pid": 0, "state": "starting", "rss": 0}
        told = {**TOLD, "ready": False, "reasons": ["no worker"], "processes": [process]}
        self.assertEqual(
            status({**told, "snapshots": []}, 1000),
            """\
ECM 1.0: NOT READY
  no worker

worker  pid  generation  state     up  connections  held  rss   cpu   restarts
1       -    3           starting  -   0            0     0 MB  61 s  0
""",
        )

    def test_a_worker_and_the_one_that_it_replaces(self) -> None:
        former = {**PROCESS, "pid": 700, "state": "drains", "generation": 2}
        text = status({**TOLD, "processes": [PROCESS, former], "snapshots": [SNAPSHOT]}, 1000)
        self.assertRegex(
            text, "\n1       812  3           serves  10 min  12,345 of 20,000  12,000 "
        )
        self.assertRegex(text, "\n1       700  2           drains  -       0                 0 ")

    def test_one_of_a_former_generation_has_clients_and_a_link_still(self) -> None:
        process = {**PROCESS, "pid": 700, "state": "drains", "generation": 2}
        link = {**LINK, "node": "ejabberd@b"}
        stats = {"ejabberd@a": {"sessions.held": 1}}
        former = {"pid": 700, "connections": {"open": 7, "limit": 7}, "links": [link]}
        snapshots = [SNAPSHOT, {**former, "node_stats": stats, "is_former": True}]
        text = status({**TOLD, "processes": [PROCESS, process], "snapshots": snapshots}, 1000)
        self.assertRegex(text, "\n1       700  2           drains  -       7 of 7            0 ")
        for node in ("a", "b"):
            self.assertIn(f"\n1       ejabberd@{node}  writable ", text)
        self.assertIn("\nejabberd@a  12,000  300 ", text)

    def test_a_link_that_is_down(self) -> None:
        links = [{"endpoint": "tcp:a:5290", "error": "Connection refused"}]
        text = status({**TOLD, "snapshots": [{"links": links}]}, 1000)
        self.assertIn(
            "1       tcp:a:5290  down   -         -      -           0 B    Connection refused\n",
            text,
        )

    def test_warnings_of_all_workers_are_added_up(self) -> None:
        def warned(text: str, count: int, last: int) -> dict[str, object]:
            return {"text": text, "count": count, "last": last}

        first = {"warnings": [warned("no link", 3, 900), warned("full", 1, 950)]}
        second = {"number": 2, "warnings": [warned("no link", 2, 960)]}
        text = status({**TOLD, "snapshots": [first, second]}, 1000)
        self.assertTrue(text.endswith("\n\nno link (x5)\nfull\n"), text)

    def test_times(self) -> None:
        for seconds, text in ((-1, "0 s"), (119, "119 s"), (7199, "120 min"), (2e5, "2 d")):
            self.assertEqual(span(seconds), text)
        self.assertEqual(span(90_000), "25 h")


class RequestTests(TestCase):
    def test_a_path_does_nothing_to_the_terminal(self) -> None:
        told = {"method": "GET", "path": "/\x1b[2J\x9b", "size": 0, "held": 0, "why": "gone"}
        self.assertIn(
            "GET /\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}", request(told, "")
        )

    def test_a_request_is_a_line(self) -> None:
        told = {"method": "POST", "path": "/bosh", "size": 1034, "held": 29.98}
        for more, text in (
            ({"status": 200, "response": 2048}, "200  2,048 B"),
            ({"why": "gone"}, "no response: gone"),
            ({}, "a file"),
        ):
            line = f"20:12:31.250  POST /bosh  1,034 B  {text}  after 29.980 s"
            self.assertEqual(request({**told, **more}, "20:12:31.250"), line)
        self.assertEqual(request({"missed": 3}, ""), "3 more, for which there was no room")

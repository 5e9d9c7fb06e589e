"""The metrics of an ECM as Prometheus reads them, by its own parsers."""

from collections.abc import Iterable
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from twisted.trial.unittest import TestCase

from ecm.exposition.exposition import Exposition
from ecm.exposition.families import FAMILIES
from ecm.metrics import EXCHANGE_BOUNDS, Kind, Metrics
from ecm.operated import Reloaded
from ecm.status.snapshot import Certificate, Connections, DoorReport, LinkReport, Snapshot
from testkit.operated import ToldEcm

OPENMETRICS = "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def counted(answers: int, idle: int) -> Metrics:
    metrics = Metrics(answers=answers)
    metrics.ended["idle"] += idle
    for seconds in (0.003, 20, 500):
        metrics.exchanges.observe(seconds, EXCHANGE_BOUNDS)
    return metrics


NODE = {"sessions.held": 4, "sessions.away": 1, "errors.rid_gap.strophe": 2, "created.web": 9}
WORKERS = [
    Snapshot(
        number=number,
        connections=Connections(10 * number, 100, {"http": number}, {"held": 2}),
        held=number,
        lag=number / 4,
        metrics=counted(number, 3),
        links=(LinkReport(node="n@a", state="writable", protocol="typed"), LinkReport()),
        doors=(DoorReport("tcp:1", 7, (Certificate("chat.example", 2e9 - number),)),),
        node_stats={"n@a": NODE, 'odd"\n\\node': {"logins.ok": 1, "unknown": 3, "a.b.c.d": 1}},
    )
    for number in (1, 2)
]


def samples(text: bytes, parse: Any = prometheus) -> Samples:
    families = [*parse(text.decode())]
    return {
        (sample.name, (*sorted(sample.labels.items()),)): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def types(text: bytes, parse: Any) -> Iterable[tuple[str, str]]:
    return [(family.name, family.type) for family in parse(text.decode())]


class ExpositionTests(TestCase):
    def setUp(self) -> None:
        self.ecm = ToldEcm()
        self.ecm.told_last = [*WORKERS]
        self.exposition = Exposition(self.ecm)

    def scraped(self) -> Samples:
        return samples(self.exposition.render("")[1])

    def test_it_is_in_the_format_that_is_asked_for(self) -> None:
        kind, text = self.exposition.render(OPENMETRICS)
        self.assertTrue(kind.startswith("application/openmetrics-text; version=1.0.0"), kind)
        self.assertTrue(text.endswith(b"# EOF\n"))
        kind, other = self.exposition.render("text/html")
        self.assertTrue(kind.startswith("text/plain; version=0.0.4"), kind)
        mine = {**samples(text, openmetrics)}
        theirs = samples(other)
        self.assertEqual(mine.keys(), theirs.keys())

    def test_names_and_types_are_those_of_the_table(self) -> None:
        found = dict(types(self.exposition.render("")[1], prometheus))
        for family in FAMILIES:
            name = family.name.removesuffix("_total")
            kind = "gauge" if family.kind is Kind.INFO else family.kind.value
            self.assertEqual(found.pop(name), kind, family)
        self.assertEqual(found, {})

    def test_all_that_can_be_has_a_number_from_the_start(self) -> None:
        self.ecm.told_last = []
        found = self.scraped()
        for family in FAMILIES:
            for value in family.values if family.kind is Kind.COUNTER else ():
                self.assertIn((family.name, ((family.labels[0], value),)), found)
        self.assertEqual(found["ecm_answers_total", ()], 0)
        self.assertEqual(found["ecm_exchange_seconds_count", ()], 0)

    def test_numbers_are_those_of_all_workers(self) -> None:
        found = self.scraped()
        for name, labels, value in (
            ("ecm_connections", {}, 30),
            ("ecm_connections_limit", {}, 200),
            ("ecm_connections_by_transport", {"transport": "http"}, 3),
            ("ecm_requests_held", {}, 3),
            ("ecm_answers_total", {}, 3),
            ("ecm_connections_ended_total", {"reason": "idle"}, 6),
            ("ecm_link_up", {"protocol": "typed"}, 2),
            ("ecm_link_up", {"protocol": "plain"}, 0),
            ("ecm_links_wanted", {}, 4),
            ("ecm_reactor_lag_seconds", {}, 0.5),
            ("ecm_exchange_seconds_bucket", {"le": "0.005"}, 2),
            ("ecm_exchange_seconds_bucket", {"le": "300.0"}, 4),
            ("ecm_exchange_seconds_bucket", {"le": "+Inf"}, 6),
            ("ecm_exchange_seconds_count", {}, 6),
            ("ecm_workers", {}, 1),
            ("ecm_worker_restarts_total", {"how": "exit"}, 2),
            ("ecm_worker_restarts_total", {"how": "signal"}, 0),
            ("ecm_process_resident_memory_bytes", {}, 40_000_000),
        ):
            self.assertEqual(found[name, (*sorted(labels.items()),)], value, name)
        expires = "ecm_tls_certificate_not_after_timestamp_seconds"
        self.assertEqual(found[expires, (("name", "chat.example"),)], 2e9 - 2)

    def test_nodes_are_told_once(self) -> None:
        found = self.scraped()
        node = ("node", "n@a")
        self.assertEqual(found["ecm_sessions", (node, ("state", "held"))], 4)
        self.assertEqual(found["ecm_sessions_created_total", (("client", "web"), node)], 9)
        labels = (("cause", "rid_gap"), ("client", "strophe"), node)
        self.assertEqual(found["ecm_bosh_errors_total", labels], 2)
        odd = (("node", 'odd"\n\\node'), ("result", "ok"))
        self.assertEqual(found["ecm_logins_total", odd], 1)

    def test_each_worker_has_its_own_if_that_is_wanted(self) -> None:
        text = Exposition(self.ecm, per_worker=True).render("")[1]
        found = samples(text)
        for worker, connections, answers in (("1", 10, 1), ("2", 20, 2)):
            label = (("worker", worker),)
            self.assertEqual(found["ecm_connections", label], connections)
            self.assertEqual(found["ecm_answers_total", label], answers)
            idle = (("reason", "idle"), *label)
            self.assertEqual(found["ecm_connections_ended_total", idle], 3)
            bucket = (("le", "+Inf"), *label)
            self.assertEqual(found["ecm_exchange_seconds_bucket", bucket], 3)
        openly = Exposition(self.ecm, per_worker=True).render(OPENMETRICS)[1]
        self.assertEqual(samples(text).keys(), samples(openly, openmetrics).keys())

    def test_the_last_reload(self) -> None:
        success, at = "ecm_config_last_reload_success", "ecm_config_last_reload_timestamp_seconds"
        for reload, numbers in (
            (None, (1, 0)),
            (Reloaded(True, 1e9), (1, 1e9)),
            (Reloaded(False, 2e9), (0, 2e9)),
        ):
            self.ecm.last_reload = reload
            found = self.scraped()
            self.assertEqual((found[success, ()], found[at, ()]), numbers)

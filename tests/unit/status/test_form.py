"""Snapshots as JSON: the same after the way, and never too long."""

import json
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_SNAPSHOT
from ecm.log.warnings import Warned
from ecm.metrics import Metrics
from ecm.status.form import bounded, decode, encode, made, plain
from ecm.status.snapshot import Certificate, Connections, DoorReport, LinkReport, Snapshot

NUMBERS = st.integers(0, 2**63)
TIMES = st.floats(0, 2**40)
TEXTS = st.text(max_size=40) | st.integers(300, 5000).map(lambda size: "ä" * size)
COUNTS = st.dictionaries(st.text(max_size=20), NUMBERS, max_size=4)
NAMES = [each.name for each in attrs.fields(Metrics) if each.type is int]


def many(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """A few, or very many that are the same."""
    few = st.lists(of, max_size=3).map(tuple)
    return few | st.tuples(of, st.integers(30, 500)).map(lambda pair: (pair[0],) * pair[1])


def made_of_them(given: dict[str, Any]) -> Metrics:
    return Metrics(**given)


KEYS = st.dictionaries(st.integers(0, 400).map(str), NUMBERS, max_size=400)
METRICS = st.builds(
    lambda numbers, keys: attrs.evolve(made_of_them(numbers), ended=keys),
    st.dictionaries(st.sampled_from(NAMES), NUMBERS),
    KEYS,
)
LINKS = st.builds(LinkReport, node=TEXTS, endpoint=TEXTS, since=TIMES, queue_bytes=NUMBERS)
DOORS = st.builds(
    DoorReport,
    endpoint=TEXTS,
    accepted=NUMBERS,
    certificates=many(st.builds(Certificate, TEXTS, TIMES)),
)
WARNINGS = st.builds(Warned, TEXTS, st.sampled_from(["warn", "error"]), NUMBERS, TIMES)
SNAPSHOTS = st.builds(
    Snapshot,
    number=NUMBERS,
    version=TEXTS,
    connections=st.builds(Connections, NUMBERS, NUMBERS, COUNTS, COUNTS),
    is_full=st.booleans(),
    lag=TIMES,
    metrics=METRICS,
    links=many(LINKS),
    doors=many(DOORS),
    warnings=many(WARNINGS),
    node_stats=st.dictionaries(st.text(max_size=20), st.dictionaries(TEXTS, NUMBERS, max_size=5)),
)


class FormTests(TestCase):
    @given(SNAPSHOTS)
    def test_what_comes_out_is_what_went_in_or_less_of_it(self, snapshot: Snapshot) -> None:
        data = encode(snapshot)
        self.assertLessEqual(len(data), MAX_SNAPSHOT)
        after = decode(data)
        self.assertIn(after, [bounded(snapshot, 32 >> times) for times in range(7)])
        self.assertEqual(after.metrics, snapshot.metrics)

    @given(SNAPSHOTS, st.integers(0, 40))
    def test_it_says_how_many_are_left_out(self, snapshot: Snapshot, most: int) -> None:
        after = bounded(snapshot, most)
        for name in ("links", "doors", "warnings"):
            there, before = getattr(after, name), getattr(snapshot, name)
            self.assertEqual(len(there) + after.omitted.get(name, 0), len(before))
            self.assertLessEqual(len(there), most)

    @given(SNAPSHOTS)
    def test_a_short_one_is_complete(self, snapshot: Snapshot) -> None:
        short = bounded(snapshot, 2)
        self.assertEqual(made(Snapshot, json.loads(json.dumps(plain(short)))), short)

    def test_what_has_its_default_takes_no_room(self) -> None:
        self.assertEqual(encode(Snapshot()), b"{}")

    def test_texts_are_cut(self) -> None:
        after = decode(encode(Snapshot(refusal="x" * 1000)))
        self.assertEqual(after.refusal, "x" * 299 + "…")

    def test_what_is_not_known_is_ignored(self) -> None:
        newer = b'{"pid":7,"more":[1],"links":[{"node":"a","colour":"red"}]}'
        self.assertEqual(decode(newer), Snapshot(pid=7, links=(LinkReport(node="a"),)))

    def test_what_is_none_is_refused(self) -> None:
        for data in (
            *(b"", b"{", b"[]", b"null", b'{"pid":"7"}', b'{"pid":1.5}', b'{"lag":true}'),
            *(b'{"links":{}}', b'{"links":[1]}', b'{"node_stats":[]}', b'{"refusal":1}'),
            b'{"warnings":[{"text":"a"}]}',  # of which all must be there
        ):
            with self.assertRaises(ValueError, msg=data):
                decode(data)

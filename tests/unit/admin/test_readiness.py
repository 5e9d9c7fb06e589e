"""Readiness: one process that takes clients is enough, unless all are asked for."""

import attrs
from twisted.trial.unittest import TestCase

from ecm.admin.readiness import reasons
from ecm.operated import DRAINS, SERVES, STARTING, ProcessStatus
from ecm.status.snapshot import LinkReport, Snapshot

UP = LinkReport("ejabberd@a", "tcp:a:5290", "writable", "typed", since=900)
REFUSED = LinkReport("", "tcp:a:5290", since=988.4, error="Connection refused")
NO_LINK = "The front end is up, but has no link to the chat server"


def process(number: int, state: str = SERVES) -> ProcessStatus:
    return ProcessStatus(number, 4700 + number, state=state)


def serves(number: int = 1) -> Snapshot:
    return Snapshot(number, links=(UP,))


def cut_off(number: int = 1, *links: LinkReport) -> Snapshot:
    return Snapshot(number, refusal=NO_LINK, links=links or (REFUSED,))


def why(processes: list[ProcessStatus], *told: Snapshot, every: bool = False) -> list[str]:
    """Return why an ECM is not ready whose processes have told this, each the one of its number."""
    snapshots = [attrs.evolve(each, pid=each.pid or process(each.number).pid) for each in told]
    return reasons(processes, snapshots, 1000, every)


class ReadinessTests(TestCase):
    def why(self, *told: Snapshot, every: bool = False, processes: int = 0) -> list[str]:
        number = processes or len(told)
        return why([process(each + 1) for each in range(number)], *told, every=every)

    def test_one_that_serves(self) -> None:
        self.assertEqual(self.why(serves()), [])
        self.assertEqual(self.why(serves(), every=True), [])

    def test_a_link_that_is_down(self) -> None:
        why = ["link: down since 12 s: Connection refused"]
        self.assertEqual(self.why(cut_off()), why)
        self.assertEqual(self.why(cut_off(1, LinkReport())), ["link: down"])

    def test_a_link_that_is_down_for_a_moment_only(self) -> None:
        self.assertEqual(self.why(Snapshot(links=(REFUSED,))), [])

    def test_a_full_link(self) -> None:
        full = LinkReport("ejabberd@a", state="congested", since=900, full_since=996)
        told = Snapshot(refusal="The chat server is too slow at the moment", links=(full,))
        self.assertEqual(self.why(told), ["link full for 4 s"])

    def test_several_nodes_are_told_apart(self) -> None:
        stops = LinkReport("ejabberd@b", "tcp:b:5290", "draining", since=900)
        why = ["link to tcp:a:5290: down since 12 s: Connection refused"]
        why += ["link to ejabberd@b: ejabberd is stopping"]
        self.assertEqual(self.why(cut_off(1, REFUSED, stops)), why)

    def test_a_refusal_that_no_link_explains(self) -> None:
        self.assertEqual(self.why(Snapshot(refusal=NO_LINK)), [NO_LINK])

    def test_a_drain(self) -> None:
        self.assertEqual(self.why(Snapshot(state=DRAINS, links=(UP,))), ["draining"])
        two = [Snapshot(each, state=DRAINS, refusal=NO_LINK, links=(REFUSED,)) for each in (1, 2)]
        self.assertEqual(self.why(*two), ["draining"])
        for told in ([serves()], []):
            self.assertEqual(why([process(1, DRAINS)], *told), ["draining"])

    def test_one_worker_is_enough_unless_all_are_asked_for(self) -> None:
        self.assertEqual(self.why(cut_off(1), serves(2)), [])
        why = ["worker 1: link: down since 12 s: Connection refused"]
        self.assertEqual(self.why(cut_off(1), serves(2), every=True), why)

    def test_a_worker_that_says_nothing_yet(self) -> None:
        self.assertEqual(self.why(serves(1), processes=2), [])
        processes = [process(1), process(2, STARTING)]
        self.assertEqual(why(processes, serves(), every=True), ["worker 2: starting"])

    def test_one_that_is_replaced_does_not_count(self) -> None:
        processes = [process(1), process(1, DRAINS), process(2)]
        self.assertEqual(why(processes, serves(1), serves(2), every=True), [])

    def test_nor_does_one_of_a_former_generation(self) -> None:
        present, former = process(1), ProcessStatus(1, 4600, state=DRAINS)
        cut = attrs.evolve(cut_off(), pid=former.pid)
        self.assertEqual(why([present, former], serves(), cut), [])
        link = "link: down since 12 s: Connection refused"
        served = attrs.evolve(serves(), pid=former.pid)
        self.assertEqual(why([present, former], cut_off(), served), [link])

    def test_no_worker(self) -> None:
        self.assertEqual(self.why(), ["no worker"])
        self.assertEqual(self.why(processes=2), ["no worker"])

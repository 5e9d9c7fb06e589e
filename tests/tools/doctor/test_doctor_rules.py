"""Each rule, at its limit and one beyond."""

from typing import Any

import attrs
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.frontend.room import for_newcomers
from ecm.kernel import UNLIMITED
from ecm.limits import BACKLOG, RESERVED_FILES
from ecm.open_files import capacity
from ecm.tools.doctor import costs, fixes, measured
from ecm.tools.doctor.diagnosis import MAX_USERS, Diagnosis, Finding, Verdict, diagnose
from ecm.tools.doctor.fixes import rounded_up
from ecm.tools.doctor.machine import Machine
from ecm.tools.doctor.plan import Deployment, Plan, Sessions, Tls, Transport, files_for
from ecm.tools.doctor.rules import RULES

# 1,000 users on one worker.
ONE_WORKER = Plan(workers=1)
THOUSAND = ONE_WORKER.deploy(Machine(), 1000)
DEFAULT = Plan()
# Bytes of a user of BOSH, with the table of sessions that ejabberd has.
EACH = (
    measured.KERNEL_PER_CONNECTION
    + measured.ECM_PER_CONNECTION[Transport.BOSH]
    + measured.EJABBERD_PER_USER[Sessions.MNESIA, Transport.BOSH]
)


def finding(name: str, found: Diagnosis) -> Finding:
    [one] = [finding for finding in found.findings if finding.rule.name.startswith(name)]
    return one


class RuleTests(TestCase):
    def check(self, name: str, need: int, field: str, **machine: Any) -> list[str]:
        """That 1,000 users need as much of a field and no less. What is said of too little."""
        enough = diagnose(Machine(**{field: need}, **machine), ONE_WORKER, 1000)
        self.assertEqual(finding(name, enough).verdict, Verdict.FITS)
        self.assertEqual((finding(name, enough).need, finding(name, enough).fixes), (need, []))
        short = diagnose(Machine(**{field: need - 1}, **machine), ONE_WORKER, 1000)
        self.assertEqual(short.fits, not finding(name, short).rule.binds)
        wanted = Verdict.SHORT if finding(name, short).rule.binds else Verdict.ADVICE
        self.assertEqual(finding(name, short).verdict, wanted)
        return finding(name, short).fixes

    def test_open_files(self) -> None:
        fixes = self.check("open files of a worker", files_for(1000), "hard_files")
        self.assertIn("LimitNOFILE=1194,", fixes[0])
        self.assertIn("ulimit -n 1194 ", fixes[1])

    def test_nr_open(self) -> None:
        fixes = self.check("the most these can be", files_for(1000), "nr_open")
        self.assertEqual(fixes, ["sysctl -w fs.nr_open=1200"])

    def test_file_max(self) -> None:
        need = files_for(1000) + 50
        fixes = self.check("open files in all", need, "file_max", files_now=50)
        self.assertEqual(fixes, ["sysctl -w fs.file-max=1300"])

    def test_memory(self) -> None:
        need = measured.ONE_PROCESS + measured.EJABBERD + 1000 * EACH
        self.assertIn("fewer users", self.check("memory of the machine", need, "memory")[0])

    def test_memory_of_tls(self) -> None:
        plain = Plan(workers=1, transport=Transport.TCP).deploy(Machine(), 1000)
        for tls in Tls:
            need = costs.memory(plain).total + 1000 * measured.ECM_FOR_TLS[tls]
            self.assertEqual(costs.memory(attrs.evolve(plain, tls=tls)).total, need)

    def test_memory_by_the_way_and_the_table_of_sessions(self) -> None:
        for sessions in Sessions:
            for transport in Transport:
                plan = Plan(workers=1, transport=transport, sessions=sessions)
                each = (
                    measured.KERNEL_PER_CONNECTION
                    + measured.ECM_PER_CONNECTION[transport]
                    + measured.EJABBERD_PER_USER[sessions, transport]
                )
                found = costs.memory(plan.deploy(Machine(), 1000)).total
                without = costs.memory(plan.deploy(Machine(), 0)).total
                self.assertEqual(found - without, 1000 * each)

    def test_a_table_of_sessions_that_is_not_planned_is_that_of_the_machine(self) -> None:
        own, theirs = Sessions.ECM, Sessions.MNESIA
        for known, expected in ((None, theirs), (0, theirs), (1, own)):
            found = ONE_WORKER.deploy(Machine(own_sessions=known), 1)
            self.assertEqual(found.sessions, expected)
        planned = Plan(sessions=theirs).deploy(Machine(own_sessions=1), 1)
        self.assertEqual(planned.sessions, theirs)

    def test_memory_of_the_cgroup(self) -> None:
        need = costs.memory(THOUSAND).total
        fixes = self.check("memory of the cgroup", need, "cgroup_memory")
        self.assertIn(f"MemoryMax={rounded_up(need)} ", fixes[0])

    def test_threads(self) -> None:
        fixes = self.check("threads", 11 + 16 + 2 * 4, "cgroup_tasks", cores=4)
        self.assertIn("TasksMax=35 ", fixes[0])

    def test_tcp_mem(self) -> None:
        fixes = self.check("pages", 100, "tcp_pages")
        self.assertEqual(fixes, ['sysctl -w net.ipv4.tcp_mem="50 66 100"'])

    def test_conntrack(self) -> None:
        fixes = self.check("connections tracked", 1017, "most_tracked", tracked_now=17)
        self.assertEqual(fixes, ["sysctl -w net.netfilter.nf_conntrack_max=1100"])
        self.check("connections tracked", 1000, "most_tracked")

    def test_conntrack_that_follows_nothing(self) -> None:
        idle = diagnose(Machine(most_tracked=5, tracked_now=0), ONE_WORKER, 1000)
        self.assertEqual(finding("connections tracked", idle).verdict, Verdict.FITS)

    def test_erlang_processes(self) -> None:
        fixes = self.check("Erlang processes", 2000, "erlang_processes")
        self.assertIn("ERL_PROCESSES=2000 ", fixes[0])

    def test_somaxconn(self) -> None:
        fixes = self.check("waiting", BACKLOG, "somaxconn")
        self.assertEqual(fixes, ["sysctl -w net.core.somaxconn=4100"])

    def test_syn_backlog_matters_without_cookies(self) -> None:
        fixes = self.check("half open", BACKLOG, "syn_backlog", syncookies=0)
        self.assertEqual(fixes, ["sysctl -w net.ipv4.tcp_max_syn_backlog=4100"])
        cookies = diagnose(Machine(syn_backlog=1, syncookies=1), ONE_WORKER, 1000)
        self.assertEqual(finding("half open", cookies).verdict, Verdict.FITS)

    def test_ports_of_a_proxy(self) -> None:
        fixes = self.check("ports", 1000, "ports")
        self.assertIn("ip_local_port_range", fixes[0])
        self.assertIn("each pair", fixes[1])

    def test_cores(self) -> None:
        plan, three = Plan(workers=3), Machine(cores=3)
        self.assertEqual(finding("cores for the", diagnose(three, plan, 1)).verdict, Verdict.FITS)
        two = finding("cores for the", diagnose(Machine(cores=2), plan, 1))
        self.assertEqual(two.verdict, Verdict.ADVICE)
        self.assertIn("--workers", two.fixes[0])

    def test_polls(self) -> None:
        """On one worker, a core does those of hundreds of thousands of users."""
        one = Machine(cores=1)
        most = max(users for users in range(1000, 4_000_000, 1000) if self.cores(users) <= 1)
        self.assertTrue(200_000 < most < 3_000_000, most)
        fits = finding("cores for polls", diagnose(one, ONE_WORKER, most))
        advice = finding("cores for polls", diagnose(one, ONE_WORKER, most + 1000))
        self.assertEqual((fits.verdict, advice.verdict), (Verdict.FITS, Verdict.ADVICE))
        self.assertIn("cores", advice.fixes[0])

    def test_only_bosh_polls(self) -> None:
        for transport in Transport:
            found = Plan(transport=transport).deploy(Machine(), 1_000_000)
            quiet = measured.STREAM_CPU if transport is not Transport.BOSH else None
            self.assertGreaterEqual(costs.busy(found), 0.5 if quiet is None else 0)
            if quiet is not None:
                self.assertAlmostEqual(costs.busy(found), quiet)

    def test_polls_that_come_together_take_less(self) -> None:
        polls = costs.Polls(background=0.5, user=0.02, each=0.01, waking=0.1, together=0.25)
        self.assertAlmostEqual(polls.cores(0, 2, 0), 1.0)
        self.assertAlmostEqual(polls.cores(0, 2, 100), 3.0)
        self.assertAlmostEqual(polls.cores(8, 1, 0), 0.5 + 0.08 + 0.8 / 3)
        self.assertAlmostEqual(polls.cores(8, 2, 0), 1.0 + 0.08 + 0.8 / 2)

    def cores(self, users: int) -> float:
        return costs.busy(ONE_WORKER.deploy(Machine(), users))

    def test_nothing_known(self) -> None:
        found = diagnose(Machine(), Plan(), 1000)
        self.assertEqual({one.verdict for one in found.findings}, {Verdict.NOT_KNOWN})
        self.assertEqual((found.fits, found.room, found.bottleneck), (True, MAX_USERS, None))

    @example(138_105, 1000, False)
    @given(st.integers(0, MAX_USERS), st.integers(0, 1000), st.booleans())
    def test_more_users_never_need_less(self, users: int, more: int, many_files: bool) -> None:
        machine = Machine(cores=4, hard_files=UNLIMITED if many_files else 20_000)
        many = Plan().deploy(machine, users + more)
        # As many workers: where one more is needed, each has a smaller share of the files.
        few = Plan(workers=many.workers).deploy(machine, users)
        for rule in RULES:
            self.assertLessEqual(rule.need(machine, few), rule.need(machine, many), rule.name)


class PlanTests(TestCase):
    def workers(self, users: int, plan: Plan = DEFAULT) -> int:
        machine = Machine(cores=2, hard_files=files_for(10_000))
        return plan.deploy(machine, users).workers

    def test_a_worker_for_each_core_at_least(self) -> None:
        self.assertEqual([self.workers(users) for users in (0, 1, 20_000)], [2, 2, 2])

    def test_as_many_as_open_files_need(self) -> None:
        self.assertEqual([self.workers(users) for users in (20_001, 1_000_000)], [3, 100])
        self.assertEqual(self.workers(10_001, Plan(connections_per_user=2)), 3)

    def test_as_many_as_are_planned(self) -> None:
        self.assertEqual(self.workers(1_000_000, Plan(workers=7)), 7)

    def test_too_few_files_for_anybody(self) -> None:
        found = diagnose(Machine(hard_files=RESERVED_FILES), Plan(), None)
        self.assertEqual((found.room, found.deployment.users, found.fits), (0, 0, True))
        self.assertFalse(diagnose(Machine(hard_files=RESERVED_FILES), Plan(), 1).fits)

    def test_open_files_are_shared_out_evenly(self) -> None:
        self.assertEqual(Deployment(11, 11, 3).files_per_worker, files_for(4))

    def test_a_worker_with_these_files_lets_in_so_many(self) -> None:
        for connections in range(1, 1000):
            files = files_for(connections)
            self.assertEqual(for_newcomers(capacity(files)), connections)

    def test_several_workers_have_a_supervisor(self) -> None:
        self.assertEqual([Deployment(1, 1, workers).processes for workers in (1, 2)], [1, 3])


class RoomTests(TestCase):
    """The number of users that fit."""

    machine = Machine(hard_files=2000 + RESERVED_FILES, most_tracked=1500, tracked_now=1)

    def test_the_bottleneck(self) -> None:
        found = diagnose(self.machine, ONE_WORKER, None)
        self.assertEqual((found.room, found.deployment.users, found.fits), (1499, 1499, True))
        assert found.bottleneck is not None
        self.assertEqual(
            found.bottleneck.rule.name, finding("connections tracked", found).rule.name
        )

    def test_the_most_fits_and_one_more_does_not(self) -> None:
        self.assertTrue(diagnose(self.machine, ONE_WORKER, 1499).fits)
        self.assertFalse(diagnose(self.machine, ONE_WORKER, 1500).fits)

    def test_room_does_not_depend_on_the_question(self) -> None:
        for users in (None, 1, 5000):
            self.assertEqual(diagnose(self.machine, ONE_WORKER, users).room, 1499)

    def test_two_connections_halve_it(self) -> None:
        self.assertEqual(diagnose(self.machine, Plan(2, 1), None).room, 749)

    def test_no_limit(self) -> None:
        found = diagnose(Machine(file_max=UNLIMITED), Plan(), None)
        self.assertEqual((found.room, found.bottleneck), (MAX_USERS, None))

    def test_less_than_nobody_needs(self) -> None:
        found = diagnose(Machine(memory=1), Plan(), None)
        self.assertEqual((found.room, found.fits), (0, False))


class MendingTests(TestCase):
    @given(st.integers(0, MAX_USERS * 10))
    def test_rounded_up_a_little(self, need: int) -> None:
        rounded = fixes.rounded_up(need)
        self.assertTrue(need <= rounded <= need * 11 // 10 + 1)
        self.assertEqual(str(rounded).rstrip("0")[2:].strip("0"), "")


class CostTests(TestCase):
    def test_a_part_of_a_page_or_of_a_core_counts(self) -> None:
        some = Deployment(users=1001, connections=1001, workers=1)
        self.assertEqual((costs.tcp_pages(some), costs.cores(some)), (101, 1))

    def test_parts(self) -> None:
        parts = attrs.asdict(costs.memory(Deployment(users=10, connections=20, workers=2)))
        expected = {
            "kernel": 20 * measured.KERNEL_PER_CONNECTION,
            "clients": 20 * measured.ECM_PER_CONNECTION[Transport.BOSH],
            "workers": measured.SUPERVISOR + 2 * measured.WORKER,
            "ejabberd": measured.EJABBERD
            + 10 * measured.EJABBERD_PER_USER[Sessions.MNESIA, Transport.BOSH],
        }
        self.assertEqual(parts, expected)

"""The slot of a worker: spawned, in the balancer while it serves, respawned when it has ended."""

import contextlib
import errno
import os
import signal
import socket
from random import Random
from typing import Any, cast

import attrs
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from ecm.limits import (
    BURST,
    MAX_WORKERS,
    MIN_UPTIME,
    PULSE_CHECK,
    READY_TIMEOUT,
    RESPAWN_DELAY_MAX,
    WORKER_TIMEOUT,
)
from ecm.log.entry import Entry
from ecm.log.formats import as_json
from ecm.log.level import THRESHOLD, Levels, set_level
from ecm.operated import DRAINS, SERVES, STARTING, ProcessStatus
from ecm.status.form import encode
from ecm.status.snapshot import Connections, DoorReport, Snapshot
from ecm.workers import control, process
from ecm.workers.balancer import Balancer
from ecm.workers.control import Load
from ecm.workers.crew import Crew
from ecm.workers.drain import Drain
from ecm.workers.fork_order_book import Ordered
from ecm.workers.inquiries import Questioned
from ecm.workers.orders import SpawnOrder
from ecm.workers.process import Process
from ecm.workers.running import RunningWorker
from ecm.workers.slot import Backoff, WorkerSlot
from ecm.workers.starvation import Glance
from testkit.command_line import parse
from testkit.fake_reactor import FakeReactor


@attrs.define
class Spawned:
    """A worker that was ordered: its end of the control socket, and who hears of it."""

    control: socket.socket
    stdout: int
    ordered: Ordered

    def exited(self, how: str) -> None:
        self.ordered.exited(how)


class FakeForkServer:
    """Takes orders, and forks nothing."""

    def __init__(self) -> None:
        self.spawned: list[Spawned] = []
        self.expected: list[int] = []

    def expect(self, number: int) -> None:
        self.expected.append(number)

    def spawn(self, order: SpawnOrder, end: int, stdout: int, ordered: Ordered) -> None:
        self.spawned.append(Spawned(socket.socket(fileno=os.dup(end)), os.dup(stdout), ordered))


class SlotTests(TestCase):
    def setUp(self) -> None:
        self.reactor = cast(Any, FakeReactor())
        self.fork_server = cast(Any, FakeForkServer())
        settings = parse("--max-connections", "3").settings
        self.drain = Drain(self.reactor)
        self.told: list[tuple[Questioned, bytes]] = []
        self.balancer = Balancer(Random(1))
        crew = self.crew = Crew(
            self.fork_server,
            self.drain,
            lambda worker, packet: self.told.append((worker, packet)),
            self.balancer.assign,
            self.reactor,
            balancer=self.balancer,
        )
        self.slot = WorkerSlot(7, settings, crew)
        self.slot.spawn()
        self.addCleanup(self.close)

    def close(self) -> None:
        for spawned in self.fork_server.spawned:
            spawned.control.close()
            os.close(spawned.stdout)
        self.reactor.turn()
        self.reactor.turn()
        self.assertEqual(self.reactor.readers, [])

    @property
    def worker(self) -> Spawned:
        """The worker that was spawned last."""
        worker: Spawned = self.fork_server.spawned[-1]
        return worker

    def say(self, message: bytes) -> None:
        """Let the worker send a message."""
        self.worker.control.send(message)
        self.reactor.turn()

    def heard(self) -> list[bytes]:
        """Return the messages that the worker was sent since it was last asked."""
        return self.heard_by(self.worker)

    def serve(self) -> None:
        self.say(Load(0, 0, 0).encode())

    def say_open(self, number: int) -> None:
        """Let the worker tell how many connections it has, of 5."""
        there = Connections(open=number, limit=5)
        snapshot = Snapshot(connections=there, doors=(DoorReport("tcp:1"),))
        self.say(control.SNAPSHOT + encode(snapshot))

    def exit(self, how: str = "was killed by SIGKILL") -> None:
        """Let the process end: its control socket closes, and the fork server reports it."""
        self.worker.control.close()
        self.reactor.turn()
        self.worker.exited(how)

    @property
    def running(self) -> RunningWorker:
        """The worker in the slot."""
        assert self.slot.worker is not None
        return self.slot.worker

    @property
    def serves(self) -> bool:
        return self.slot.worker in self.balancer.workers

    # What an operator sees and says.

    @property
    def status(self) -> ProcessStatus:
        return self.slot.status[0]

    def test_its_status_says_what_it_does(self) -> None:
        self.assertEqual(self.slot.status, [ProcessStatus(7, 0, state=STARTING)])
        self.running.forked(Process.of(os.getpid()))
        self.serve()
        status = self.status
        self.assertEqual((status.pid, status.state, status.restarts), (os.getpid(), SERVES, 0))
        self.assertGreater(status.rss, 2**20)
        self.assertGreater(status.cpu, 0)
        self.slot.restart()
        self.assertEqual([each.state for each in self.slot.status], [STARTING, SERVES])
        self.serve()
        self.assertEqual([each.state for each in self.slot.status], [SERVES, DRAINS])
        self.exit()
        self.fork_server.spawned[0].exited("exited with status 0")
        self.assertEqual(self.slot.status, [ProcessStatus(7, 0, state=STARTING, restarts=2)])

    def test_it_is_told_of_a_drain_again_and_again_and_of_its_end(self) -> None:
        self.serve()
        self.assertEqual(self.heard(), [])
        self.drain.begin(600)
        self.assertEqual(self.status.state, DRAINS)
        for left in (600, 590, 0):
            self.serve()
            [order] = self.heard()
            self.assertEqual(control.decode_drain(order), left)
            self.reactor.advance(10 if left == 600 else 600)
        self.drain.end()
        self.serve()
        self.assertEqual(self.heard(), [control.UNDRAIN])
        self.assertEqual(self.status.state, SERVES)

    def test_it_is_asked_while_it_lives(self) -> None:
        [worker] = self.slot.workers
        self.assertTrue(worker.send(control.ASK))
        self.assertEqual(self.heard(), [control.ASK])
        self.say(control.TOLD + b"answer")
        self.assertEqual(self.told, [(worker, control.TOLD + b"answer")])
        self.assertEqual(worker.number, 7)
        self.exit()
        self.assertEqual(self.slot.workers, [])

    def test_one_that_is_replaced_is_asked_and_counts_until_it_has_ended(self) -> None:
        self.say_open(3)
        [former] = self.slot.workers
        self.slot.restart()
        self.serve()
        self.say_open(1)
        self.assertEqual(self.slot.workers[1:], [former])
        present, told = self.slot.snapshots
        self.assertEqual((present.connections.limit, present.connections.open), (5, 1))
        self.assertEqual((told.connections.limit, told.connections.open), (3, 3))
        self.assertEqual((present.is_former, told.is_former), (False, True))
        self.fork_server.spawned[0].control.close()
        self.reactor.turn()
        self.fork_server.spawned[0].exited("exited with status 0")
        self.assertEqual(self.slot.snapshots, [present])

    def test_all_of_a_crew_that_makes_way_are_former_ones(self) -> None:
        self.say_open(2)
        self.crew.makes_way = True
        [told] = self.slot.snapshots
        self.assertTrue(told.is_former)
        self.assertEqual(told.doors, ())

    def test_while_there_are_too_many_open_files_it_is_spawned_later(self) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        for owner, name in ((control, "pair"), (os, "pipe"), (self.fork_server, "spawn")):
            self.exit()
            readers = [*self.reactor.readers]
            refused = self.patch(owner, name, refuse)
            with capturedLogs() as events:
                self.reactor.advance(RESPAWN_DELAY_MAX)
            refused.restore()
            [event] = events
            self.assertIn("worker 7 could not be started: Too many open", formatEvent(event))
            self.reactor.turn()
            self.assertEqual(self.reactor.readers, readers, name)
            self.reactor.advance(RESPAWN_DELAY_MAX)
            self.serve()
            self.assertTrue(self.serves)

    def test_the_levels_of_the_log_go_with_each_order(self) -> None:
        self.addCleanup(THRESHOLD.set, THRESHOLD.level)
        set_level("error", 0, self.reactor)
        set_level("debug", 60, self.reactor)
        self.reactor.advance(20)
        self.slot.restart()
        order = self.running.order
        self.assertEqual(order.levels, Levels("error", "debug", 40))

    # What it is assigned.

    def test_a_worker_is_in_the_balancer_once_it_serves(self) -> None:
        self.assertFalse(self.serves)
        self.serve()
        self.assertTrue(self.serves)
        self.serve()
        self.assertEqual(self.balancer.workers, [self.slot.worker])

    def test_a_connection_goes_to_the_worker(self) -> None:
        self.serve()
        self.assertTrue(self.balancer.assign(4, socket.AF_INET, 0))
        self.assertEqual(self.heard(), [control.encode_connection(4, socket.AF_INET)])

    def test_the_load_is_that_of_the_worker_and_what_is_on_its_way(self) -> None:
        self.serve()
        for _ in range(3):
            self.balancer.assign(0, socket.AF_INET, 0)
        self.assertEqual(self.running.load, 3)
        self.say(Load(assigned=1, open=0, idle=0).encode())
        self.assertEqual(self.running.load, 2)

    def test_it_suffices_until_it_has_what_nobody_knows_the_cost_of_or_is_busy(self) -> None:
        self.running.capacity = 20_000
        self.serve()
        for _ in range(BURST):
            self.assertTrue(self.running.suffices)
            self.running.assign(0, socket.AF_INET, 0)
            self.heard()
        self.assertFalse(self.running.suffices)
        for cpu, suffices in ((0.1, True), (1.0, False), (1.1, True)):
            self.reactor.advance(1)
            self.say(Load(assigned=BURST, open=BURST, idle=0, cpu=cpu).encode())
            self.assertIs(self.running.suffices, suffices)

    def test_in_a_full_worker_an_idle_connection_makes_way(self) -> None:
        self.say(Load(assigned=0, open=3, idle=1).encode())
        for load, idle in ((3, 0), (4, 0)):
            self.balancer.assign(0, socket.AF_INET, 0)
            self.assertEqual((self.running.load, self.running.idle), (load, idle))

    # Its pulse.

    def look(self, seconds: float) -> None:
        """Let time pass, in which the supervisor looks twice a second."""
        for _ in range(round(seconds / PULSE_CHECK)):
            self.slot.look(PULSE_CHECK)

    def start_process(self) -> list[int]:
        """Let the fork server report the process; return the signals that it is sent."""
        signals: list[int] = []
        self.patch(process, "pidfd_send_signal", lambda _, number: signals.append(number))
        self.worker.ordered.forked(Process(2**23, os.open("/dev/null", os.O_RDONLY)))
        return signals

    def test_one_that_says_nothing_for_half_the_time_gets_no_new_connections(self) -> None:
        self.serve()
        self.look(WORKER_TIMEOUT / 2 - PULSE_CHECK)
        self.assertTrue(self.serves)
        with capturedLogs() as events:
            self.look(2 * PULSE_CHECK)
        self.assertFalse(self.serves)
        self.assertEqual(
            [formatEvent(event) for event in events],
            ["worker 7 has said nothing for 2 s; it gets no new connections"],
        )
        self.serve()
        self.assertTrue(self.serves)

    def test_any_word_counts(self) -> None:
        self.serve()
        for _ in range(5):
            self.look(WORKER_TIMEOUT / 2 - PULSE_CHECK)
            self.say(control.encode_taken(1))
        self.assertTrue(self.serves)

    def test_one_that_says_nothing_for_too_long_is_killed_once(self) -> None:
        signals = self.start_process()
        self.serve()
        self.look(WORKER_TIMEOUT - PULSE_CHECK)
        self.assertEqual(signals, [])
        with capturedLogs() as events:
            self.look(WORKER_TIMEOUT)
        self.assertEqual(signals, [signal.SIGKILL])
        self.assertIn(
            "worker 7 has said nothing for 4 s, it hangs; killing it",
            [formatEvent(event) for event in events],
        )
        self.exit()
        self.reactor.advance(0)
        self.assertEqual(len(self.fork_server.spawned), 2)

    def test_its_successor_has_a_pulse_of_its_own(self) -> None:
        self.serve()
        self.look(WORKER_TIMEOUT - PULSE_CHECK)
        self.exit()
        self.reactor.advance(0)
        signals = self.start_process()
        self.serve()
        self.look(WORKER_TIMEOUT - PULSE_CHECK)
        self.assertEqual(signals, [])

    def test_one_that_hangs_while_it_retires_is_killed(self) -> None:
        signals = self.start_process()
        self.serve()
        self.slot.retire()
        self.look(WORKER_TIMEOUT)
        self.assertEqual(signals, [signal.SIGKILL])

    def starve(self, state: str, cpu: float) -> list[int]:
        """Let the process be in a state, and get so much CPU in a look; return its signals."""
        glances = iter([Glance(state, number * cpu) for number in range(1000)])
        self.patch(Glance, "at", lambda process: next(glances))
        return self.start_process()

    def test_one_that_gets_no_cpu_has_three_times_as_long(self) -> None:
        signals = self.starve("R", 0)
        self.serve()
        self.look(3 * WORKER_TIMEOUT - PULSE_CHECK)
        self.assertEqual(signals, [])
        self.look(PULSE_CHECK)
        self.assertEqual(signals, [signal.SIGKILL])

    def test_one_that_gets_cpu_and_one_that_wants_none_have_not(self) -> None:
        for state, cpu in (("R", 0.2), ("T", 0), ("D", 0), ("S", 0)):
            signals = self.starve(state, cpu)
            self.serve()
            self.look(WORKER_TIMEOUT)
            self.assertEqual(signals, [signal.SIGKILL], state)
            self.exit()
            self.reactor.advance(RESPAWN_DELAY_MAX)

    def test_one_that_cannot_be_killed_is_left_alone(self) -> None:
        self.serve()
        self.look(2 * WORKER_TIMEOUT)
        self.assertFalse(self.serves)

    # Connections that it has not taken.

    def given(self) -> socket.socket:
        """Give the worker a connection; return the client's end of it."""
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        with ours:
            self.assertTrue(self.running.assign(3, socket.AF_UNIX, ours.fileno()))
        return theirs

    def other_worker(self) -> list[tuple[int, int]]:
        """Let there be another worker; return what it is assigned."""
        assigned: list[tuple[int, int]] = []

        class Other:
            load, capacity, idle = 0, 9, 0
            suffices = True

            def assign(self, listener: int, family: int, connection: int) -> bool:
                assigned.append((listener, family))
                os.write(connection, b"served")
                return True

        self.balancer.told(Other())
        return assigned

    def test_when_it_ends_they_go_to_another_worker(self) -> None:
        self.serve()
        taken, waiting = self.given(), self.given()
        self.say(control.encode_taken(1))
        others = self.other_worker()
        self.exit()
        self.assertEqual(others, [(3, socket.AF_UNIX)])
        self.assertEqual(waiting.recv(64), b"served")
        self.assertEqual(taken.recv(64), b"")
        self.assertEqual(waiting.recv(64), b"")

    def test_the_load_tells_too_what_it_has_taken(self) -> None:
        self.serve()
        self.given()
        self.given()
        self.say(Load(assigned=2, open=2, idle=0).encode())
        others = self.other_worker()
        self.exit()
        self.assertEqual(others, [])

    def test_a_word_that_has_not_been_read_before_its_end_counts(self) -> None:
        self.serve()
        self.given()
        others = self.other_worker()
        self.worker.control.send(control.encode_taken(1))
        self.worker.exited("was killed by SIGKILL")
        self.assertEqual(others, [])

    def test_what_it_has_said_before_its_end_counts_though_it_has_not_read_all(self) -> None:
        self.serve()
        taken, waiting = self.given(), self.given()
        others = self.other_worker()
        self.worker.control.send(control.encode_taken(1))
        self.exit()
        self.assertEqual(others, [(3, socket.AF_UNIX)])
        self.assertEqual(taken.recv(64), b"")
        self.assertEqual(waiting.recv(64), b"served")

    def test_without_another_worker_they_are_closed(self) -> None:
        self.serve()
        waiting = self.given()
        self.exit()
        self.assertEqual(waiting.recv(64), b"")

    # Its end.

    def test_the_end_of_the_control_socket_takes_it_out_of_the_balancer_and_no_more(self) -> None:
        self.serve()
        self.worker.control.close()
        self.reactor.turn()
        self.assertFalse(self.serves)
        self.assertEqual(self.fork_server.expected, [7])
        self.reactor.advance(RESPAWN_DELAY_MAX)
        self.assertEqual(len(self.fork_server.spawned), 1)

    def test_it_is_respawned_when_the_fork_server_has_reported_its_end(self) -> None:
        self.serve()
        self.exit()
        self.reactor.advance(0)
        self.assertEqual(len(self.fork_server.spawned), 2)
        self.assertFalse(self.serves)
        self.serve()
        self.assertTrue(self.serves)

    def test_the_report_may_come_first(self) -> None:
        self.serve()
        self.worker.exited("was killed by SIGKILL")
        self.assertFalse(self.serves)
        self.reactor.turn()
        self.reactor.advance(0)
        self.assertEqual(len(self.fork_server.spawned), 2)

    def test_one_that_cannot_be_forked_is_ordered_again_later(self) -> None:
        for delay in (0, 0.5, 1):
            self.worker.exited("could not be forked: no memory")
            self.reactor.turn()
            self.reactor.advance(delay / 2)
            before = len(self.fork_server.spawned)
            self.reactor.advance(delay / 2)
            self.assertEqual(len(self.fork_server.spawned), before + (delay > 0))

    # Its replacement.

    def replaced(self) -> Spawned:
        """Let the worker be replaced; return it."""
        self.serve()
        before = self.worker
        self.slot.restart()
        self.assertEqual(len(self.fork_server.spawned), 2)
        return before

    def heard_by(self, worker: Spawned) -> list[bytes]:
        worker.control.setblocking(False)
        messages = []
        with contextlib.suppress(BlockingIOError):
            while message := worker.control.recv(64):
                messages.append(message)
        return messages

    def test_it_serves_until_its_successor_has_a_link(self) -> None:
        former = self.replaced()
        self.assertEqual(len(self.balancer.workers), 1)
        self.say(Load(0, 0, 0, is_linked=False).encode())
        self.assertEqual(len(self.balancer.workers), 2)
        self.assertEqual(self.heard_by(former), [])
        self.serve()
        self.assertEqual(self.balancer.workers, [self.slot.worker])
        self.assertEqual(self.heard_by(former), [control.RETIRE])
        former.control.send(Load(0, 0, 0).encode())
        self.reactor.turn()
        self.assertEqual(self.balancer.workers, [self.slot.worker])
        former.control.close()
        self.reactor.turn()
        former.exited("exited with status 0")
        self.reactor.advance(RESPAWN_DELAY_MAX)
        self.assertEqual(len(self.fork_server.spawned), 2)

    def test_or_until_its_successor_has_had_its_time(self) -> None:
        former = self.replaced()
        self.reactor.advance(READY_TIMEOUT - 1)
        self.assertEqual(self.heard_by(former), [])
        self.reactor.advance(1)
        self.assertEqual(self.heard_by(former), [control.RETIRE])

    def test_a_successor_that_ends_is_respawned(self) -> None:
        former = self.replaced()
        self.exit()
        self.reactor.advance(0)
        self.assertEqual(len(self.fork_server.spawned), 3)
        self.assertEqual(self.heard_by(former), [])
        self.serve()
        self.assertEqual(self.heard_by(former), [control.RETIRE])

    def test_its_processes_have_numbers_of_their_own(self) -> None:
        self.replaced().control.close()
        self.worker.control.close()
        self.reactor.turn()
        self.assertEqual(self.fork_server.expected, [7, 7 + MAX_WORKERS])

    def test_one_that_is_being_replaced_is_replaced_once(self) -> None:
        self.replaced()
        self.slot.restart()
        self.assertEqual(len(self.fork_server.spawned), 2)

    def test_all_of_them_are_retired_at_the_end(self) -> None:
        former = self.replaced()
        done = self.slot.retire()
        self.assertEqual(self.heard_by(former), [control.RETIRE])
        self.exit("exited with status 0")
        self.assertNoResult(done)
        former.exited("exited with status 0")
        self.successResultOf(done)
        self.slot.restart()
        self.assertEqual(len(self.fork_server.spawned), 2)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_one_that_was_signalled_is_replaced(self) -> None:
        self.serve()
        self.say(control.RETIRING)
        self.assertEqual(len(self.fork_server.spawned), 2)
        self.serve()
        self.assertEqual(self.balancer.workers, [self.slot.worker])

    def test_its_last_words_are_logged_before_its_end(self) -> None:
        last = as_json(Entry(0, "info", "ecm", "the last one"))
        os.write(self.worker.stdout, last + b"Traceback\n")
        with capturedLogs() as events:
            self.worker.exited("was killed by SIGSEGV")
        lines = [formatEvent(event) for event in events]
        self.assertEqual(lines[:2], ["worker 7: the last one", "worker 7: Traceback"])
        self.assertEqual(lines[2], "worker 7 was killed by SIGSEGV; respawning in 0.0 s")

    # The end of all.

    def test_a_retired_worker_is_not_respawned(self) -> None:
        self.serve()
        retired = self.slot.retire()
        self.assertFalse(self.serves)
        self.assertEqual(self.heard(), [control.RETIRE])
        self.assertNoResult(retired)
        self.exit("exited with status 0")
        self.successResultOf(retired)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_the_end_of_the_control_socket_is_not_yet_the_end_of_the_worker(self) -> None:
        retired = self.slot.retire()
        self.worker.control.close()
        self.reactor.turn()
        self.assertNoResult(retired)
        self.worker.exited("exited with status 0")
        self.successResultOf(retired)

    def test_a_worker_whose_queue_is_full_is_told_to_retire_when_it_reports_again(self) -> None:
        self.serve()
        while self.running.assign(0, socket.AF_INET, self.worker.stdout):
            pass
        done = self.slot.retire()
        self.assertNotIn(control.RETIRE, self.heard())
        self.say(Load(1, 0, 0).encode())
        self.assertEqual(self.heard(), [control.RETIRE])
        self.exit("exited with status 0")
        self.successResultOf(done)

    def test_to_retire_a_slot_that_waits_for_its_respawn_is_done_at_once(self) -> None:
        self.exit()
        self.successResultOf(self.slot.retire())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_one_that_leaves_serves_until_it_is_retired(self) -> None:
        self.serve()
        left = self.slot.leave()
        self.assertEqual(self.heard(), [control.LEAVE])
        self.assertTrue(self.serves)
        self.assertNoResult(left)
        self.say(control.LEFT)
        self.successResultOf(left)
        self.say(control.LEFT)  # it says so until it is retired
        self.assertTrue(self.serves)
        retired = self.slot.retire()
        self.assertFalse(self.serves)
        self.exit("exited with status 0")
        self.successResultOf(retired)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_one_that_ends_while_it_leaves_has_left_and_is_not_respawned(self) -> None:
        self.serve()
        left = self.slot.leave()
        self.exit()
        self.successResultOf(left)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.successResultOf(self.slot.leave())

    def test_one_whose_queue_is_full_is_told_to_leave_when_it_reports_again(self) -> None:
        self.serve()
        while self.running.assign(0, socket.AF_INET, self.worker.stdout):
            pass
        left = self.slot.leave()
        self.assertNotIn(control.LEAVE, self.heard())
        self.serve()
        self.assertEqual(self.heard(), [control.LEAVE])
        self.say(control.LEFT)
        self.successResultOf(left)

    def test_a_fast_shutdown_is_told_to_the_worker(self) -> None:
        self.slot.retire()
        self.slot.abort()
        self.assertEqual(self.heard(), [control.RETIRE, control.ABORT])
        self.worker.exited("exited with status 0")
        self.slot.abort()

    # When its fork server has ended.

    def test_the_control_socket_tells_of_the_end(self) -> None:
        self.serve()
        self.running.orphan()
        retired = self.slot.retire()
        self.assertEqual(self.heard(), [control.RETIRE])
        self.assertNoResult(retired)
        self.worker.control.close()
        self.reactor.turn()
        self.successResultOf(retired)

    def test_also_if_the_worker_has_ended_before_the_fork_server(self) -> None:
        retired = self.slot.retire()
        self.worker.control.close()
        self.reactor.turn()
        self.assertNoResult(retired)
        self.running.orphan()
        self.successResultOf(retired)

    def test_it_is_respawned_once_and_then_reported_again(self) -> None:
        self.serve()
        self.running.orphan()
        self.assertTrue(self.serves)
        with capturedLogs() as events:
            self.worker.control.close()
            self.reactor.turn()
        self.assertEqual(formatEvent(events[-1]), "worker 7 has ended; respawning in 0.0 s")
        self.reactor.advance(0)
        self.assertEqual(len(self.fork_server.spawned), 2)
        self.serve()
        self.worker.control.close()
        self.reactor.turn()
        self.reactor.advance(RESPAWN_DELAY_MAX)
        self.assertEqual(len(self.fork_server.spawned), 2)

    def test_one_that_waits_for_its_respawn_is_respawned_by_the_next_one(self) -> None:
        running = self.running
        self.exit()
        running.orphan()
        self.reactor.advance(0)
        self.assertEqual(len(self.fork_server.spawned), 2)

    def test_one_that_hangs_then_is_killed_all_the_same(self) -> None:
        signals = self.start_process()
        self.serve()
        self.running.orphan()
        self.look(WORKER_TIMEOUT)
        self.assertEqual(signals, [signal.SIGKILL])


class BackoffTests(TestCase):
    def delays(self, *uptimes: float) -> list[float]:
        clock, backoff, delays = Clock(), Backoff(), []
        for seconds in uptimes:
            spawned_at = clock.seconds()
            clock.advance(seconds)
            delays.append(backoff.delay(clock.seconds() - spawned_at))
            clock.advance(delays[-1])
        return delays

    def test_one_that_dies_at_once_again_and_again_waits_longer_each_time(self) -> None:
        self.assertEqual(self.delays(0, 0, 0, 0), [0, 0.5, 1, 2])
        self.assertEqual(self.delays(*[0] * 20)[-1], RESPAWN_DELAY_MAX)

    def test_after_a_steady_one_there_is_no_delay(self) -> None:
        self.assertEqual(self.delays(0, 0, MIN_UPTIME, MIN_UPTIME - 1), [0, 0.5, 0, 0.5])

"""Reloads in memory: one at a time, and a mistake changes nothing."""

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from ecm.errors import StartupError
from ecm.limits import CERTIFICATE_CHECK
from ecm.workers import program
from ecm.workers.bundle import Bundle
from ecm.workers.plan import Plan
from ecm.workers.reload import Reload
from testkit.certificates import Authority
from testkit.command_line import parse
from testkit.ecm_process import temporary_folder


def plan(*arguments: str) -> Plan:
    settings = parse(*arguments).settings
    return Plan(settings, (settings,) * settings.workers)


class ToldGeneration:
    """Has a plan, and starts nothing."""

    def __init__(self, number: int, plan: Plan) -> None:
        self.number = number
        self.plan = plan
        self.bundles: list[Bundle] = []

    def renew(self, bundle: Bundle) -> None:
        self.bundles.append(bundle)


class ToldGenerations:
    """Prepares generations when the test says so."""

    def __init__(self, plan: Plan) -> None:
        self.current = ToldGeneration(1, plan)
        self.prepares: list[Deferred[None]] = []

    async def prepare(self, plan: Plan) -> ToldGeneration:
        self.prepares.append(Deferred())
        await self.prepares[-1]
        return ToldGeneration(self.current.number + 1, plan)

    def switch(self, generation: ToldGeneration) -> None:
        self.current = generation


class ToldPorts:
    """Notes what is opened and closed."""

    def __init__(self) -> None:
        self.fault: StartupError | None = None
        self.open_for: list[tuple[str, ...]] = []
        self.closed_but: list[tuple[str, ...]] = []
        self.not_so: list[str] = []

    def adapt(self, endpoints: tuple[str, ...]) -> list[str]:
        return self.not_so

    def open(self, settings: Any) -> None:
        if self.fault is not None:
            raise self.fault
        self.open_for.append(settings.endpoints)

    def close_others(self, endpoints: tuple[str, ...]) -> list[str]:
        self.closed_but.append(endpoints)
        return []

    def accept(self) -> None:
        pass


class ReloadTests(TestCase):
    def setUp(self) -> None:
        self.first = plan("--workers", "2")
        self.wanted: Plan | ValueError = self.first
        self.read = 0
        self.generations, self.ports = ToldGenerations(self.first), ToldPorts()
        self.levels: list[tuple[str, float]] = []
        told: tuple[Any, ...] = self.generations, self.ports, self.set_log_level
        self.reload = Reload(self.again, *told)
        self.reload.start()

    def set_log_level(self, level: str, seconds: float) -> None:
        self.levels.append((level, seconds))

    def again(self) -> Plan:
        self.read += 1
        if isinstance(self.wanted, ValueError):
            raise self.wanted
        return self.wanted

    def test_without_a_change_there_is_nothing_to_do(self) -> None:
        self.assertEqual(self.successResultOf(self.reload.request()), ["nothing has changed"])
        self.assertEqual(self.generations.prepares, [])
        assert self.reload.last is not None
        self.assertTrue(self.reload.last.success)

    def test_a_mistake_changes_nothing_and_is_one_line(self) -> None:
        self.wanted = ValueError("ecm.toml:3: max-body: many")
        with capturedLogs() as events:
            failure = self.failureResultOf(self.reload.request(), ValueError)
        self.assertEqual(failure.getErrorMessage(), "ecm.toml:3: max-body: many")
        self.assertEqual(
            [formatEvent(event) for event in events],
            ["reload: ecm.toml:3: max-body: many; nothing has changed"],
        )
        assert self.reload.last is not None
        self.assertFalse(self.reload.last.success)

    def test_a_changed_option_is_a_new_generation(self) -> None:
        self.wanted = plan("--workers", "3", "--idle-timeout", "61")
        reloaded = self.reload.request()
        self.assertNoResult(reloaded)
        self.assertEqual(self.generations.current.number, 1)
        self.generations.prepares[0].callback(None)
        [done] = self.successResultOf(reloaded)
        self.assertEqual(done, "generation 2 serves, 3 workers; changed: --workers, --idle-timeout")
        self.assertEqual(self.generations.current.plan, self.wanted)

    def test_one_that_is_not_fit_leaves_the_ports_as_they_were(self) -> None:
        self.wanted = plan("--workers", "2", "--listen", "tcp:1")
        reloaded = self.reload.request()
        self.generations.prepares[0].errback(ValueError("no link"))
        self.failureResultOf(reloaded, ValueError)
        self.assertEqual(self.ports.closed_but, [self.first.settings.endpoints])
        self.assertEqual(self.generations.current.number, 1)

    def test_a_port_that_cannot_be_opened_is_a_mistake(self) -> None:
        self.wanted = plan("--workers", "2", "--listen", "tcp:1")
        self.ports.fault = StartupError("it is taken")
        failure = self.failureResultOf(self.reload.request(), ValueError)
        self.assertIn("it is taken", failure.getErrorMessage())
        self.assertEqual(self.generations.prepares, [])

    def test_all_that_are_asked_for_meanwhile_are_one_more(self) -> None:
        self.wanted = plan("--workers", "3")
        first = self.reload.request()
        others = [self.reload.request() for _ in range(100)]
        self.assertEqual(self.read, 1)
        self.generations.prepares[0].callback(None)
        self.successResultOf(first)
        for other in others:
            self.assertEqual(self.successResultOf(other), ["nothing has changed"])
        self.assertEqual(self.read, 2)

    def test_what_needs_a_restart_is_named(self) -> None:
        self.wanted = plan("--workers", "2", "--admin", "tcp:1")
        self.assertEqual(
            self.successResultOf(self.reload.request()),
            ["--admin has changed: that needs a restart of ECM"],
        )

    def test_what_an_open_port_cannot_become_is_said_again_and_again(self) -> None:
        self.ports.not_so = ["unix:a:lockfile=0: lockfile=0 needs a restart of ECM"]
        for _ in range(2):
            self.assertEqual(self.successResultOf(self.reload.request()), self.ports.not_so)

    def test_another_level_of_the_log_is_set_once_the_new_workers_serve(self) -> None:
        self.wanted = plan("--workers", "2", "--log-level", "warn")
        self.reload.request()
        self.assertEqual(self.levels, [])
        self.generations.prepares[0].callback(None)
        self.assertEqual(self.levels, [("warn", 0)])

    def test_an_error_of_ours_is_no_end(self) -> None:
        self.wanted = cast(Any, None)
        self.failureResultOf(self.reload.request(), ValueError)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.wanted = self.first
        self.successResultOf(self.reload.request())

    def test_a_stop_ends_it(self) -> None:
        self.wanted = plan("--workers", "3")
        reloaded = self.reload.request()
        self.reload.stop()
        self.generations.prepares[0].callback(None)
        self.failureResultOf(reloaded, ValueError)
        self.failureResultOf(self.reload.request(), ValueError)
        self.assertEqual(self.generations.current.number, 1)

    def test_new_certificates_are_found_within_a_minute(self) -> None:
        """The options are not read again: somebody may be about to change them."""
        folder = temporary_folder(self)
        certificate, key = Authority.root().sign("a.example")
        (folder / "a.pem").write_bytes(certificate + key)
        stream = plan("--stream", f"starttls:{folder}:port=5222")
        current = self.generations.current = ToldGeneration(1, stream)
        told: tuple[Any, ...] = self.generations, self.ports, self.set_log_level
        reload = Reload(self.again, *told)
        (folder / "b.pem").write_text("none of it is a key")
        reload.look(CERTIFICATE_CHECK - 1)
        self.assertEqual(current.bundles, [])
        reload.look(1)
        [bundle] = current.bundles
        self.addCleanup(bundle.close)
        [(number, pems)] = Bundle.read(bundle.file).items()
        self.assertEqual(number, 1)
        self.assertEqual(len(pems), 2)
        (folder / "a.pem").write_text("none")
        with capturedLogs() as events:
            for _ in range(3):
                reload.look(CERTIFICATE_CHECK)
        self.assertEqual(len(events), 1)
        self.assertEqual(current.bundles, [bundle])
        self.assertEqual(self.read, 0)

    def test_an_error_of_ours_in_a_look_is_no_end_of_the_looks(self) -> None:
        self.patch(Reload, "_renew", lambda _: 1 / 0)
        self.patch(self.reload._certificates, "have_just_changed", lambda: True)
        self.reload.look(CERTIFICATE_CHECK)
        self.reload.look(CERTIFICATE_CHECK)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class ProgramTests(TestCase):
    def test_it_differs_once_a_module_was_replaced(self) -> None:
        folder = temporary_folder(self)
        self.assertEqual(program.stamp(folder), 0)
        (folder / "below").mkdir()
        module = folder / "below" / "module.py"
        module.write_text("")
        before = program.stamp(folder)
        self.assertEqual(program.stamp(folder), before)
        (folder / "new.py").write_text("")
        (folder / "new.py").rename(module)
        self.assertGreater(program.stamp(folder), before)

"""Faults of ECM and its processes."""

import os
import signal
from collections.abc import Callable, Iterator

import attrs

from bench.faults.front import EcmSetup, restart_pause
from bench.faults.goal import Goal
from bench.faults.lab import Fault, Lab, Size
from bench.faults.stack import Setup

_WORKERS = 2
_FOUND = 5  # seconds in which a worker that hangs is found and replaced
_SUPERVISED = 30.0  # seconds for which ECM is started again when it ends, as systemd does
_DRAINS = 30.0  # seconds for a graceful shutdown

# Of two requests that are repeated at once, the second may be answered first. Strophe shows what it
# gets, in the order in which it comes.
_ANY_ORDER = Goal(errors=None, disordered=None)


def faults(size: Size) -> Iterator[Fault]:
    """Give all of them."""
    yield from _of_workers(size.scale)
    yield from _of_processes()
    yield from _restarts()


def _of_workers(scale: float) -> Iterator[Fault]:
    two = _setup(_WORKERS)
    brief = attrs.evolve(_ANY_ORDER, p99=1, longest=2)
    for name, number in (("kill", signal.SIGKILL), ("term", signal.SIGTERM)):
        what = f"a worker of two: {number.name}"
        yield Fault(f"worker-{name}", what, _signal_worker(number), brief, 0, two)
    for full in (20, 100):
        seconds = full * scale
        yield Fault(
            f"worker-stop-{full}",
            f"a worker of two: SIGSTOP, SIGCONT after {seconds:g} s",
            _stop_worker(seconds),
            attrs.evolve(_ANY_ORDER, longest=_FOUND + 1),
            seconds,
            two,
        )


def _of_processes() -> Iterator[Fault]:
    goal = attrs.evolve(_ANY_ORDER, p99=5)
    for kept in (True, False):
        for name, workers, what in (
            ("nursery", _WORKERS, "the process that forks workers"),
            ("supervisor", _WORKERS, "the supervisor of two workers"),
            ("ecm", 1, "the one process of ECM"),
        ):
            yield Fault(
                _name(f"{name}-kill", kept),
                f"{what}: SIGKILL, {_port(kept)}",
                _kill_nursery if name == "nursery" else _kill_ecm,
                goal,
                _SUPERVISED,
                _setup(workers, kept),
            )


def _restarts() -> Iterator[Fault]:
    for kept in (True, False):
        yield Fault(
            _name("ecm-restart", kept),
            f"ECM is restarted: SIGTERM, and its start, {_port(kept)}",
            _restart_ecm,
            attrs.evolve(_ANY_ORDER, p99=1 if kept else None),
            _DRAINS,
            _setup(1, kept),
        )


def _setup(workers: int, kept: bool = True) -> Setup:
    return Setup(ecm=EcmSetup(workers=workers, keeps_port=kept))


def _name(name: str, kept: bool) -> str:
    return name if kept else f"{name}-unkept"


def _port(kept: bool) -> str:
    return "its port is kept open" if kept else "its port is closed meanwhile"


def _signal_worker(number: signal.Signals) -> Callable[[Lab], None]:
    return lambda lab: os.kill(lab.stack.ecm.workers[0], number)


def _stop_worker(seconds: float) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        worker = lab.stack.ecm.workers[0]
        os.kill(worker, signal.SIGSTOP)
        lab.wait(seconds)
        if worker in lab.stack.ecm.process.pids:
            os.kill(worker, signal.SIGCONT)

    return inject


def _kill_nursery(lab: Lab) -> None:
    os.kill(lab.stack.ecm.nursery, signal.SIGKILL)
    _supervise(lab)


def _kill_ecm(lab: Lab) -> None:
    lab.stack.ecm.process.kill()
    _supervise(lab)


def _supervise(lab: Lab) -> None:
    """Do for a while what systemd does with deploy/ecm.service: start ECM again when it ends."""
    for _ in range(int(_SUPERVISED)):
        if not lab.stack.ecm.process.is_running():
            lab.wait(restart_pause())
            lab.stack.ecm.start_soon()
        lab.wait(1)


def _restart_ecm(lab: Lab) -> None:
    """Do what ``systemctl restart`` does: start it as soon as it has ended."""
    process = lab.stack.ecm.process
    process.running.terminate()
    lab.wait_until(lambda: not process.is_running(), _DRAINS)
    process.kill()
    lab.stack.ecm.start_soon()

"""Faults of ejabberd: its process, its sessions, its restarts."""

import signal
from collections.abc import Callable, Iterator

import attrs

from bench.faults.goal import Goal
from bench.faults.lab import Fault, Lab, Size, Skipped

_AWAY = 2.0  # seconds from the end of ejabberd to its next start
_LOOPS = 4  # processes of high priority that keep two cores busy
_STOPS = 60.0  # seconds for ejabberd to stop

# Who logs in anew may get a stored message behind a newer one: ejabberd has it so (docs/faults.md).
_ANEW = Goal(untold=None, twice=None, disordered=None, sessions=None, errors=None)

# Sessions in memory that is gone are lost, and so are messages in it.
_ALL_END = attrs.evolve(_ANEW, told=None)


def faults(size: Size) -> Iterator[Fault]:
    """Give all of them."""
    yield from _stands(size.scale)
    yield from _restarts()
    yield from _sessions_end()


def _stands(scale: float) -> Iterator[Fault]:
    for full in (20, 60):
        seconds = full * scale
        yield Fault(
            f"beam-stop-{full}",
            f"ejabberd stands still for {seconds:g} s (SIGSTOP, SIGCONT)",
            _stop(seconds),
            Goal(errors=0 if full < 30 else None),
            seconds,
        )
    yield Fault(
        "beam-busy-45",
        f"{_LOOPS} processes in ejabberd count at high priority for {45 * scale:g} s",
        _be_busy(int(45 * scale)),
        Goal(errors=None),
        45 * scale,
    )


def _restarts() -> Iterator[Fault]:
    yield Fault("ejabberd-kill", "ejabberd: SIGKILL, start after 2 s", _kill, _ALL_END, 8)
    yield Fault(
        "ejabberd-stop",
        "`ejabberdctl stop`, start after 2 s",
        _stop_and_start,
        _ANEW,
        12,
    )
    yield Fault(
        "ejabberd-restart",
        "`ejabberdctl ecm_restart`",
        _restart,
        Goal(errors=None, beyond=2),
        15,
    )
    yield Fault(
        "ejabberd-stop-kept",
        "`ejabberdctl ecm_stop`, start after 2 s",
        _stop_with_sessions,
        Goal(errors=None, beyond=2),
        15,
    )


def _sessions_end() -> Iterator[Fault]:
    yield Fault("sessions-kick", "all sessions are kicked at once", _ask("kick"), _ANEW, 0)
    yield Fault(
        "sessions-kill",
        "the processes of all sessions are killed at once",
        _ask("kill"),
        _ALL_END,
        0,
    )


def _stop(seconds: float) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        beam = lab.stack.ejabberd.process.running
        beam.send_signal(signal.SIGSTOP)
        lab.wait(seconds)
        beam.send_signal(signal.SIGCONT)

    return inject


def _be_busy(seconds: int) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        lab.stack.ejabberd.process.say(f"busy {_LOOPS} {seconds}")
        lab.wait(seconds)

    return inject


def _kill(lab: Lab) -> None:
    lab.stack.ejabberd.process.kill()
    _start_soon(lab)


def _stop_and_start(lab: Lab) -> None:
    lab.stack.ejabberd.control("stop")
    lab.wait_until(lambda: not lab.stack.ejabberd.process.is_running(), _STOPS)
    _start_soon(lab)


def _stop_with_sessions(lab: Lab) -> None:
    _needs(lab, "ecm_stop")
    lab.stack.ejabberd.control("ecm_stop")
    lab.wait_until(lambda: not lab.stack.ejabberd.process.is_running(), _STOPS)
    _start_soon(lab)


def _needs(lab: Lab, command: str) -> None:
    """Raises Skipped where ejabberdctl does not have it."""
    if not lab.stack.ejabberd.knows(command):
        raise Skipped(f"this mod_ecm has no command {command}")


def _start_soon(lab: Lab) -> None:
    lab.wait(_AWAY)
    lab.stack.ejabberd.start()


def _restart(lab: Lab) -> None:
    _needs(lab, "ecm_restart")
    lab.stack.ejabberd.restart()


def _ask(command: str) -> Callable[[Lab], None]:
    def inject(lab: Lab) -> None:
        lab.stack.ejabberd.ask(command)

    return inject

"""Faults of a cluster of three nodes, with one ECM that has a link to each."""

from collections.abc import Iterator

from bench.faults.goal import Goal
from bench.faults.lab import Fault, Lab, Size, Skipped, note
from bench.faults.stack import Setup
from bench.faults.user import name

_THREE = Setup(nodes=3)
_COMMAND = "ecm_evacuate"
_STOPS = 90.0  # seconds for a node to stop, and to empty itself before


def faults(size: Size) -> Iterator[Fault]:
    """Give all of them."""
    yield Fault(
        "node-kill",
        "one of three nodes: SIGKILL; those whose sessions were elsewhere count",
        _kill,
        Goal(),
        15,
        _THREE,
        recovery=10,
    )
    yield Fault(
        "node-evacuate",
        f"one of three nodes is emptied: `ejabberdctl {_COMMAND} all`",
        _evacuate,
        Goal(longest=2),
        10,
        _THREE,
    )
    yield Fault(
        "node-stop",
        "one of three nodes: `ejabberdctl stop`, which empties it first",
        _stop,
        Goal(longest=2),
        10,
        _THREE,
    )


def _kill(lab: Lab) -> None:
    dies = lab.stack.nodes[-1]
    gone = set(dies.ask("local")["users"])
    lab.crowd.tell("watch", numbers=[number for number in lab.users if name(number) not in gone])
    dies.process.kill()
    lab.wait(15)


def _evacuate(lab: Lab) -> None:
    node = lab.stack.nodes[-1]
    if not node.knows(_COMMAND):
        raise Skipped(f"this mod_ecm has no command {_COMMAND}")
    had = len(node.ask("local")["users"])
    node.control(_COMMAND, "all")
    left = len(node.ask("local")["users"])
    note(f"the node had {had} sessions, and has {left}")


def _stop(lab: Lab) -> None:
    node = lab.stack.nodes[-1]
    node.control("stop")
    lab.wait_until(lambda: not node.process.is_running(), _STOPS)

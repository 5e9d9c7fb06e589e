"""Faults of a cluster of three nodes, with one ECM that has a link to each."""

from collections.abc import Iterator

from bench.faults.goal import Goal
from bench.faults.lab import Fault, Lab, Size, Skipped, note
from bench.faults.stack import Setup
from bench.faults.user import name

_THREE = Setup(nodes=3)
_COMMAND = "ecm_evacuate"


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
        f"one of three nodes is emptied: `ejabberdctl {_COMMAND}`",
        _evacuate,
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
    node.control(_COMMAND)
    left = node.ask("local")["users"]
    if left:
        note(f"{len(left)} sessions are still on the node that was emptied")

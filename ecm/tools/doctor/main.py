"""``ecm-doctor``: the order of the steps."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ecm.tools.doctor import report
from ecm.tools.doctor.ask import ask
from ecm.tools.doctor.diagnosis import diagnose
from ecm.tools.doctor.options import parse
from ecm.tools.doctor.probe import read


def main(arguments: Sequence[str] | None = None, root: Path = Path("/")) -> int:
    """Print what the machine holds. Returns the exit status."""
    options = parse(arguments)
    machine = read(root)
    found = diagnose(machine, options.plan, options.users)
    nodes = [node for upstream in options.upstream for node in ask(upstream)]
    if options.json:
        _print(report.as_json(machine, found, nodes))
    else:
        _print(report.as_text(machine, found, nodes, asked=options.users is not None))
    return 0 if found.fits and all(node.takes(options.plan.transport) for node in nodes) else 1


def _print(text: str) -> None:
    """Print it to a reader that may stop before the end, as ``head`` does."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

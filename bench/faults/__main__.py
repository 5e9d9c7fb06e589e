"""``python -m bench.faults [NAME...]``: break something, and count what users notice of it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from bench import node
from bench.faults import report
from bench.faults.catalogue import faults
from bench.faults.lab import QUICK, Fault, Size
from bench.faults.runner import Runner
from bench.faults.stack import adopt_orphans
from bench.measure.machine import machine
from ecm.tools import cli
from ecm.tools.errors import ToolError

_ABOUT = """\
Break something between web users and ejabberd, and count what the users notice: messages lost,
doubled, out of order, sessions lost, errors, silence. Users behave like Strophe; half of them
converse. Everything is private and on loopback. Results go to bench/results/faults.json and .md,
beside those of the faults that are not run. Exit status 1 says that a goal is not met.
"""


def parser() -> argparse.ArgumentParser:
    usual = Size()
    parsed = cli.Parser(prog="python -m bench.faults", description=_ABOUT)
    parsed.add_argument("names", nargs="*", metavar="NAME", help="a fault; all without one")
    parsed.add_argument("--list", action="store_true", help="list the faults with their goals")
    parsed.add_argument(
        "--users",
        type=cli.whole_number(4, 20_000),
        help=f"how many users there are (default: {usual.users})",
    )
    parsed.add_argument(
        "--rounds",
        type=cli.whole_number(1, 100),
        default=1,
        help="how often each fault is tried (default: 1)",
    )
    parsed.add_argument(
        "--quick",
        action="store_true",
        help="a try: few users, and most faults a quarter as long; nothing is written",
    )
    parsed.add_argument(
        "--logs",
        type=Path,
        metavar="FOLDER",
        help="where to leave the logs of ECM and ejabberd, in a folder for each fault and round",
    )
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    size = QUICK if options.quick else Size()
    size = attrs.evolve(size, users=options.users) if options.users else size
    known = {fault.name: fault for fault in faults(size)}
    if options.list:
        print("\n".join(map(_line, known.values())))
        return 0
    unknown = [name for name in options.names if name not in known]
    if unknown:
        return cli.fail("faults", ToolError(f"no fault {unknown[0]!r}: --list lists them"))
    chosen = [known[name] for name in options.names] or [*known.values()]
    cli.interrupt_on_signals()
    adopt_orphans()
    try:
        return _run(chosen, [*known], size, options)
    except ToolError as error:
        return cli.fail("faults", error)
    except KeyboardInterrupt:
        return 130


def _line(fault: Fault) -> str:
    return f"{fault.name:22} {fault.what}\n{'':22} goal: {fault.goal.words()}"


def _run(
    chosen: Sequence[Fault], order: Sequence[str], size: Size, options: argparse.Namespace
) -> int:
    """Run them, and write each outcome at once. Returns the exit status. Raises ToolError."""
    about = machine() | {"users": str(size.users), "messages a second": f"{size.rate:g}"}
    outcomes = []
    with TemporaryDirectory() as folder:
        code = node.compiled(Path(folder), None)
        about |= node.versions(code)
        for outcome in Runner(size, options.rounds, code, about, options.logs).outcomes(chosen):
            outcomes.append(outcome)
            if not options.quick:
                report.write(report.merged(report.kept(), [outcome], order), about)
    print(report.table(outcomes))
    return 0 if all(outcome.is_well for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())

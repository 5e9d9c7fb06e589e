"""``python -m bench.faults [NAME...]``: break something, and count what users notice of it."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from bench import node
from bench.faults import report
from bench.faults.catalogue import faults
from bench.faults.lab import QUICK, Fault, Size, Skipped, run
from bench.faults.messages import Result
from bench.faults.outcome import Outcome
from bench.faults.stack import adopt_orphans, sweep
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
        outcomes = _all(chosen, size, options.rounds)
    except ToolError as error:
        return cli.fail("faults", error)
    except KeyboardInterrupt:
        return 130
    return _end(outcomes, [*known], written=not options.quick)


def _line(fault: Fault) -> str:
    return f"{fault.name:22} {fault.what}\n{'':22} goal: {fault.goal.words()}"


def _all(chosen: Sequence[Fault], size: Size, rounds: int) -> list[Outcome]:
    """Raises ToolError."""
    outcomes = []
    about = machine() | {"users": str(size.users), "messages a second": f"{size.rate:g}"}
    with TemporaryDirectory() as folder:
        code = node.compiled(Path(folder), None)
        about |= node.versions(code)
        left = rounds * sum(fault.seconds + size.seconds for fault in chosen)
        for number, fault in enumerate(chosen, 1):
            _say(
                f"{number} of {len(chosen)}: {fault.name}: {fault.what};"
                f" about {left / 60:.0f} minutes to go"
            )
            outcome = _one(fault, size, rounds, code, about)
            _say(f"{fault.name}: {outcome.verdict}")
            outcomes.append(outcome)
            left -= rounds * (fault.seconds + size.seconds)
    return outcomes


def _one(
    fault: Fault, size: Size, rounds: int, code: Sequence[Path], about: dict[str, str]
) -> Outcome:
    results = []
    try:
        for _ in range(rounds):
            results.append(_run(fault, size, code))
    except Skipped as why:
        return Outcome(fault.name, fault.what, fault.goal.words(), (), (), about, str(why))
    return Outcome.of(fault.name, fault.what, fault.goal, results, about)


def _run(fault: Fault, size: Size, code: Sequence[Path]) -> Result:
    """Run it once, and leave nothing of it. Raises ToolError, Skipped."""
    try:
        return run(fault, size, code)
    finally:
        sweep()


def _end(outcomes: Sequence[Outcome], order: Sequence[str], written: bool) -> int:
    print(report.table(outcomes))
    if written and outcomes:
        report.write(report.merged(report.kept(), outcomes, order), outcomes[0].about)
    return 1 if any(outcome.missed for outcome in outcomes) else 0


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

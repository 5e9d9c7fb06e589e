"""``python -m bench CASE``: measure one thing; ``python -m bench --help`` lists the cases."""

import argparse
import pkgutil
import sys
from importlib import import_module

from bench import cases, frame
from bench.frame import Case


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and descriptions as they are written."""


def all_cases() -> dict[str, tuple[Case, str]]:
    """Return each case by its name, with its description."""
    modules = {
        name: import_module(f"{cases.__name__}.{name}")
        for _, name, _ in pkgutil.iter_modules(cases.__path__)
    }
    return {name: (module.CASE, module.__doc__ or "") for name, module in modules.items()}


def parser(found: dict[str, tuple[Case, str]]) -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure what Megaphone takes, beside others. Results go to bench/results.",
    )
    commands = top.add_subparsers(dest="case", metavar="CASE", required=True)
    for name, (case, description) in found.items():
        command = commands.add_parser(
            name,
            help=case.title,
            description=description,
            epilog=case.note,
            formatter_class=_Help,
        )
        for each in case.options:
            command.add_argument(
                f"--{each.name}", type=each.read, default=each.default, help=each.help
            )
    return top


def main() -> int:
    found = all_cases()
    options = parser(found).parse_args()
    name = options.case
    del options.case
    return frame.run(name, found[name][0], options)


if __name__ == "__main__":
    sys.exit(main())

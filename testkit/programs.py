"""The programs that an installation brings, each with its parser of argparse.

Their names are those of setup.cfg; a program whose ``main`` is ``ecm.X.main:main`` has its parser
in ``ecm.X.options``. The parser of ECM itself stands for ``twistd ecm``, which has none of
argparse: it is made of the same options, and parses nothing.
"""

import argparse
from collections.abc import Iterator
from configparser import ConfigParser
from importlib import import_module
from typing import Any, Final

from ecm.config import help
from ecm.config.command_line import GROUPS
from ecm.option import Option
from testkit.paths import CHECKOUT

# The .deb and the image have a program of this name, which starts ``twistd ecm`` in the foreground.
ECM: Final = "ecm"


def entry_points() -> Iterator[tuple[str, str]]:
    """Yield the name of each program of setup.cfg, and the module of its ``main``."""
    setup = ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    for line in setup["options.entry_points"]["console_scripts"].strip().splitlines():
        name, _, function = line.partition(" = ")
        yield name, function.partition(":")[0]


def parsers() -> Iterator[argparse.ArgumentParser]:
    """Yield the parser of each program, ECM's first."""
    yield _ecm()
    for name, module in entry_points():
        parser = import_module(f"{module.rpartition('.')[0]}.options").make_parser()
        assert parser.prog == name, parser.prog
        yield parser


def _ecm() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        ECM, usage="%(prog)s [options]", description=help.INTRODUCTION, add_help=False
    )
    for name, description in help.OTHERS.items():
        parser.add_argument(f"--{name}", action="store_true", help=description)
    for title, group in GROUPS:
        add = parser.add_argument_group(title).add_argument
        for option in group:
            add(*_names(option), **_values(option), help=_description(option).replace("%", "%%"))
    return parser


def _names(option: Option) -> list[str]:
    return [f"-{option.short}"] * bool(option.short) + [f"--{option.name}"]


def _values(option: Option) -> dict[str, Any]:
    return {"metavar": option.unit.upper()} if option.unit else {"action": "store_true"}


def _description(option: Option) -> str:
    several = " May be given several times." if option.collect else ""
    default = f" Default: {option.shown}." if option.shown else ""
    return f"{option.help}{several}{default}"

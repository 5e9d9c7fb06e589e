"""The text of ``twistd ecm --help``."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from ecm.option import Option

INTRODUCTION: Final = (
    "ECM terminates the BOSH, WebSocket and TCP connections of chat clients and carries what they"
    " say over one link to mod_ecm in ejabberd, or to each node of a cluster. ENDPOINT is an"
    " endpoint string of Twisted: tcp:7080, tcp:7080:interface=127.0.0.1,"
    " ssl:7443:privateKey=key.pem:certKey=cert.pem, unix:/run/ecm.sock,"
    " systemd:domain=INET:index=0. An option with * may be given several times."
)

# Options that are no settings.
OTHERS: Final = {
    "check": "Check all of this, the certificates, and the link to ejabberd, print what is found,"
    " and exit: with status 1 if ECM would not work.",
    "check-offline": "The same, without connecting to ejabberd.",
    "print-config": "Print the options in force as a file for --config, and exit.",
    "version": "Print the version and exit.",
    "help": "Print this help and exit.",
}

# Columns: where descriptions begin, and where lines end.
_INDENT: Final = 32
_WIDTH: Final = 79

# Stands for a space at which no line ends.
_SPACE: Final = "\N{NO-BREAK SPACE}"


def text(groups: Iterable[tuple[str, list[Option]]]) -> str:
    """Return the help for groups of options, each with its title."""
    return "\n".join(["", textwrap.fill(INTRODUCTION, _WIDTH), *_lines(groups)])


def _lines(groups: Iterable[tuple[str, list[Option]]]) -> Iterator[str]:
    for title, options in groups:
        yield f"\n{title}:"
        for option in options:
            yield from _entry(_usage(option), _description(option))
    yield "\nOthers:"
    for name, description in OTHERS.items():
        yield from _entry(f"      --{name}", description)


def _usage(option: Option) -> str:
    short = f"-{option.short}," if option.short else "   "
    star = " *" if option.collect else ""
    return f"  {short} --{option.name} {option.unit.upper()}".rstrip() + star


def _description(option: Option) -> str:
    default = f"[default: {option.shown}]".replace(" ", _SPACE)
    return f"{option.help} {default}" if option.shown else option.help


def _entry(usage: str, description: str) -> Iterator[str]:
    """Yield the lines of an option; its description begins below if the usage is too long."""
    lines = textwrap.wrap(description, _WIDTH - _INDENT, break_on_hyphens=False)
    first, *rest = [line.replace(_SPACE, " ") for line in lines]
    if len(usage) < _INDENT - 1:
        yield usage.ljust(_INDENT) + first
    else:
        yield usage
        rest = [first, *rest]
    yield from (" " * _INDENT + line for line in rest)

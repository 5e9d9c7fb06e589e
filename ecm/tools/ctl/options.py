"""The command line of ``ecmctl``."""

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from ecm.tools.cli import Parser, argument, whole_number
from ecm.tools.ctl.address import DEFAULT, Address, read

VARIABLE: Final = "ECM_ADMIN"

_LEVELS: Final = ("debug", "info", "warn", "error", "critical")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}
_DAY: Final = 86_400

_DESCRIPTION: Final = """\
Ask a running ECM how it is, and tell it what to do, at its admin endpoint (--admin).
"""

_EPILOG: Final = """\
Exit status: 0 if it is so, or done; 1 if ECM says no, or is not ready; 2 for a wrong option;
3 if ECM is not reached, but 1 of ready.
"""


@attrs.frozen
class Options:
    """``command`` is the name of one; the others are for some of them."""

    admin: Address
    command: str
    json: bool = False
    watch: int = 0
    every: bool = False
    seconds: int | None = None
    worker: int = 0
    who: str = ""
    level: str = ""
    arguments: tuple[str, ...] = ()


def parse(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ
) -> Options:
    """Parse the command line; report a mistake and exit with status 2."""
    parser = make_parser()
    known, others = parser.parse_known_args(arguments)
    if others and known.command != "check":
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    found = vars(known)
    given = found.pop("admin") or environment.get(VARIABLE) or DEFAULT
    try:
        admin = read(given)
    except ValueError as error:
        parser.error(str(error))
    return Options(admin, **found, arguments=tuple(others))


def make_parser() -> Parser:
    parser = Parser(prog="ecmctl", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument(
        "--admin",
        metavar="ENDPOINT",
        help=f"the admin endpoint of ECM: {DEFAULT}, or tcp:HOST:PORT (default: {VARIABLE} of the"
        f" environment, or {DEFAULT})",
    )
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=Parser
    )
    _add_views(commands)
    _add_orders(commands)
    return parser


def _add_views(commands: "argparse._SubParsersAction[Parser]") -> None:
    status = commands.add_parser("status", help="show workers, links and nodes")
    status.add_argument("--json", action="store_true", help="print all that is known, in JSON")
    status.add_argument(
        "--watch",
        nargs="?",
        type=whole_number(1, 3600),
        const=2,
        default=0,
        metavar="SECONDS",
        help="show it again and again, until Ctrl-C (default: every 2 seconds)",
    )
    ready = commands.add_parser(
        "ready", help="say whether clients should come; exit with status 1 if not"
    )
    ready.add_argument("--all", dest="every", action="store_true", help="of all workers")
    commands.add_parser("metrics", help="print the metrics, as Prometheus reads them")
    user = commands.add_parser("user", help="show the sessions and connections of one user")
    user.add_argument("who", metavar="WHO", help="JID, address or SID of the user")
    user.add_argument("--json", action="store_true", help="print all that is known, in JSON")
    commands.add_parser(
        "check",
        help="check the options of ECM that follow, or --config /etc/ecm/ecm.toml, and the files"
        " they name; ECM need not run",
    )


def _add_orders(commands: "argparse._SubParsersAction[Parser]") -> None:
    commands.add_parser("reload", help="read the configuration again")
    drain = commands.add_parser(
        "drain", help="be not ready, and send all clients to another ECM, spread over a time"
    )
    drain.add_argument(
        "seconds",
        type=_time,
        metavar="TIME",
        nargs="?",
        help="such as 90, 90s, 10m or 1h (default: a minute)",
    )
    commands.add_parser("undrain", help="end a drain: be ready, and keep the clients")
    restart = commands.add_parser("restart", help="replace a worker by a new one")
    restart.add_argument(
        "worker",
        type=whole_number(1, 10_000),
        metavar="WORKER",
        help="its number, as status shows it",
    )
    trace = commands.add_parser(
        "trace", help="show the next requests of an address: time, sizes, status; never bodies"
    )
    trace.add_argument("who", metavar="ADDRESS", help="IP address of a client")
    trace.add_argument("--json", action="store_true", help="print a line of JSON for each")
    _add_for(trace, "for how long (default: a minute)", 60)
    log = commands.add_parser("log", help="log from a level on")
    log.add_argument("level", choices=_LEVELS)
    _add_for(log, "for how long (default: until ECM ends, or a reload has another --log-level)")


def _add_for(parser: Parser, help: str, default: int = 0) -> None:
    parser.add_argument(
        "--for", dest="seconds", type=_time, default=default, metavar="TIME", help=help
    )


@argument
def _time(text: str) -> int:
    """Return the seconds of a time, a day at most."""
    found = re.fullmatch("([0-9]{1,6})([smh]?)", text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else _DAY + 1
    if seconds > _DAY:
        raise ValueError(f"{text!r} is no time up to a day, such as 90, 90s, 10m or 1h")
    return seconds

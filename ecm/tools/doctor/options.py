"""The command line of ``ecm-doctor``."""

from collections.abc import Sequence
from typing import Final

import attrs

from ecm.tools.cli import Parser, whole_number
from ecm.tools.doctor.diagnosis import MAX_USERS
from ecm.tools.doctor.plan import Wish

# Processes that a machine may have at all (kernel.pid_max of 64 bits).
_MAX_WORKERS: Final = 4_194_304

# As many as browsers open to one server.
_MAX_CONNECTIONS: Final = 6

_DESCRIPTION: Final = """\
Say how many web users this machine holds, with ECM and ejabberd on it, and what gives out first:
what it has, what users need, and the command that mends it. Nothing is changed. Run it as the
user, and in the container, that ECM will have: limits differ.
"""

_EPILOG: Final = "Exit status: 0 where the users fit, 1 where they do not, 2 for a wrong option."


@attrs.frozen
class Options:
    """What was asked for. ``users`` is None for the most that fit."""

    users: int | None
    wish: Wish
    json: bool


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; on a mistake say it and exit with status 2."""
    found = _parser().parse_args(arguments)
    return Options(found.users, Wish(found.connections, found.workers), found.json)


def _parser() -> Parser:
    parser = Parser(prog="ecm-doctor", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument(
        "--users",
        type=whole_number(1, MAX_USERS),
        metavar="N",
        help="users who shall be online at once (default: the most that fit)",
    )
    parser.add_argument(
        "--connections",
        type=whole_number(1, _MAX_CONNECTIONS),
        default=1,
        metavar="N",
        help="of each user; a browser has one while nothing is said, and two in a chat"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=_workers,
        default="auto",
        metavar="N|auto",
        help="processes of ECM; auto is one for each core, or as many as it takes to open all"
        " connections (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parser


def _workers(text: str) -> int | None:
    return None if text == "auto" else whole_number(1, _MAX_WORKERS)(text)

"""The command line of ``ecm-doctor``."""

from collections.abc import Sequence
from typing import Final

import attrs

from ecm.limits import MAX_WORKERS
from ecm.tools.cli import Parser, argument, one_of, whole_number
from ecm.tools.doctor.ask import endpoint
from ecm.tools.doctor.diagnosis import MAX_USERS
from ecm.tools.doctor.plan import Plan, Sessions, Tls, Transport

# The most that browsers open to one server.
_MAX_CONNECTIONS: Final = 6

_DESCRIPTION: Final = """\
Report how many users this machine can serve with ECM and ejabberd on it, and the bottleneck:
what the machine has, what users need, and the command that fixes a shortage. Nothing is changed.
Run it as the user, and in the container, that ECM will have: limits differ.
"""

_EPILOG: Final = (
    "Exit status: 0 if the users fit, 1 if they do not, or if a node does not take them, 2 for a"
    " wrong option."
)


@attrs.frozen
class Options:
    """``users`` is None for the most that fit. ``upstream`` are the nodes to be asked."""

    users: int | None
    plan: Plan
    json: bool
    upstream: tuple[str, ...] = ()


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Parse the command line; report a mistake and exit with status 2."""
    found = make_parser().parse_args(arguments)
    how = (found.transport, found.tls, found.sessions)
    plan = Plan(found.connections, found.workers, *how)
    return Options(found.users, plan, found.json, tuple(found.upstream))


def make_parser() -> Parser:
    parser = Parser(prog="ecm-doctor", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument(
        "--users",
        type=whole_number(1, MAX_USERS),
        metavar="N",
        help="users online at once (default: the most that fit)",
    )
    _add_transport(parser)
    parser.add_argument(
        "--connections",
        type=whole_number(1, _MAX_CONNECTIONS),
        default=1,
        metavar="N",
        help="connections of each user; over BOSH a browser has one while idle, and two in a chat"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=_workers,
        default="auto",
        metavar="N|auto",
        help="processes of ECM; auto is one for each core, or as many as the open files of all"
        " connections need (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parser


def _add_transport(parser: Parser) -> None:
    parser.add_argument(
        "--upstream",
        type=argument(endpoint),
        action="append",
        default=[],
        metavar="ENDPOINT",
        help="mod_ecm of a node, as ECM is given it: ask whether it takes this transport; may be"
        " given for each node",
    )
    parser.add_argument(
        "--transport",
        type=one_of(Transport),
        choices=list(Transport),
        default=Transport.BOSH,
        help="how users come: BOSH, WebSocket, or XMPP over TCP (default: %(default)s)",
    )
    parser.add_argument(
        "--tls",
        type=one_of(Tls),
        choices=list(Tls),
        default=Tls.NONE,
        help="what ends TLS in ECM: nothing, as behind a proxy; OpenSSL; or ECM with --lean-tls"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--sessions",
        type=one_of(Sessions),
        choices=list(Sessions),
        help="the table of sessions in ejabberd: its own, or that of mod_ecm (sm_db_type: ecm)"
        " (default: what ejabberd.yml on this machine says, else mnesia)",
    )


def _workers(text: str) -> int | None:
    return None if text == "auto" else whole_number(1, MAX_WORKERS)(text)

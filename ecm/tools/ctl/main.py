"""``ecmctl``: one command, and its exit status."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ecm.tools.cli import fail
from ecm.tools.ctl.options import Options, parse

# The exit status where ECM is not reached. To ``ready`` that is as good as "no".
_NOT_REACHED: Final = 3

_CONFIG: Final = ("--config", "/etc/ecm/ecm.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command. Returns the exit status."""
    options = parse(arguments)
    return _check(options.arguments) if options.command == "check" else _ask(options)


def _check(arguments: Sequence[str]) -> int:
    """Become ``twistd ecm --check``, which needs no ECM that runs."""
    twistd = str(Path(sys.executable).parent / "twistd")
    how = [each for each in arguments if each.startswith("--check")] or ["--check"]
    options = [each for each in arguments if each not in how] or _CONFIG
    try:
        os.execv(twistd, [twistd, "-n", "--pidfile=", "ecm", *how, *options])
    except OSError as error:
        return fail("ecmctl", OSError(f"{twistd}: {error.strerror}"))


def _ask(options: Options) -> int:
    """Run the reactor for one command."""
    # Loaded here, so that --help and mistakes come at once.
    from twisted.internet.task import react

    from ecm.tools.ctl.client import Client, NotReached
    from ecm.tools.ctl.commands import COMMANDS

    found = [130]  # if Ctrl-C ends it before

    def not_reached(error: Exception) -> None:
        fail("ecmctl", error)
        found[0] = 1 if options.command == "ready" else _NOT_REACHED

    async def run(reactor: Any) -> None:
        try:
            client = Client(options.admin, reactor)
            found[0] = await COMMANDS[options.command](client, options, reactor)
            sys.stdout.flush()
        except NotReached as error:
            not_reached(error)
        except (ValueError, LookupError):
            why = "the reply is not one of an ECM of this version"
            not_reached(NotReached(f"{options.admin}: {why}"))
        except BrokenPipeError:  # the reader has enough, as ``head`` has
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    try:
        react(run)
    except SystemExit as ended:
        return found[0] if not ended.code else 1
    return found[0]

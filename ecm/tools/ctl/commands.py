"""The commands of ``ecmctl`` that ask a running ECM. Each prints, and returns the exit status."""

import json
import math
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from twisted.internet.task import deferLater

from ecm.tools.ctl import table
from ecm.tools.ctl.client import Answer, Client
from ecm.tools.ctl.options import Options
from ecm.tools.ctl.user import user as text_of_user

Command = Callable[[Client, Options, Any], Awaitable[int]]

# Moves the cursor home, and clears what is behind it (ECMA-48).
_CLEAR: Final = "\x1b[H\x1b[J"


def show(answer: Answer) -> int:
    """Print a reply: on stderr if it says no. Returns the exit status."""
    done = answer.status == HTTPStatus.OK
    text = answer.text if answer.text.endswith("\n") else answer.text + "\n"
    print(text if done else f"ecmctl: {text}", end="", file=sys.stdout if done else sys.stderr)
    return 0 if done else 1


async def status(client: Client, options: Options, reactor: Any) -> int:
    """Show it, once or until Ctrl-C."""
    while True:
        answer = await client.get("/status.json")
        if answer.status != HTTPStatus.OK:
            return show(answer)
        text = answer.text if options.json else table.status(json.loads(answer.text), time.time())
        clear = _CLEAR if options.watch and not options.json and sys.stdout.isatty() else ""
        print(clear + text, end="", flush=True)
        if not options.watch:
            return 0
        await deferLater(reactor, options.watch)


async def ready(client: Client, options: Options, reactor: Any) -> int:
    """Say on stdout whether it is ready, and why not."""
    answer = await (client.get("/readyz", all="") if options.every else client.get("/readyz"))
    print(answer.text, end="")
    return 0 if answer.status == HTTPStatus.OK else 1


async def metrics(client: Client, options: Options, reactor: Any) -> int:
    return show(await client.get("/metrics"))


async def user(client: Client, options: Options, reactor: Any) -> int:
    answer = await client.get("/user.json", who=options.who)
    if answer.status == HTTPStatus.OK and not options.json:
        answer = Answer(answer.status, text_of_user(json.loads(answer.text)))
    return show(answer)


async def reload(client: Client, options: Options, reactor: Any) -> int:
    return show(await client.post("/reload"))


async def drain(client: Client, options: Options, reactor: Any) -> int:
    if options.seconds is None:
        return show(await client.post("/drain"))
    return show(await client.post("/drain", seconds=options.seconds))


async def undrain(client: Client, options: Options, reactor: Any) -> int:
    return show(await client.post("/undrain"))


async def restart(client: Client, options: Options, reactor: Any) -> int:
    return show(await client.post("/restart", worker=options.worker))


async def log(client: Client, options: Options, reactor: Any) -> int:
    return show(await client.post("/log", level=options.level, for_=options.seconds or 0))


async def trace(client: Client, options: Options, reactor: Any) -> int:
    def line(text: str) -> None:
        print(text if options.json else _request(json.loads(text)), flush=True)

    seconds = options.seconds or 0
    answer = await client.follow("/trace", line, address=options.who, for_=seconds)
    return 0 if answer.status == HTTPStatus.OK else show(answer)


def _request(told: Mapping[str, Any]) -> str:
    fraction, seconds = math.modf(told.get("time", 0))
    when = time.strftime("%H:%M:%S", time.localtime(seconds))
    return table.request(told, f"{when}.{int(fraction * 1000):03}")


COMMANDS: Final[Mapping[str, Command]] = {
    "status": status,
    "ready": ready,
    "metrics": metrics,
    "user": user,
    "reload": reload,
    "drain": drain,
    "undrain": undrain,
    "restart": restart,
    "log": log,
    "trace": trace,
}

"""The whole stack for a test: ``ecm-demo`` as a process, with ejabberd and ECM behind it."""

import json
import tempfile
from functools import cache
from pathlib import Path

import attrs

from testkit.lasting import LASTING
from testkit.process import script
from testkit.servers.process import Process, command


@attrs.frozen
class Stack:
    """A running ``ecm-demo``.

    ``page``, ``websocket`` and ``bosh`` are URLs, ``link`` is host:port of mod_ecm's listener,
    ``secret`` the file with what it wants to be proved, ``users`` has names and passwords, ``logs``
    is the folder with the logs of ejabberd and ECM.
    """

    page: str
    websocket: str
    bosh: str
    link: str
    secret: str
    domain: str
    users: dict[str, str]
    logs: Path
    _ready_file: Path
    _demo: Process

    def pid(self, name: str) -> int:
        """The process ID of ``ecm`` or ``ejabberd``, as it is now."""
        pids: dict[str, int] = json.loads(self._ready_file.read_text())["pids"]
        return pids[name]

    def stop(self) -> None:
        """Stop all of it."""
        self._demo.stop()
        self._ready_file.parent.rmdir()


def start_stack() -> Stack:
    """Start a stack of the test's own, which the test must stop."""
    ready_file = Path(tempfile.mkdtemp(prefix="megaphone-test-")) / "ready.json"
    demo = command(
        script("ecm-demo"), "--http", "0", "--xmpp", "0", "--ready-file", str(ready_file)
    )
    demo.stop_timeout = 30.0  # seconds: it stops ECM and ejabberd first
    demo.start()
    while "Ctrl-C stops everything" not in demo.line():
        pass
    told = json.loads(ready_file.read_text())
    return Stack(
        page=told["page"],
        websocket=told["websocket"],
        bosh=told["bosh"],
        link=told["link"],
        secret=told["secret"],
        domain=told["domain"],
        users=told["users"],
        logs=Path(told["logs"]),
        ready_file=ready_file,
        demo=demo,
    )


@cache
def running_stack() -> Stack:
    """The stack that the tests share. The first one to ask starts it; it stops with the tests."""
    stack = start_stack()
    LASTING.callback(stack.stop)
    return stack

"""A headless Firefox, with what BrowserClient needs of a browser, over Marionette.

That is Firefox's own protocol for tests: over TCP, a JSON array in each direction, with its length
before it. No driver stands between, as Debian has none.
"""

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from testkit.browser import SUBMIT
from testkit.lasting import LASTING

_START = 60.0  # seconds
_LOOK = 0.05  # seconds between two looks

# A free port; and nothing leaves the machine: whatever is elsewhere is asked for at a closed port.
_PREFERENCES = {
    "marionette.port": 0,
    "network.proxy.type": 1,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
}


class Firefox:
    """Starts Firefox, which takes any certificate; ``stop`` ends it.

    Scripts are JavaScript expressions; ``arguments[0]``, … are the values given after them.
    """

    def __init__(self, timeout: float = 60) -> None:
        """``timeout`` is how many seconds ``wait`` waits at most."""
        self._timeout = timeout
        self._numbers = count(1)
        with ExitStack() as stack:
            profile = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(
                        prefix="megaphone-firefox-", ignore_cleanup_errors=True
                    )
                )
            )
            stack.callback(_start(profile))
            self._socket = stack.enter_context(
                socket.create_connection(("127.0.0.1", _port(profile)))
            )
            self._replies = stack.enter_context(self._socket.makefile("rb"))
            self._read()  # its greeting
            self._ask("WebDriver:NewSession", acceptInsecureCerts=True)
            self._stack = stack.pop_all()

    def stop(self) -> None:
        self._stack.close()

    def open(self, url: str) -> None:
        """Go to an address."""
        self._ask("WebDriver:Navigate", url=url)

    def value(self, script: str, *values: object) -> object:
        answer = self._ask(
            "WebDriver:ExecuteScript", script=f"return ({script})", args=values, sandbox=None
        )
        return answer["value"]

    def wait(self, script: str, *values: object) -> None:
        """Wait until the script's value is true; fail with what the page shows if it never is."""
        deadline = time.monotonic() + self._timeout
        while not self.value(script, *values):
            if time.monotonic() > deadline:
                shown = str(self.value("document.body.innerText"))[-2000:]
                raise AssertionError(f"waited in vain for {script} {values}, but saw:\n{shown}")
            time.sleep(_LOOK)

    def submit(self, selector: str, texts: Sequence[str]) -> None:
        """Fill a field with each text in turn, and submit its form each time."""
        self._ask("WebDriver:ExecuteScript", script=SUBMIT, args=(selector, texts), sandbox=None)

    def _ask(self, command: str, **parameters: object) -> Any:
        asked = json.dumps([0, next(self._numbers), command, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(asked), asked))
        _, _, error, result = self._read()
        if error:
            raise AssertionError(f"{command}: {error['message']}")
        return result

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            some = self._replies.read(1)
            if not some:
                raise AssertionError("Firefox has ended")
            length += some
        return json.loads(self._replies.read(int(length[:-1])))


@cache
def shared_firefox() -> Firefox:
    """Return the one that is started when first asked for, and stopped when the tests end.

    It ends with the thread that asks first.
    """
    firefox = Firefox()
    LASTING.callback(firefox.stop)
    return firefox


def _start(profile: Path) -> Callable[[], None]:
    """Start it, so that the kernel kills it when the tests are killed; return what ends it."""
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});"
        for name, value in _PREFERENCES.items()
    ]
    (profile / "user.js").write_text("\n".join(lines))
    firefox = subprocess.Popen(
        ("setpriv", "--pdeathsig", "KILL", "--", "firefox-esr", "--headless", "--marionette")
        + ("--no-remote", "--profile", str(profile)),
        env={**os.environ, "HOME": str(profile)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def stop() -> None:
        firefox.terminate()
        firefox.wait()

    return stop


def _port(profile: Path) -> int:
    """Return the port of Marionette, once Firefox listens there."""
    file = profile / "MarionetteActivePort"
    deadline = time.monotonic() + _START
    while not (file.exists() and (port := file.read_text())):
        if time.monotonic() > deadline:
            raise AssertionError("Firefox does not start")
        time.sleep(_LOOK)
    return int(port)

"""The supervisor's side of the process that workers come from."""

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ecm.errors import StartupError
from ecm.limits import FORK_SERVER_TIMEOUT
from ecm.settings import EcmSettings
from ecm.workers.control import Channel
from ecm.workers.fork_server import READY, Identity, Order, Start


class Nursery:
    """Starts the process, orders workers of it, and passes on how they have ended."""

    def __init__(
        self, ended: Callable[[int, str], None], lost: Callable[[], None], reactor: Any
    ) -> None:
        self._ended = ended
        self._lost = lost
        self._reactor = reactor

    def start(self, settings: EcmSettings) -> None:
        """Start the process and wait for it. Raises StartupError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # -P and the same path: whatever folder this is, its files are not ours to import.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ecm.workers.fork_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        ours.settimeout(FORK_SERVER_TIMEOUT)
        self._control = ours
        try:
            ours.send(pickle.dumps(Start(settings, type(self._reactor).__module__)))
            answer = ours.recv(1024)
        except OSError as error:
            answer = str(error).encode()
        if answer != READY:
            raise StartupError(f"no workers: {answer.decode() or 'their process has ended'}")

    def listen(self) -> None:
        """Have it take this process's rights, and hear of the workers from now on."""
        self._control.send(pickle.dumps(Identity.of_this_process()))
        self._channel = Channel(self._control, self._received, self._lost, self._reactor)

    def order(self, number: int, settings: EcmSettings, channel: int, stdout: int) -> None:
        """Have a worker started that has these two files."""
        message = pickle.dumps(Order(number, settings))
        self._control.setblocking(True)
        with suppress(OSError):  # it has gone, of which we hear
            socket.send_fds(self._control, [message], [channel, stdout])
        self._control.setblocking(False)

    def stop(self) -> None:
        """End the process. Workers that have not ended by now are killed."""
        self._channel.close()

    def _received(self, message: bytes, files: list[int]) -> None:
        number, _, how = message.decode().partition(" ")
        self._ended(int(number), how)

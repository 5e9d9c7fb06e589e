"""The supervisor's side of the fork server."""

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from ecm.errors import StartupError
from ecm.limits import FORK_SERVER_TIMEOUT
from ecm.net.reactor import ReactorCore, kind_of
from ecm.settings import Settings
from ecm.workers.control import ControlSocket
from ecm.workers.orders import READY, Credentials, Preload, SpawnOrder


class Ordered(Protocol):
    """The party that has ordered a worker, and hears of it."""

    def forked(self, process: int) -> None:
        """It runs; a file descriptor names the process (pidfd_open(2))."""

    def exited(self, how: str) -> None:
        """It has ended, or could not be forked. Called once."""


class ForkServerClient:
    """Starts the fork server, orders workers from it, and passes its reports on.

    ``lost`` is called when the fork server has exited, and there will be no more reports.
    """

    def __init__(self, lost: Callable[[], None], reactor: ReactorCore) -> None:
        self._lost = lost
        self._reactor = reactor
        self._ordered: dict[int, Ordered] = {}  # by worker number

    def start(self, settings: Settings) -> None:
        """Start the process and wait until it has loaded everything. Raises StartupError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # -P and the same path: no module may come from the working directory.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ecm.workers.fork_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        ours.settimeout(FORK_SERVER_TIMEOUT)
        self._socket = ours
        try:
            ours.send(pickle.dumps(Preload(settings, kind_of(self._reactor))))
            answer = ours.recv(1024)
        except OSError as error:
            answer = str(error).encode()
        if answer != READY:
            raise StartupError(f"worker fork server: {answer.decode() or 'exited'}")

    def listen(self) -> None:
        """Give it the credentials of this process, and take its reports from now on."""
        self._socket.send(pickle.dumps(Credentials.of_this_process()))
        self._control = ControlSocket(self._socket, self._received, self._lost, self._reactor)

    def spawn(self, order: SpawnOrder, control: int, stdout: int, ordered: Ordered) -> None:
        """Order a worker that has these two file descriptors."""
        self._ordered[order.number] = ordered
        with suppress(OSError):  # the fork server has exited, as ``lost`` will say
            self._socket.setblocking(True)
            socket.send_fds(self._socket, [pickle.dumps(order)], [control, stdout])
            self._socket.setblocking(False)

    def stop(self) -> None:
        """End the process. It kills the workers that have not exited by then."""
        self._control.close()

    def _received(self, message: bytes, files: list[int]) -> None:
        number, _, how = message.decode().partition(" ")
        if files:
            self._ordered[int(number)].forked(files[0])
        else:
            self._ordered.pop(int(number)).exited(how)

"""The process that workers come from: ``python -m ecm.workers.fork_server SOCKET``.

It has imported and read all that a worker needs, TLS keys included, and has no reactor: so it forks
workers at once, which share the memory of all that. The supervisor starts it with the privileges
that keys may need, and has it give them up with its own. It ends with the supervisor.

On the socket, one message is one packet, and what the supervisor sends is pickled:

    supervisor: a Start
    this process: READY, or why not
    supervisor: an Identity; then an Order for each worker, with two files along: the worker's end
                of its channel, and its stdout
    this process: a line for each worker that has ended: its number, and how
"""

import gc
import os
import pickle
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Final, NoReturn

import attrs

from ecm.limits import CLOSE_TIMEOUT
from ecm.settings import EcmSettings
from ecm.workers import worker
from ecm.workers.listener import Door

READY: Final = b"ready"
MAX_MESSAGE: Final = 256 * 1024


@attrs.frozen
class Start:
    """``reactor_module`` has the ``install`` of the reactor that twistd was told to use."""

    settings: EcmSettings
    reactor_module: str


@attrs.frozen
class Identity:
    """Whose rights the supervisor has by now: real, effective, saved; and its further groups."""

    users: tuple[int, int, int]
    groups: tuple[int, int, int]
    more_groups: tuple[int, ...]

    @classmethod
    def of_this_process(cls) -> "Identity":
        return cls(os.getresuid(), os.getresgid(), tuple(os.getgroups()))

    def take(self) -> None:
        """Let this process have the same rights, and no others."""
        if self != self.of_this_process():
            os.setgroups(self.more_groups)
            os.setresgid(*self.groups)
            os.setresuid(*self.users)


@attrs.frozen
class Order:
    """A worker that is wanted."""

    number: int
    settings: EcmSettings


class Nursery:
    """Forks workers, and tells of their ends."""

    def __init__(self, control: socket.socket, start: Start) -> None:
        self._control = control
        self._start = start
        self._doors = [Door(each) for each in _endpoints(start.settings)]
        self._workers: dict[int, int] = {}  # the number of each, by its process ID

    def prepare(self) -> None:
        """Load and read what workers need, before there are any."""
        import_module(self._start.reactor_module)
        if self._start.settings.www is not None:
            import_module("ecm.frontend.web")
        if "twisted.internet.reactor" in sys.modules:
            raise RuntimeError("an endpoint needs a reactor too early, use another or one process")
        gc.collect()
        gc.freeze()  # so that no worker's collector writes to what they share

    def serve(self) -> None:
        """Do as the supervisor says, until it has gone."""
        signal.signal(signal.SIGCHLD, self._reap)
        self._control.send(READY)
        identity = self._control.recv(MAX_MESSAGE)
        if identity:
            pickle.loads(identity).take()
        with suppress(ConnectionResetError):
            while True:
                message, files, _, _ = socket.recv_fds(self._control, MAX_MESSAGE, 2)
                if not message:
                    break
                self._fork(pickle.loads(message), *files)
        self._end()

    def _fork(self, order: Order, channel: int, stdout: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        try:
            child = os.fork()
            if child == 0:
                self._be_worker(order, channel, stdout)
            self._workers[child] = order.number
        except OSError as error:  # the supervisor will order again
            print(f"twistd ecm: no worker: {error}", file=sys.stderr)
        os.close(channel)
        os.close(stdout)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})

    def _be_worker(self, order: Order, channel: int, stdout: int) -> NoReturn:
        status = 1
        try:
            self._control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            os.dup2(stdout, 1)
            os.dup2(stdout, 2)
            os.close(stdout)
            end = socket.socket(fileno=channel)
            worker.run(end, order.settings, self._doors, self._start.reactor_module)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _reap(self, *_: object) -> None:
        while self._workers:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            number = self._workers.pop(child)
            with suppress(OSError):  # the supervisor has gone
                self._control.send(f"{number} {_ending(status)}".encode())

    def _end(self) -> None:
        """The supervisor has gone, of which workers hear as well. Do not rely on it."""
        if self._workers:
            time.sleep(CLOSE_TIMEOUT)  # a signal's handler may run meanwhile
        for child in self._workers:
            os.kill(child, signal.SIGKILL)


def _endpoints(settings: EcmSettings) -> tuple[str, ...]:
    return settings.listen + settings.proxy_protocol


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return (
        f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    )


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends when the supervisor does
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        nursery = Nursery(control, pickle.loads(control.recv(MAX_MESSAGE)))
        nursery.prepare()
    except Exception as error:
        control.send(f"{error}".encode() or b"workers cannot be started")
        sys.exit(1)
    nursery.serve()


if __name__ == "__main__":
    main()

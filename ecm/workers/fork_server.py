"""The process that workers are forked from: ``python -m ecm.workers.fork_server SOCKET``.

It has imported and read everything that a worker needs, TLS keys included, and has no reactor. So
it forks workers at once, and they share that memory. The supervisor starts it with the privileges
that keys may need, and has it drop them with its own. It exits with the supervisor.

On the socket, one message is one packet:

    supervisor: Preload (ecm.workers.orders)
    fork server: READY, or why it cannot start
    supervisor: Credentials; then a SpawnOrder for each worker, and a SpareOrder
    fork server: for each process that it has forked, its number, FORKED and its ID, with a file
                 descriptor of the process (pidfd_open(2)), if the kernel has that; and for each
                 that has ended, its number and how it ended, as a line of text

A spare is forked from it: it has read the same keys, needs no privileges for that, and has a socket
of its own. It waits for orders, which come when the first one has ended.
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
from typing import NoReturn

from ecm import signals
from ecm.limits import CLOSE_TIMEOUT
from ecm.net import reactor
from ecm.workers import worker
from ecm.workers.listener import AdoptedListener
from ecm.workers.naming import set_name
from ecm.workers.orders import FORKED, MAX_MESSAGE, READY, Preload, SpareOrder, SpawnOrder
from ecm.workers.process import Process


class ForkServer:
    """Forks workers, and a spare of itself, and reports their ends."""

    def __init__(self, control: socket.socket, preload: Preload) -> None:
        self._control = control
        self._preload = preload
        lean, newest = preload.settings.lean_tls, preload.settings.newest_tls
        endpoints = preload.settings.endpoints
        self._listeners = [AdoptedListener(each, lean, newest) for each in endpoints]
        self._children: dict[int, int] = {}  # numbers of their orders, by process ID

    def preload(self) -> None:
        """Load and read what workers share. Raises RuntimeError, and what imports raise."""
        reactor.load(self._preload.reactor_kind)
        if reactor.is_installed():
            raise RuntimeError("an endpoint installs a reactor before the fork; use --workers 1")
        gc.collect()
        gc.freeze()  # so that no worker's collector writes to shared memory

    def serve(self) -> None:
        """Say that all is loaded, drop the privileges, and follow the supervisor's orders."""
        with suppress(OSError):  # the supervisor has gone, or does not want it any more
            self._control.send(READY)
        credentials = self._control.recv(MAX_MESSAGE)
        if credentials:
            pickle.loads(credentials).take()
        self._follow_orders()

    def _follow_orders(self) -> None:
        """Fork what is ordered, until the supervisor has gone."""
        signal.signal(signal.SIGCHLD, self._reap)
        with suppress(ConnectionResetError):
            while True:
                message, files, _, _ = socket.recv_fds(self._control, MAX_MESSAGE, 2)
                if not message:
                    break
                self._fork(pickle.loads(message), *files)
        self._end()

    def _fork(self, order: SpawnOrder | SpareOrder, *files: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        try:
            child = os.fork()
            if child == 0:
                self._be_child(order, *files)
            self._children[child] = order.number
            self._report_fork(order.number, child)
        except OSError as error:
            self._report(order.number, f"could not be forked: {error}")
        for file in files:
            os.close(file)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})

    def _be_child(self, order: SpawnOrder | SpareOrder, control: int, *stdout: int) -> NoReturn:
        status = 1
        try:
            self._control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            end = socket.socket(fileno=control)
            if isinstance(order, SpawnOrder):
                self._be_worker(end, order, *stdout)
            else:
                self._be_spare(end)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _be_worker(self, end: socket.socket, order: SpawnOrder, stdout: int) -> None:
        set_name(f"ecm: worker {order.worker}")
        os.dup2(stdout, 1)
        os.dup2(stdout, 2)
        os.close(stdout)
        worker.run(end, order, self._listeners, self._preload.reactor_kind)

    def _be_spare(self, end: socket.socket) -> None:
        set_name("ecm: fork spare")
        self._control = end
        self._children = {}
        self._follow_orders()

    def _reap(self, *_: object) -> None:
        while self._children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            self._report(self._children.pop(child), _ending(status))

    def _report_fork(self, number: int, child: int) -> None:
        """Report a process, which the supervisor may have to kill."""
        process = Process.of(child)
        files = [] if process.file is None else [process.file]
        with suppress(OSError):  # the supervisor has gone
            socket.send_fds(self._control, [f"{number} {FORKED}{child}".encode()], files)
        process.close()

    def _report(self, number: int, how: str) -> None:
        with suppress(OSError):  # the supervisor has gone
            self._control.send(f"{number} {how}".encode())

    def _end(self) -> None:
        """Kill the processes that do not exit by themselves when the supervisor has gone."""
        deadline = time.monotonic() + CLOSE_TIMEOUT
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        while self._children and (left := deadline - time.monotonic()) > 0:
            signal.sigtimedwait({signal.SIGCHLD}, left)
            self._reap()
        for child in self._children:
            os.kill(child, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _ending(status: int) -> str:
    """Say how a process has ended; ``status`` is that of waitpid(2)."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"was killed by {signals.name(-code)}"
    return f"exited with status {code}"


def main() -> None:
    """Be the fork server. The argument is the file descriptor of the socket."""
    signals.ignore()
    set_name("ecm: fork server")
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        server = ForkServer(control, Preload.decode(control.recv(MAX_MESSAGE)))
        server.preload()
    except Exception as error:
        control.send(f"{error}".encode() or b"unknown error")
        sys.exit(1)
    server.serve()


if __name__ == "__main__":
    main()

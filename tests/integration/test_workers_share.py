"""The memory that workers share: a worker imports nothing that the fork server has not imported."""

import pickle
import subprocess
import sys

from twisted.trial.unittest import TestCase

from ecm import open_files
from ecm.workers.orders import Preload
from testkit.certificates import make_certificate
from testkit.command_line import parse
from testkit.ecm_process import temporary_folder

# Loads what the fork server loads, then is a worker for a moment; prints what that has imported.
WORKER = """
import os, pickle, sys
from ecm.log.level import Levels
from ecm.workers import control, fork_server, worker
from ecm.workers.orders import SpawnOrder

preload = pickle.load(sys.stdin.buffer)
order = SpawnOrder(1, preload.settings, 1, Levels("info"))
ours, theirs = control.pair()
server = fork_server.ForkServer(ours, preload)
server.preload()
before = set(sys.modules)
start = worker.Worker.start

def start_and_stop(self):
    start(self)
    self._reactor.callLater(0.1, stop)

def stop():
    print(*sorted(set(sys.modules) - before), file=sys.stderr)
    os._exit(0)

worker.Worker.start = start_and_stop
worker.run(theirs, order, server._listeners, preload.reactor_kind)
"""


class ImportTests(TestCase):
    def imported_after_the_fork(self, *arguments: str) -> list[str]:
        settings = parse("--upstream", "tcp:127.0.0.1:1", *arguments).settings
        share = open_files.split(settings, 256)
        preload = pickle.dumps(Preload(share, "twisted.internet.epollreactor"))
        command = [sys.executable, "-c", WORKER]
        done = subprocess.run(command, input=preload, capture_output=True, check=True)
        return done.stderr.decode().split()

    def test_a_worker_imports_nothing_but_its_reactor(self) -> None:
        self.assertEqual(self.imported_after_the_fork(), ["twisted.internet.reactor"])

    def test_nor_does_one_with_tls_and_files(self) -> None:
        folder = temporary_folder(self)
        endpoint = make_certificate(folder).endpoint()
        imported = self.imported_after_the_fork("--listen", endpoint, "--www", str(folder))
        self.assertEqual(imported, ["twisted.internet.reactor"])

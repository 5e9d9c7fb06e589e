"""The fork server ends when its supervisor has gone: as soon as all have ended that it has forked,
and not without them."""

import pickle
import subprocess
import sys

from twisted.trial.unittest import TestCase

from ecm import open_files
from ecm.workers.orders import Preload
from testkit.command_line import parse

PATIENCE = 60  # seconds for what takes a moment

# Is a fork server that forks a spare, and finds that the supervisor has gone; prints how it reports
# the end of the spare. Nobody tells the spare to end if the other end of its socket stays open.
FORK_SERVER = """
import pickle, socket, sys
from ecm.workers import control, fork_server
from ecm.workers.orders import FORKED, READY, Credentials, SpareOrder

fork_server.CLOSE_TIMEOUT, stays_open = {patience}, {stays_open}
ours, theirs = control.pair()
of_spare, spares = control.pair()
ours.send(pickle.dumps(Credentials.of_this_process()))
socket.send_fds(ours, [pickle.dumps(SpareOrder(0))], [spares.fileno()])
ours.shutdown(socket.SHUT_WR)
spares.close()
if not stays_open:
    of_spare.close()
fork_server.ForkServer(theirs, pickle.load(sys.stdin.buffer)).serve()
while (report := ours.recv(1024)) == READY or FORKED.encode() in report:
    pass
print(report.decode())
"""


class EndTests(TestCase):
    def end(self, patience: float, stays_open: bool) -> str:
        settings = parse("--upstream", "tcp:127.0.0.1:1").settings
        preload = Preload(open_files.split(settings, 256), "twisted.internet.epollreactor")
        script = FORK_SERVER.format(patience=patience, stays_open=stays_open)
        command = [sys.executable, "-c", script]
        done = subprocess.run(
            command, input=pickle.dumps(preload), stdout=subprocess.PIPE, timeout=PATIENCE
        )
        return done.stdout.decode().strip()

    def test_it_waits_no_longer_than_for_the_last_process(self) -> None:
        self.assertEqual(self.end(100 * PATIENCE, stays_open=False), "0 exited with status 0")

    def test_who_does_not_end_is_killed(self) -> None:
        self.assertEqual(self.end(0.1, stays_open=True), "0 was killed by SIGKILL")

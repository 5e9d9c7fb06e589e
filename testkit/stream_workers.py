"""A worker of ECM is killed under people who talk over streams: they resume, and lose nothing."""

import os
import signal

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater

from testkit.cut_talk import talk
from testkit.link_case import Front
from testkit.stream_case import StreamUserCase

WORKERS = 2
PAIRS = 6
TALK = 0.5  # seconds before each worker is killed, and after that


class WorkerCase(StreamUserCase):
    async def kill(self, front: Front) -> None:
        """Kill each worker, and wait for those that take their places."""
        for number in range(1, WORKERS + 1):
            await deferLater(reactor, TALK)
            serving = f"worker {number}: serving as process ([0-9]+)"
            os.kill(int((await front.process.printed(serving))[1]), signal.SIGKILL)
            again = f"worker {number} was killed by SIGKILL.*worker {number}: link up"
            await front.process.printed(f"(?s){again}")
        await deferLater(reactor, TALK)

    async def test_all_go_on_at_other_workers_and_nothing_is_lost(self) -> None:
        front = await self.front("typed", "--workers", str(WORKERS))
        for number in range(1, WORKERS + 1):
            await front.process.printed(f"worker {number}: link up")
        users = [await self.managed(front) for _ in range(2 * PAIRS)]
        killing = ensureDeferred(self.kill(front))
        # Where a session goes on in another process, ejabberd may route a message past others.
        said = await talk(
            zip(users[::2], users[1::2], strict=True), lambda: killing.called, in_order=False
        )
        await killing
        self.assertGreaterEqual(sum(user.resumptions for user in users), len(users))
        self.assertGreater(said, 20 * PAIRS)
        for user in users:
            await user.terminate()

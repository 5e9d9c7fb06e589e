"""The system's clock is set by an hour, on either side of a link: no timer moves."""

import os
import subprocess
import sys
from email.utils import parsedate_to_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from unittest import SkipTest

from treq import get
from twisted.trial.unittest import TestCase

from bench.faults.clock import Clock
from ecm.tools.errors import ToolError
from testkit.erlang_shell import ErlangShell
from testkit.link_user import LinkUser
from testkit.own_ejabberd import OwnEjabberd
from testkit.proxied_link import ProxiedLinkTestCase
from testkit.resuming_end import ResumingEnd

HOUR = 3600

# Seconds from an hour: whoever reads the clock takes some to notice.
CLOSE = 600

# Seconds, of ECM: long enough for a busy machine, short enough for a test.
TIMES = ("--ping-interval", "1", "--link-timeout", "5")


def clock(test: TestCase) -> Clock:
    try:
        return Clock(Path(test.enterContext(TemporaryDirectory())))
    except ToolError as missing:
        raise SkipTest(str(missing)) from None


class EcmClockTests(ProxiedLinkTestCase):
    """That of ECM."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = clock(self)
        self.environment = self.clock.environment

    async def set(self, seconds: int) -> None:
        """Set it, and wait until ECM reads the new time."""
        self.clock.step(seconds)
        ahead = CLOSE + abs(seconds)
        while abs(ahead - seconds) > CLOSE:
            response = await get(self.url + "/http-bind", persistent=False)
            [date] = response.headers.getRawHeaders("Date")
            ahead = int(parsedate_to_datetime(date).timestamp() - time())

    async def test_the_link_stays_and_its_timers_run(self) -> None:
        front, proxy = await self.proxied("typed", *TIMES)
        for number, seconds in enumerate((HOUR, -HOUR)):
            await self.set(seconds)
            self.assertEqual(front.process.output.count("link broken"), number)
            one, other = await self.pair(front)
            proxy.silence(to_ejabberd=True, to_ecm=True)
            found = "link broken: nothing came.*link resumed.*" * (number + 1)
            await front.process.printed(f"(?s){found}")
            await self.assert_chat(one, other)
        self.assert_nobody_noticed(front)


class RestTests(TestCase):
    """That of a worker which rests between two turns."""

    def test_it_sleeps(self) -> None:
        code = (
            "from twisted.internet.task import Clock\n"
            "from ecm.net.pace import Pace\n"
            "pace = Pace(Clock())\n"
            "pace.keep()\n"
            "pace.keep()\n"
        )
        environment = os.environ | clock(self).environment
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)


class EjabberdClockTests(TestCase):
    """That of ejabberd."""

    timeout = 120

    def setUp(self) -> None:
        self.clock = clock(self)
        self.ejabberd = OwnEjabberd.start(self, "romeo", environment=self.clock.environment)
        self.shell = ErlangShell.start(self, self.ejabberd.node)

    async def set(self, seconds: int) -> None:
        """Set it, and wait until ejabberd reads the new time."""
        self.clock.step(seconds)
        ahead = CLOSE + abs(seconds)
        while abs(ahead - seconds) > CLOSE:
            ahead = int(await self.shell.evaluate("os:system_time(second)")) - int(time())

    async def test_the_link_stays_and_the_timers_of_sessions_run(self) -> None:
        link = await ResumingEnd.connect(self, self.ejabberd.link_port)
        romeo = LinkUser(link, "romeo")
        await romeo.log_in(wait=1)
        for seconds in (HOUR, -HOUR):
            await self.set(seconds)
            await romeo.ask()  # held for a second
            self.assertFalse(link.connection.down.called)
            held = romeo.ask()
            await link.hang_up()
            await link.resume()
            await held
        self.assertEqual(len(set(link.tokens)), 1)
        self.assertNotIn("silent", self.ejabberd.log)

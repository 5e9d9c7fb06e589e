"""nginx and HAProxy in front of two ECMs, as docs/interop.md has them."""

from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.task import deferLater

from ecm.tools.ports import HOST
from testkit.ecm_process import EcmTestCase, temporary_folder
from testkit.process import script, start
from testkit.workers_case import QUICK, Links
from tests.interop.proxies import HAPROXY_CHECK, NGINX_CHECK

# Posts in a row that have all come to one ECM.
ENOUGH = 10


class NginxTests(EcmTestCase):
    timeout = 60
    proxy = NGINX_CHECK

    async def begin(self) -> None:
        """Start two ECMs, each with an ejabberd of its own, and the proxy."""
        self.links: list[Links] = []
        self.sockets = [temporary_folder(self) / f"{number}.sock" for number in range(2)]
        places = []
        for socket in self.sockets:
            links = await Links.start(self)
            links.answers = True
            upstream = ("--upstream", links.endpoint)
            quick = (*QUICK, "--queue-timeout", "1")
            await self.start(*upstream, *quick, "--admin", f"unix:{socket}")
            await links.until(greeted=1)
            self.links.append(links)
            places.append(f"{HOST}:{self.port}")
        self.url = self.proxy.start(self, places[0], other=places[1])

    def counts(self) -> list[int]:
        """Return how many requests each ejabberd has had."""
        return [sum(link.requests for link in links.all) for links in self.links]

    async def until_all_come_to(self, wanted: set[int]) -> None:
        """Post until ENOUGH in a row have been answered, by exactly these ECMs."""
        while True:
            before = self.counts()
            statuses = [(await self.post("/bosh", b"x"))[0] for _ in range(ENOUGH)]
            came = zip(before, self.counts(), strict=True)
            found = {number for number, (was, is_now) in enumerate(came) if is_now > was}
            if statuses == [200] * ENOUGH and found == wanted:
                return
            await deferLater(reactor, 0.1)

    async def test_they_come_to_the_one_that_has_a_link(self) -> None:
        await self.begin()
        await self.until_all_come_to({0, 1})
        await self.links[0].close()
        await self.until_all_come_to({1})
        await self.links[0].open()
        await self.until_all_come_to({0, 1})


class HaproxyTests(NginxTests):
    proxy = HAPROXY_CHECK

    async def ctl(self, number: int, *arguments: str) -> None:
        command: Any = (script("ecmctl"), "--admin", f"unix:{self.sockets[number]}", *arguments)
        self.assertEqual(await start(self, *command).ended, 0)

    async def test_they_come_to_the_one_that_does_not_drain(self) -> None:
        await self.begin()
        await self.until_all_come_to({0, 1})
        await self.ctl(1, "drain", "10m")
        await self.until_all_come_to({0})
        response = await treq.get(f"{self.url}/bosh", persistent=False)
        self.assertEqual(response.code, 200)
        await self.ctl(1, "undrain")
        await self.until_all_come_to({0, 1})

"""A chat client made of Strophe: ``strophe.html``, seen from Python."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.interop import pages
from tests.interop.browser_client import BrowserClient
from tests.interop.npm import NODE_MODULES

PAGE = Path(__file__).with_name("strophe.html")
LIBRARY = NODE_MODULES / "strophe.js/dist/strophe.umd.min.js"


class StropheClient(BrowserClient):
    """Its page is not from where BOSH is, so Chromium asks for leave to POST there (CORS)."""

    def __init__(self, test: TestCase, says_who_it_is: bool = False) -> None:
        super().__init__(test)
        self._says_who_it_is = says_who_it_is
        self._site = pages.serve(test, pages.folder_with(test, [PAGE, LIBRARY]))

    async def come(self, url: str, jid: str, password: str) -> str:
        await self.open(f"{self._site}/{PAGE.name}")
        await self.value("come(...arguments)", url, jid, password, self._says_who_it_is and jid)
        await self.wait("session.jid")
        return str(await self.value("session.jid"))

    async def say(self, to: str, texts: list[str]) -> None:
        await self.value("say(...arguments)", to, texts)

    async def hear(self, count: int) -> list[str]:
        await self.wait("session.heard.length >= arguments[0]", count)
        heard: list[str] = await self.value("session.heard")
        return heard

    async def leave(self) -> None:
        await self.value("leave()")
        await self.wait("session.over")

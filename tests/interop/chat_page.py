"""The chat page of ecm-demo, in a browser, as a client: its fields, and what is on the screen."""

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.browser_client import BrowserClient

_TEXTS = """
[...document.querySelectorAll("#log [data-direction=in] .text")].map((text) => text.textContent)
"""
_DELIVERED = "document.querySelectorAll('[data-direction=out]').length"


class ChatPageClient(BrowserClient):
    """``page`` is its address. demo.json has the user and one other, whose chat is open."""

    def __init__(self, test: TestCase, page: str) -> None:
        super().__init__(test)
        self._page = page
        self._said = 0

    async def come(self, url: str, jid: str, password: str) -> str:
        """Return the bare JID, as the page does not tell which resource it has.

        The way to the server is in demo.json, and ``url`` is how people call it.
        """
        await self.open(f"{self._page}?user={jid.partition('@')[0]}")
        await self.wait("document.querySelector('#state').innerText.endsWith(arguments[0])", url)
        return jid

    async def say(self, to: str, texts: list[str]) -> None:
        await deferToThread(self.browser.submit, "#text", texts)
        self._said += len(texts)
        await self.wait(f"{_DELIVERED} === arguments[0]", self._said)

    async def hear(self, count: int) -> list[str]:
        await self.wait(f"({_TEXTS}).length >= arguments[0]", count)
        heard: list[str] = await self.value(_TEXTS)
        return heard

    async def leave(self) -> None:
        await self.value("document.querySelector('#logout').click()")
        await self.wait("!document.querySelector('#login').hidden")

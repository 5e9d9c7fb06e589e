"""Converse, the chat client for web sites, in Chromium: ``converse.html``, seen from Python."""

from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.browser_client import BrowserClient
from tests.interop.npm import NODE_MODULES

PAGE = Path(__file__).with_name("converse.html")
CONVERSE = NODE_MODULES / "converse.js/dist"

FIELD = "textarea.chat-textarea"
SHOWN = "document.querySelectorAll('.chat-msg__content--me').length"
# Of the others; Converse shows a character such as U+1F44B as an element, but keeps the text.
HEARD = """
[...document.querySelectorAll(".chat-msg__content:not(.chat-msg__content--me) .chat-msg__text")]
"""


class ConverseClient(BrowserClient):
    def __init__(self, test: TestCase, site: str) -> None:
        super().__init__(test)
        self._site = site
        self._said = 0

    async def come(self, url: str, jid: str, password: str) -> str:
        await self.open(f"{self._site}/{PAGE.name}")
        await self.wait("!!window.come")
        await self.value("void come(...arguments)", url, jid, password)
        await self.wait("window.api && api.connection.connected()")
        return str(await self.value("api.connection.get().jid"))

    async def say(self, to: str, texts: list[str]) -> None:
        await self.value("void api.chats.open(arguments[0], {}, true)", to.partition("/")[0])
        await self.wait("!!document.querySelector(arguments[0])", FIELD)
        for text in texts:
            await deferToThread(self.browser.submit, FIELD, [text])
            self._said += 1
            await self.wait(f"{SHOWN} >= arguments[0]", self._said)

    async def hear(self, count: int) -> list[str]:
        await self.wait(f"{HEARD}.length >= arguments[0]", count)
        heard: list[str] = await self.value(f"{HEARD}.map(({{ text }}) => text)")
        # Converse shows them by when it has dealt with each; the first, for which it opens a chat,
        # may be behind others that were in the same answer.
        return sorted(heard, key=lambda text: int(text.split()[2]))

    async def leave(self) -> None:
        await self.value("void api.user.logout()")
        await self.wait("!api.connection.connected()")

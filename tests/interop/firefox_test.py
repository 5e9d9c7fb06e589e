"""Firefox over --lean-tls: its own TLS library (NSS), its WebSocket and its requests."""

import json
from pathlib import Path

from ecm.tools.demo.site import fill, find_strophe
from testkit.ecm_process import temporary_folder
from tests.interop.browser_client import browse_with
from tests.interop.chat_page import ChatPageClient
from tests.interop.conversation import Conversation
from tests.interop.firefox import shared_firefox
from tests.interop.stream_case import LONG, StreamTestCase
from tests.interop.strophe import StropheClient
from tests.interop.talk import PASSWORD


class FirefoxTests(StreamTestCase):
    scheme = "wss"
    options = ("--lean-tls",)

    def setUp(self) -> None:
        super().setUp()
        browse_with(self, shared_firefox())

    async def assert_page_talks(self, site: str, way: str) -> None:
        """The chat page talks with Bob; its first contact is he."""
        client = ChatPageClient(self, f"{site}/")
        bob = await self.bob()
        jid = await client.come(way, self.address(self.name), PASSWORD)
        conversation = Conversation(self, client, bob, jid)
        await conversation.is_back()
        await conversation.chat(self.texts)
        await conversation.chat([LONG])
        await conversation.end()

    async def test_the_chat_page_over_websocket(self) -> None:
        await self.assert_page_talks(await self.serve("--www", str(self.page())), "over WebSocket")

    async def test_the_chat_page_over_bosh(self) -> None:
        """Its server has no WebSocket, as far as it knows."""
        await self.assert_page_talks(await self.serve("--www", str(self.page(False))), "over BOSH")

    async def test_strophe(self) -> None:
        """From a page of another origin. It has no stream management."""
        await self.serve()
        await self.assert_returns(StropheClient(self))

    def page(self, websocket: bool = True) -> Path:
        """Return a folder with the chat page, for the user and Bob."""
        www = temporary_folder(self) / "www"
        www.mkdir()
        fill(www, find_strophe(), {self.name: PASSWORD, f"bob-of-{self.name}": ""})
        if not websocket:
            demo = www / "demo.json"
            known = json.loads(demo.read_text())
            del known["websocket"]
            demo.write_text(json.dumps(known))
        return www

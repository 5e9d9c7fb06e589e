"""A chat client made of slixmpp (PyPI), as a child of a test. See program.py.

    python slixmpp_client.py URL JID PASSWORD

The URL is xmpp://HOST:PORT for TCP with STARTTLS, xmpps://HOST:PORT for TLS at once. It connects
again when it has lost its connection, and resumes its stream (XEP-0198).
"""

import asyncio
import json
import logging
import sys
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from slixmpp import JID, ClientXMPP

_told: Counter[str] = Counter()


def tell(kind: str, *values: str) -> None:
    _told[kind] += 1
    print(json.dumps([kind, _told[kind], *values], separators=(",", ":")), flush=True)


class Chat:
    def __init__(self, url: str, jid: str, password: str) -> None:
        address = urlsplit(url)
        self._address = (address.hostname, address.port)
        self._client = ClientXMPP(jid, password)
        self._client.enable_direct_tls = address.scheme == "xmpps"
        self._client.enable_starttls = address.scheme == "xmpp"
        self._client.register_plugin("xep_0198")
        self._client.register_plugin("xep_0199")
        self._leaves = False
        for event, handler in (
            ("session_start", self._started),
            ("message", self._heard),
            ("disconnected", self._lost),
        ):
            self._client.add_event_handler(event, handler)

    async def run(self) -> None:
        """Do what stdin says, until it says that it is over."""
        self._client.connect(*self._address)
        lines = asyncio.StreamReader(limit=2**24)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        while not self._leaves:
            command, *values = json.loads(await lines.readline())
            await getattr(self, command)(*values)

    async def say(self, to: str, text: str) -> None:
        self._client.send_message(mto=JID(to), mbody=text, mtype="chat")
        tell("said")

    async def leave(self) -> None:
        self._leaves = True
        await self._client.disconnect()
        tell("offline")

    def _started(self, _: Any) -> None:
        self._client.send_presence()
        tell("online", self._client.boundjid.full)

    def _heard(self, message: Any) -> None:
        if message["body"]:
            tell("heard", message["body"])

    def _lost(self, _: Any) -> None:
        if not self._leaves:
            self._client.connect(*self._address)


async def main() -> None:
    await Chat(*sys.argv[1:]).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main())

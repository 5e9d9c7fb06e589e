"""Clients that are programs of ours around a library: they print events, and read commands.

Both are JSON arrays, one a line, in ASCII, so that no character can be torn apart on its way. Of
the events, each has its number among those of its kind:

    ["online", N, JID]  logged in, with presence sent; again if it had to log in anew
    ["heard", N, TEXT]  a message has come
    ["said", N]         a message is on its way
    ["offline", N]      logged out

The commands are ["say", JID, TEXT] and ["leave"].
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from testkit.process import start
from tests.interop.npm import NODE_MODULES
from tests.interop.talk import TalkTestCase

_FOLDER = Path(__file__).parent

# How each is called, before URL, JID and PASSWORD.
STANZA = ("node", str(_FOLDER / "stanza_client.cjs"))
XMPP_JS = ("node", str(_FOLDER / "xmpp_js_client.cjs"))
SLIXMPP = (sys.executable, str(_FOLDER / "slixmpp_client.py"))


class ProgramClient:
    """``authority``, a file, has the certificate of whoever vouches for the server."""

    def __init__(
        self, test: TalkTestCase, command: tuple[str, ...], authority: Path | None = None
    ) -> None:
        self._test = test
        self._command = command
        self._environment: Mapping[str, str] = {"NODE_PATH": str(NODE_MODULES)}
        if authority is not None:
            known = {"NODE_EXTRA_CA_CERTS": str(authority), "SSL_CERT_FILE": str(authority)}
            self._environment = {**self._environment, **known}
        self._said = 0

    async def come(self, url: str, jid: str, password: str) -> str:
        command = (*self._command, url, jid, password)
        self._process = start(self._test, *command, environment=self._environment)
        online = await self._event("online", 1)
        return str(json.loads(online)[2])

    async def say(self, to: str, texts: list[str]) -> None:
        for text in texts:
            self._tell("say", to, text)
        self._said += len(texts)
        await self._event("said", self._said)

    async def hear(self, count: int) -> list[str]:
        await self._event("heard", count)
        lines = re.findall(r'(?m)^\["heard".*\]\n', self._process.output)
        return [json.loads(line)[2] for line in lines]

    async def leave(self) -> None:
        self._tell("leave")
        await self._event("offline", 1)
        self._test.assertEqual(await self._process.ended, 0, self._process.output)

    async def _event(self, kind: str, number: int) -> str:
        """Wait for the event, and return its line."""
        return (await self._process.printed(rf'(?m)^\["{kind}",{number}\b.*\]\n'))[0]

    def _tell(self, *values: str) -> None:
        self._process.transport.writeToChild(0, f"{json.dumps(values)}\n".encode())

"""A chat client made of stanza, a library for Node and browsers: ``stanza_client.cjs``."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from testkit.process import start
from tests.interop.npm import NODE_MODULES
from tests.interop.talk import TalkTestCase

PROGRAM = Path(__file__).with_name("stanza_client.cjs")


class StanzaClient:
    """Talks to ``stanza_client.cjs``, which says how."""

    def __init__(self, test: TalkTestCase, environment: Mapping[str, str] | None = None) -> None:
        self._test = test
        self._environment = {"NODE_PATH": str(NODE_MODULES), **(environment or {})}

    async def come(self, url: str, jid: str, password: str) -> str:
        command = ("node", str(PROGRAM), url, jid, password)
        self._process = start(self._test, *command, environment=self._environment)
        online = await self._process.printed(r'\["online","(.*)"\]\n')
        return online[1]

    async def say(self, to: str, texts: list[str]) -> None:
        for text in texts:
            self._command("say", to, text)

    async def hear(self, count: int) -> list[str]:
        await self._process.printed(rf'(\["heard",.*\][^[]*){{{count}}}')
        lines = re.findall(r'^\["heard".*$', self._process.output, re.MULTILINE)
        return [json.loads(line)[1] for line in lines]

    async def leave(self) -> None:
        self._command("leave")
        self._test.assertEqual(await self._process.ended, 0, self._process.output)

    def _command(self, *values: str) -> None:
        self._process.transport.writeToChild(0, f"{json.dumps(values)}\n".encode())

"""go-sendxmpp, which sends what stdin has as a message; and one that listens and prints."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from testkit.process import Process, start
from tests.interop.talk import TalkTestCase


class GoSendxmppClient:
    """``authority``, a file, has the certificate of whoever vouches for the server."""

    def __init__(self, test: TalkTestCase, authority: Path) -> None:
        self._test = test
        self._environment = {"SSL_CERT_FILE": str(authority)}

    async def come(self, url: str, jid: str, password: str) -> str:
        address = urlsplit(url)
        at_once = ("--tls",) if address.scheme == "xmpps" else ()
        self._account = ("-u", jid, "-p", password, "-j", address.netloc, *at_once)
        self._listener = self._start("--listen", "--resource", "listener")
        return f"{jid}/listener"

    def _start(self, *arguments: str) -> Process:
        command = ("go-sendxmpp", *self._account, *arguments)
        return start(self._test, *command, environment=self._environment)

    async def say(self, to: str, texts: list[str]) -> None:
        """Each is a login of its own."""
        for text in texts:
            sender = self._start(to)
            sender.transport.writeToChild(0, text.encode())
            sender.transport.closeChildFD(0)
            self._test.assertEqual(await sender.ended, 0, sender.output)

    async def hear(self, count: int) -> list[str]:
        line = r"\S+Z \S+: (.*)\n"
        await self._listener.printed(rf"({line}\s*){{{count}}}")
        return re.findall(line, self._listener.output)

    async def leave(self) -> None:
        """It ends when it is told to."""
        await self._listener.stop()

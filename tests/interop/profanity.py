"""Profanity, a client for the terminal, made of libstrophe: an account, keys, and the log.

``script`` is its terminal. What it shows is not looked at: the log has all that is sent and
received.
"""

import re
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree.ElementTree import fromstring

from testkit.ecm_process import temporary_folder
from testkit.process import start
from tests.interop.talk import TalkTestCase

ACCOUNT = """\
[account]
enabled=true
jid={jid}
resource=profanity
password={password}
server={server}
port={port}
tls.policy={policy}
"""
# It connects again after a second.
SETTINGS = """\
[connection]
reconnect=1
[logging]
rotate=false
"""

# With STARTTLS, and with TLS at once.
POLICIES = {"xmpp": "force", "xmpps": "legacy"}

TERMINAL = {"TERM": "xterm", "COLUMNS": "120", "LINES": "40", "LC_ALL": "C.UTF-8"}


class ProfanityClient:
    """``authority``, a file, has the certificate of whoever vouches for the server."""

    def __init__(self, test: TalkTestCase, authority: Path) -> None:
        self._test = test
        self._home = temporary_folder(test)
        self._environment = {
            "XDG_CONFIG_HOME": str(self._home / "config"),
            "XDG_DATA_HOME": str(self._home / "data"),
            "SSL_CERT_FILE": str(authority),
            **TERMINAL,
        }

    async def come(self, url: str, jid: str, password: str) -> str:
        address = urlsplit(url)
        account = ACCOUNT.format(
            jid=jid,
            password=password,
            server=address.hostname,
            port=address.port,
            policy=POLICIES[address.scheme],
        )
        for path, text in (
            ("config/profanity/profrc", SETTINGS),
            ("data/profanity/accounts", account),
        ):
            file = self._home / path
            file.parent.mkdir(parents=True)
            file.write_text(text)
        command = ("script", "--quiet", "--return", "--flush", "--command")
        self._process = start(
            self._test,
            *(*command, "profanity --log DEBUG --account account", "/dev/null"),
            environment=self._environment,
        )
        log = self._home / "data/profanity/logs/profanity.log"
        self._log = start(
            self._test,
            "tail",
            "--lines=+1",
            "--follow=name",
            "--retry",
            "--sleep-interval=0.05",
            str(log),
        )
        await self._log.printed("SENT: <presence")
        return f"{jid}/profanity"

    async def say(self, to: str, texts: list[str]) -> None:
        for text in texts:
            self._press(f"/msg {to} {text}\r")
            numbered = re.match(r"\D+\d+ ", text)
            assert numbered is not None
            await self._log.printed(f"SENT: <message .*<body>{numbered[0]}")

    async def hear(self, count: int) -> list[str]:
        while len(heard := self._heard()) < count:
            await self._log.printed(rf"(?s)\A.{{{len(self._log.output)}}}.*\n")
        return heard

    def _heard(self) -> list[str]:
        messages = re.findall(r"RECV: (<message .*</message>)\n", self._log.output)
        return [text for message in messages if (text := fromstring(message).findtext("body"))]

    async def leave(self) -> None:
        self._press("/quit\r")
        self._test.assertEqual(await self._process.ended, 0)

    def _press(self, keys: str) -> None:
        self._process.transport.writeToChild(0, keys.encode())

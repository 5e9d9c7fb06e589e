"""Finch, Pidgin's sister for the terminal: an account, the keys that are pressed, and the log.

Finch needs no terminal, only its name and size. What it shows is not looked at: libpurple's debug
log, on stderr, has all that is sent and received.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile
from urllib.parse import urlsplit
from xml.etree.ElementTree import fromstring
from xml.sax.saxutils import escape

from twisted.internet.defer import DeferredQueue
from twisted.trial.unittest import TestCase

from testkit.bosh_client import CLIENT
from testkit.ecm_process import temporary_folder
from testkit.process import Process, start

ACCOUNTS = """\
<?xml version='1.0' encoding='UTF-8'?>
<account version='1.0'>
  <account>
    <protocol>prpl-jabber</protocol>
    <name>{jid}</name>
    <password>{password}</password>
    <settings>
{way}
    </settings>
    <settings ui='gnt-purple'>
      <setting name='auto-login' type='bool'>1</setting>
    </settings>
  </account>
</account>
"""

_SETTING = "      <setting name='{}' type='{}'>{}</setting>"

# How connection_security is called: with STARTTLS, and with TLS at once.
SECURITY = {"xmpp": "require_tls", "xmpps": "old_ssl"}

TERMINAL = {"TERM": "xterm", "COLUMNS": "120", "LINES": "40", "LC_ALL": "C.UTF-8"}
LOG = {"PURPLE_VERBOSE_DEBUG": "1", "PURPLE_UNSAFE_DEBUG": "1"}  # with whole stanzas

# Keys, with Alt. The first two windows are the contacts and the log.
THIRD_WINDOW = "\x1b3"
QUIT = "\x1bq"

QUOTES = {'"': "&quot;"}


class Finch(Process):
    """``heard`` has the texts of the messages that have come."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: DeferredQueue[str] = DeferredQueue()
        self._read = 0  # characters of the log
        self._stream = ""  # what has come over TCP, and is no whole message

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD == 2:  # the other one is the screen
            super().childDataReceived(childFD, data)
            self._read_log()

    def _read_log(self) -> None:
        end = self.output.rfind("\n") + 1
        said = self.output[self._read : end]
        for body in re.findall(r"RecvBOSH \(\d+\): (<.*>)$", said, re.M):
            for text in fromstring(body).iterfind(f"{{{CLIENT}}}message/{{{CLIENT}}}body"):
                self.heard.put(text.text or "")
        self._stream += "".join(re.findall(r"Recv \(ssl\)\(\d+\): (.*)$", said, re.M))
        while found := re.search("<message .*?</message>", self._stream):
            self._stream = self._stream[found.end() :]
            if body := fromstring(found[0]).findtext("body"):
                self.heard.put(body)
        self._read = end


class FinchClient:
    """Over TCP it knows the server's ``certificate``, as if somebody had accepted it before."""

    def __init__(self, test: TestCase, certificate: Path | None = None) -> None:
        self._test = test
        self._certificate = certificate
        self.process = Finch()
        self._heard: list[str] = []

    async def come(self, url: str, jid: str, password: str) -> str:
        home = temporary_folder(self._test)
        jid = f"{jid}/finch"
        way = "\n".join(_SETTING.format(*each) for each in _settings(url))
        accounts = ACCOUNTS.format(way=way, jid=escape(jid), password=escape(password))
        (home / "accounts.xml").write_text(accounts)
        if self._certificate is not None:
            peers = home / "certificates/x509/tls_peers"
            peers.mkdir(parents=True)
            copyfile(self._certificate, peers / "localhost")
        command = ("finch", "--debug", f"--config={home}")
        environment = {"HOME": str(home), **TERMINAL, **LOG}
        start(self._test, *command, process=self.process, environment=environment)
        await self.process.printed("Sending .*<presence[ >]")
        return jid

    async def say(self, to: str, texts: list[str]) -> None:
        """Answer whoever has written first: that has opened the window of a conversation."""
        await self.process.printed("Recv.*<message .*<body>")
        self._press(THIRD_WINDOW)
        for text in texts:
            self._press(f"{text}\r")  # it would lose what is pressed faster than it reads
            await self.process.printed(re.escape(f"msg='{escape(text, QUOTES)}'\n"))

    async def hear(self, count: int) -> list[str]:
        while len(self._heard) < count:
            self._heard.append(await self.process.heard.get())
        return self._heard

    async def leave(self) -> None:
        self._press(QUIT)
        self._test.assertEqual(await self.process.ended, 0)

    def _press(self, keys: str) -> None:
        self.process.transport.writeToChild(0, keys.encode())


def _settings(url: str) -> Iterator[tuple[str, str, object]]:
    """Give name, type and value of those that say how the server is reached."""
    address = urlsplit(url)
    if address.scheme in SECURITY:
        yield "connect_server", "string", address.hostname
        yield "port", "int", address.port
        yield "connection_security", "string", SECURITY[address.scheme]
    else:
        yield "bosh_url", "string", escape(url)
        yield "connection_security", "string", "opportunistic_tls"

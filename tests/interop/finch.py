"""Finch, Pidgin's sister for the terminal: an account, the keys that are pressed, and the log.

Finch needs no terminal, only its name and size. What it shows is not looked at: libpurple's debug
log, on stderr, has all that is sent and received.
"""

import re
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
      <setting name='bosh_url' type='string'>{url}</setting>
      <setting name='connection_security' type='string'>opportunistic_tls</setting>
    </settings>
    <settings ui='gnt-purple'>
      <setting name='auto-login' type='bool'>1</setting>
    </settings>
  </account>
</account>
"""

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

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD == 2:  # the other one is the screen
            super().childDataReceived(childFD, data)
            self._read_log()

    def _read_log(self) -> None:
        end = self.output.rfind("\n") + 1
        for body in re.findall(r"RecvBOSH \(\d+\): (<.*>)$", self.output[self._read : end], re.M):
            for text in fromstring(body).iterfind(f"{{{CLIENT}}}message/{{{CLIENT}}}body"):
                self.heard.put(text.text or "")
        self._read = end


class FinchClient:
    def __init__(self, test: TestCase) -> None:
        self._test = test
        self.process = Finch()
        self._heard: list[str] = []

    async def come(self, url: str, jid: str, password: str) -> str:
        home = temporary_folder(self._test)
        jid = f"{jid}/finch"
        accounts = ACCOUNTS.format(url=escape(url), jid=escape(jid), password=escape(password))
        (home / "accounts.xml").write_text(accounts)
        command = ("finch", "--debug", f"--config={home}")
        environment = {"HOME": str(home), **TERMINAL, **LOG}
        start(self._test, *command, process=self.process, environment=environment)
        await self.process.printed("Sending .*<presence ")
        return jid

    async def say(self, to: str, texts: list[str]) -> None:
        """Answer whoever has written first: that has opened the window of a conversation."""
        await self.process.printed("RecvBOSH .*<message .*<body>")
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

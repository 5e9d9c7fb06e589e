"""A user over TCP (RFC 6120), with ``slixmpp``: logs in, says, hears, and resumes."""

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Any, Final

import attrs
from slixmpp import ClientXMPP

TIMEOUT: Final = 30.0


@attrs.frozen
class Port:
    """A port of 127.0.0.1 for clients: with TLS at once, or with STARTTLS.

    ``ca`` is the file of the authority that vouches for it.
    """

    number: int
    at_once: bool
    ca: str


class SlixmppUser:
    """One user, who may connect several times."""

    def __init__(self, jid: str, password: str) -> None:
        self.client: Any = ClientXMPP(jid, password)
        self.client.register_plugin("xep_0198")
        self.client.register_plugin("xep_0199")
        self._bodies: asyncio.Queue[str] = asyncio.Queue()
        self._events: asyncio.Queue[str] = asyncio.Queue()
        self.client.add_event_handler("message", self._heard)
        for event in ("session_start", "session_resumed", "disconnected", "stream_error"):
            self.client.add_event_handler(event, self._note(event))

    async def connect(self, port: Port) -> str:
        """Connect; return ``session_start`` or ``session_resumed``."""
        client = self.client
        client.enable_direct_tls, client.enable_starttls = port.at_once, not port.at_once
        client.enable_plaintext = False
        client.ssl_context = ssl.create_default_context(cafile=port.ca)
        client.connect("127.0.0.1", port.number)
        return await self.event("session_start", "session_resumed")

    async def log_in(self, port: Port) -> None:
        """Begin a new session, and come online."""
        assert await self.connect(port) == "session_start"
        self.client.send_presence()

    async def event(self, *wanted: str) -> str:
        """Wait for one of these events; those before it are dropped."""
        while True:
            event = await asyncio.wait_for(self._events.get(), TIMEOUT)
            if event in wanted:
                return event

    def say(self, to: "SlixmppUser", body: str) -> None:
        self.client.send_message(mto=to.client.boundjid, mbody=body, mtype="chat")

    async def body(self) -> str:
        """Return the next text that has come."""
        return await asyncio.wait_for(self._bodies.get(), TIMEOUT)

    async def leave(self) -> None:
        """End the stream."""
        self.client.disconnect()
        await self.event("disconnected")

    async def vanish(self) -> None:
        """Drop the connection without a word."""
        self.client.abort()
        await self.event("disconnected")

    def _heard(self, message: Any) -> None:
        if message["body"]:
            self._bodies.put_nowait(message["body"])

    def _note(self, event: str) -> Any:
        return lambda _: self._events.put_nowait(event)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Run what users do, in a loop of their own."""
    asyncio.run(asyncio.wait_for(scenario, 4 * TIMEOUT))

"""What the users of a benchmark say (RFC 6120, RFC 6121), and how they log in.

How their stanzas are carried is not known here.
"""

import base64
from typing import Protocol

HOST = b"localhost"
PASSWORD = b"secret"  # of everyone, as erlang/ejabberd_auth_everyone.erl has it
RESOURCE = b"bench"

SASL = b"urn:ietf:params:xml:ns:xmpp-sasl"

FEATURES = b"</stream:features>"

BIND = (
    b"<iq type='set' id='bind' xmlns='jabber:client'>"
    b"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%b</resource></bind></iq>" % RESOURCE
)
PRESENCE = b"<presence xmlns='jabber:client'/>"


def name(number: int) -> bytes:
    return b"user%d" % number


def auth(number: int) -> bytes:
    """Return the one step of SASL PLAIN (RFC 4616)."""
    response = base64.b64encode(b"\0%b\0%b" % (name(number), PASSWORD))
    return b"<auth xmlns='%b' mechanism='PLAIN'>%b</auth>" % (SASL, response)


def message(to: int, body: bytes) -> bytes:
    return b"<message type='chat' to='%b@%b/%b' xmlns='jabber:client'><body>%b</body></message>" % (
        name(to),
        HOST,
        RESOURCE,
        body,
    )


class Stream(Protocol):
    """One user's way to ejabberd, before it is logged in."""

    async def open(self) -> None:
        """Open a stream, for the first time or again; return when its features have come."""

    async def ask(self, element: bytes, expected: bytes) -> None:
        """Send an element, and return when what has come since contains ``expected``."""

    def rest(self) -> None:
        """It is logged in. From now on, answer only what has to be answered."""


async def log_in(stream: Stream, number: int) -> None:
    """Log in, bind a resource, send presence, and wait until it comes back."""
    await stream.open()
    await stream.ask(auth(number), b"<success")
    await stream.open()
    await stream.ask(BIND, b"</jid>")
    await stream.ask(PRESENCE, b"<presence")
    stream.rest()

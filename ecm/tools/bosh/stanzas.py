"""XMPP of a client: its login (RFC 6120), its presence and its messages (RFC 6121). Pure."""

from base64 import b64encode

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
SASL2 = "urn:xmpp:sasl:2"
BIND2 = "urn:xmpp:bind:0"
FAST = "urn:xmpp:fast:0"

SESSION = (
    b"<iq type='set' id='session' xmlns='jabber:client'>"
    b"<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
)
PRESENCE = b"<presence xmlns='jabber:client'/>"
ABSENCE = b"<presence type='unavailable' xmlns='jabber:client'/>"
ANONYMOUS = f"<auth xmlns='{SASL}' mechanism='ANONYMOUS'/>".encode()


def initial_response(name: str, password: str) -> str:
    """The initial response of SASL PLAIN (RFC 4616), in base64."""
    return b64encode(f"\0{name}\0{password}".encode()).decode()


def plain(name: str, password: str) -> bytes:
    """The one step of SASL PLAIN."""
    response = initial_response(name, password)
    return f"<auth xmlns='{SASL}' mechanism='PLAIN'>{response}</auth>".encode()


def auth(mechanism: str, initial: bytes) -> bytes:
    """The first step of SASL (RFC 6120, section 6.4.2)."""
    response = b64encode(initial).decode()
    return f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{response}</auth>".encode()


def response(data: bytes) -> bytes:
    """The answer to a challenge of SASL (RFC 6120, section 6.4.3)."""
    return f"<response xmlns='{SASL}'>{b64encode(data).decode()}</response>".encode()


def authenticate(mechanism: str, initial: bytes, *inline: str) -> str:
    """The first step of SASL2 (XEP-0388), with what is to be done at once after the login."""
    response = f"<initial-response>{b64encode(initial).decode()}</initial-response>"
    inside = response + "".join(inline)
    return f"<authenticate xmlns='{SASL2}' mechanism='{mechanism}'>{inside}</authenticate>"


def bind2(tag: str, *inline: str) -> str:
    """The request of Bind 2 (XEP-0386) for a resource, inside ``authenticate``. ``tag`` names the
    kind of client."""
    return f"<bind xmlns='{BIND2}'><tag>{tag}</tag>{''.join(inline)}</bind>"


def user_agent(identity: str) -> str:
    """The ID of a client (a UUID), which stays the same from login to login; inside
    ``authenticate``. Tokens belong to it."""
    return f"<user-agent id='{identity}'/>"


def bind(resource: str) -> bytes:
    """The request for a resource (RFC 6120, section 7)."""
    return (
        "<iq type='set' id='bind' xmlns='jabber:client'>"
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        f"<resource>{resource}</resource></bind></iq>"
    ).encode()


def message(jid: bytes, text: bytes) -> bytes:
    """``jid`` and ``text`` as they stand in XML."""
    return b"<message type='chat' to='%b' xmlns='jabber:client'><body>%b</body></message>" % (
        jid,
        text,
    )

"""XMPP of a client: its login (RFC 6120), its presence and its messages (RFC 6121). Pure."""

from base64 import b64encode

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"

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

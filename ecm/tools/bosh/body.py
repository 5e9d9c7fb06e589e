"""The requests of a BOSH user (XEP-0124, XEP-0206), as bytes of HTTP. Pure."""

from base64 import b64encode

RESOURCE = "swarm"

_BOSH = b"xmlns='http://jabber.org/protocol/httpbind'"
_XBOSH = "xmlns:xmpp='urn:xmpp:xbosh'"
_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"

BIND = (
    "<iq type='set' id='bind' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
    f"<resource>{RESOURCE}</resource></bind></iq>"
).encode()
SESSION = (
    b"<iq type='set' id='session' xmlns='jabber:client'>"
    b"<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
)
PRESENCE = b"<presence xmlns='jabber:client'/>"
ABSENCE = b"<presence type='unavailable' xmlns='jabber:client'/>"
ANONYMOUS = f"<auth xmlns='{_SASL}' mechanism='ANONYMOUS'/>".encode()


def plain(name: str, password: str) -> bytes:
    """The one step of SASL PLAIN (RFC 4616)."""
    response = b64encode(f"\0{name}\0{password}".encode())
    return b"<auth xmlns='%b' mechanism='PLAIN'>%b</auth>" % (_SASL.encode(), response)


def message(jid: bytes, text: bytes) -> bytes:
    """``jid`` as it stands in XML."""
    return b"<message type='chat' to='%b' xmlns='jabber:client'><body>%b</body></message>" % (
        jid,
        text,
    )


class Requests:
    """Makes them, for one server. ``sid`` is as it stands in XML."""

    __slots__ = ("_head", "_creation", "_restart")

    def __init__(self, host: str, path: str, domain: str, wait: int, hold: int) -> None:
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\n"
            "Content-Type: text/xml; charset=utf-8\r\nContent-Length: "
        ).encode()
        self._creation = (
            (
                f"to='{domain}' wait='{wait}' hold='{hold}' ver='1.11' xml:lang='en'"
                f" xmpp:version='1.0' {_XBOSH} "
            ).encode()
            + _BOSH
            + b"/>"
        )
        self._restart = f"to='{domain}' xmpp:restart='true' {_XBOSH} ".encode() + _BOSH + b"/>"

    def creation(self, rid: int) -> bytes:
        return self._post(b"<body rid='%d' %b" % (rid, self._creation))

    def restart(self, rid: int, sid: bytes) -> bytes:
        return self._post(b"<body rid='%d' sid='%b' %b" % (rid, sid, self._restart))

    def empty(self, rid: int, sid: bytes) -> bytes:
        return self._post(b"<body rid='%d' sid='%b' %b/>" % (rid, sid, _BOSH))

    def carrying(self, rid: int, sid: bytes, stanzas: bytes) -> bytes:
        return self._post(b"<body rid='%d' sid='%b' %b>%b</body>" % (rid, sid, _BOSH, stanzas))

    def end(self, rid: int, sid: bytes) -> bytes:
        return self._post(
            b"<body rid='%d' sid='%b' type='terminate' %b>%b</body>" % (rid, sid, _BOSH, ABSENCE)
        )

    def _post(self, body: bytes) -> bytes:
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)

"""Whether a session can be had: the whole way from HTTP to ejabberd and back."""

import http.client
import secrets
from xml.etree import ElementTree

from ecm.tools.demo.plan import BOSH_PATH, DOMAIN
from ecm.tools.ports import HOST

_NAMESPACE = "http://jabber.org/protocol/httpbind"
_VERSION = "xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'"
_PATIENCE = 5  # seconds for one answer
_MAX_FIRST_RID = 2**31  # well below 2^53, which no RID may reach (XEP-0124, section 14.1)


def serves(port: int) -> bool:
    """Open a BOSH session and end it (XEP-0124, sections 7 and 13).

    The version (XEP-0206, section 2) lets ejabberd answer at once, with the stream features.
    """
    rid = secrets.randbelow(_MAX_FIRST_RID) + 1
    creation = f"rid='{rid}' to='{DOMAIN}' ver='1.6' wait='1' hold='0' {_VERSION}"
    try:
        sid = _ask(port, creation).get("sid")
        if sid is None:
            return False
        _ask(port, f"rid='{rid + 1}' sid='{sid}' type='terminate'")
    except (OSError, http.client.HTTPException, ElementTree.ParseError):
        return False
    return True


def _ask(port: int, attributes: str) -> ElementTree.Element:
    connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE)
    try:
        connection.request("POST", BOSH_PATH, f"<body {attributes} xmlns='{_NAMESPACE}'/>")
        return ElementTree.fromstring(connection.getresponse().read())
    finally:
        connection.close()

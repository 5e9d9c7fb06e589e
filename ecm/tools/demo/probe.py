"""Probes the whole way from HTTP to ejabberd and back, with a session."""

import socket

from ecm.tools.bosh.body import TERMINATE, creation, sid
from ecm.tools.bosh.http import Answer, BadAnswer, Endpoint, cut
from ecm.tools.bosh.session import Session
from ecm.tools.demo.plan import BOSH_PATH, DOMAIN
from ecm.tools.ports import HOST

_TIMEOUT = 5  # seconds for one answer


def serves(port: int) -> bool:
    """Create a BOSH session and end it (XEP-0124, sections 7 and 13).

    ejabberd answers at once, with the stream features, as the version is given (XEP-0206, section
    2).
    """
    session = Session()
    try:
        created = _ask(port, session.body(session.rid, b"", creation(DOMAIN, wait=1, hold=0)))
        session.sid = sid(created.body) or b""
        if not session.sid:
            return False
        _ask(port, session.next_body(b"", TERMINATE))
    except (OSError, BadAnswer):
        return False
    return True


def _ask(port: int, body: bytes) -> Answer:
    """Raises OSError, BadAnswer."""
    with socket.create_connection((HOST, port), _TIMEOUT) as connection:
        connection.sendall(Endpoint(f"{HOST}:{port}", BOSH_PATH).post(body))
        data = b""
        while (answer := cut(data)) is None:
            received = connection.recv(65536)
            if not received:
                raise BadAnswer("the connection was closed")
            data += received
        return answer

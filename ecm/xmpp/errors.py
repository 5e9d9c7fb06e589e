"""Stream errors: their conditions (RFC 6120, section 4.9.3), and how ECM says them. Pure."""

from typing import Final

BAD_FORMAT: Final = "bad-format"
BAD_PREFIX: Final = "bad-namespace-prefix"
CONNECTION_TIMEOUT: Final = "connection-timeout"
IMPROPER_ADDRESSING: Final = "improper-addressing"
INVALID_NAMESPACE: Final = "invalid-namespace"
NOT_WELL_FORMED: Final = "not-well-formed"
POLICY_VIOLATION: Final = "policy-violation"
REMOTE_CONNECTION_FAILED: Final = "remote-connection-failed"
RESOURCE_CONSTRAINT: Final = "resource-constraint"
RESTRICTED_XML: Final = "restricted-xml"
SYSTEM_SHUTDOWN: Final = "system-shutdown"
UNSUPPORTED_ENCODING: Final = "unsupported-encoding"
UNSUPPORTED_VERSION: Final = "unsupported-version"

END: Final = b"</stream:stream>"

_HEADER: Final = (
    "<?xml version='1.0'?><stream:stream id='%s'%s version='1.0' xml:lang='en'"
    " xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
_ERROR: Final = "<stream:error><%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>%s"


class StreamError(ValueError):
    """The stream ends for what the client has sent. ``condition`` is one of those above."""

    def __init__(self, condition: str) -> None:
        super().__init__(condition)
        self.condition = condition


def header(stream: str, addresses: str = "") -> bytes:
    """Return the header of ECM's stream, whose ID is ``stream``.

    ``addresses`` are its attributes ``from`` and ``to``.
    """
    return (_HEADER % (stream, addresses)).encode()


def error(condition: str) -> bytes:
    """Return a stream error, and the end of the stream. A header must stand before it."""
    return (_ERROR % (condition, END.decode())).encode()

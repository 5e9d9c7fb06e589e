"""Challenge-response authentication of both ends of a link (docs/protocol.md, "proof"). Pure."""

import hashlib
import hmac


def response(secret: bytes, role: str, ecm_nonce: str, ejabberd_nonce: str) -> str:
    """Return the response of the end ``role``, ``ecm`` or ``ejabberd``, in hexadecimal."""
    message = f"{role}:{ecm_nonce}:{ejabberd_nonce}".encode()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def verify(given: str, expected: str) -> bool:
    """Return whether a response is the expected one, in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())

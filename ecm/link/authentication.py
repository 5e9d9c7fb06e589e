"""The proof that a side of the link knows the secret (docs/protocol.md, "proof"). Pure."""

import hashlib
import hmac


def proof(secret: bytes, role: str, ecm_nonce: str, ejabberd_nonce: str) -> str:
    """Return the proof of the side ``role``, ``ecm`` or ``ejabberd``, in hexadecimal."""
    message = f"{role}:{ecm_nonce}:{ejabberd_nonce}".encode()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def proves(given: str, expected: str) -> bool:
    """Return whether a proof is the right one; how long that takes says nothing."""
    return hmac.compare_digest(given.encode(), expected.encode())

"""SASL SCRAM-SHA-1 (RFC 5802), the client's side."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode


class Scram:
    """One SCRAM-SHA-1 exchange. All messages are in base64, as XMPP carries them."""

    def __init__(self, name: str, password: str) -> None:
        self._password = password.encode()
        self._first_bare = f"n={name},r={secrets.token_hex(12)}"

    def first(self) -> str:
        return b64encode(f"n,,{self._first_bare}".encode()).decode()

    def final(self, challenge: str) -> str:
        """The answer to the server's challenge."""
        server_first = b64decode(challenge).decode()
        fields = dict(field.split("=", 1) for field in server_first.split(","))
        without_proof = f"c=biws,r={fields['r']}"
        salted = hashlib.pbkdf2_hmac(
            "sha1", self._password, b64decode(fields["s"]), int(fields["i"])
        )
        said = f"{self._first_bare},{server_first},{without_proof}".encode()
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha1(client_key).digest(), said)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), said)
        return b64encode(f"{without_proof},p={b64encode(proof).decode()}".encode()).decode()

    def verifies(self, success: str) -> bool:
        """Return whether the server has shown that it knows the password, too."""
        return b64decode(success) == b"v=" + b64encode(self._server_signature)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha1")

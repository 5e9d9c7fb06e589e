"""SASL mechanisms, the client's side (RFC 4422): PLAIN, SCRAM, and the tokens of FAST. Sans-IO.

Messages are bytes, as they are before XMPP encodes them in base64. Only SCRAM binds to a channel,
if it is told one: the TLS of a BOSH client ends before the server.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from functools import lru_cache
from typing import Protocol


class Mechanism(Protocol):
    """One attempt to log in. ``first`` is the initial response."""

    name: str

    def first(self) -> bytes: ...

    def respond(self, challenge: bytes) -> bytes:
        """Return the answer to a challenge of the server."""

    def verifies(self, final: bytes) -> bool:
        """Return whether the server has shown that it knows the secret, as far as the mechanism
        asks for that. ``final`` comes with the success."""


class OneStep:
    """A mechanism without a challenge, and without proof of the server."""

    def __init__(self, name: str, message: bytes = b"") -> None:
        self.name = name
        self._message = message

    def first(self) -> bytes:
        return self._message

    def respond(self, challenge: bytes) -> bytes:
        """Return an empty response, which servers refuse."""
        return b""

    def verifies(self, final: bytes) -> bool:
        return True


def plain(name: str, password: str) -> OneStep:
    """PLAIN (RFC 4616)."""
    return OneStep("PLAIN", f"\0{name}\0{password}".encode())


class Token(OneStep):
    """HT-SHA-256-NONE (draft-schmaus-kitten-sasl-ht), the mechanism of FAST (XEP-0484)."""

    def __init__(self, name: str, token: str) -> None:
        initiator = hmac.digest(token.encode(), b"Initiator", "sha256")
        super().__init__("HT-SHA-256-NONE", name.encode() + b"\0" + initiator)
        self._responder = hmac.digest(token.encode(), b"Responder", "sha256")

    def verifies(self, final: bytes) -> bool:
        return hmac.compare_digest(final, self._responder)


@lru_cache(16)
def _salted(algorithm: str, password: bytes, salt: bytes, iterations: int) -> bytes:
    """Return the SaltedPassword, which takes long, and which clients may keep (RFC 5802, section
    5.1)."""
    return hashlib.pbkdf2_hmac(algorithm, password, salt, iterations)


class Scram:
    """SCRAM (RFC 5802, RFC 7677) with the hash that ``mechanism`` names: SCRAM-SHA-1 and so on.

    SCRAM-SHA-1-PLUS and the like have a ``binding``: ``tls-exporter`` of the TLS connection (RFC
    9266).
    """

    def __init__(
        self, name: str, password: str, mechanism: str = "SCRAM-SHA-1", binding: bytes = b""
    ) -> None:
        self.name = mechanism
        algorithm = mechanism.removeprefix("SCRAM-").removesuffix("-PLUS")
        self._hash = algorithm.replace("-", "", 1).lower()
        self._header = b"p=tls-exporter,," if binding else b"n,,"
        self._bound = b64encode(self._header + binding).decode()
        self._password = password.encode()
        user = name.replace("=", "=3D").replace(",", "=2C")
        self._first_bare = f"n={user},r={secrets.token_hex(12)}"
        self._server_final = b""

    def first(self) -> bytes:
        return self._header + self._first_bare.encode()

    def respond(self, challenge: bytes) -> bytes:
        server_first = challenge.decode()
        fields = dict(field.split("=", 1) for field in server_first.split(","))
        without_proof = f"c={self._bound},r={fields['r']}"
        salt, iterations = b64decode(fields["s"]), int(fields["i"])
        salted = _salted(self._hash, self._password, salt, iterations)
        said = f"{self._first_bare},{server_first},{without_proof}".encode()
        client_key = self._hmac(salted, b"Client Key")
        signature = self._hmac(hashlib.new(self._hash, client_key).digest(), said)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        server_signature = self._hmac(self._hmac(salted, b"Server Key"), said)
        self._server_final = b"v=" + b64encode(server_signature)
        return f"{without_proof},p={b64encode(proof).decode()}".encode()

    def verifies(self, final: bytes) -> bool:
        return bool(self._server_final) and hmac.compare_digest(final, self._server_final)

    def _hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, self._hash)

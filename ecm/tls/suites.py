"""Cipher suites of TLS 1.3, and the keys made from a secret (RFC 8446, section 7). Pure."""

import hmac
from collections.abc import Mapping
from typing import Final

import attrs
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

# Bytes of the tag behind what is sealed, and of the IV, for each of these ciphers.
TAG: Final = 16
IV: Final = 12


@attrs.frozen
class Suite:
    """A cipher and a hash. ``key_size`` is in bytes."""

    cipher: type[AESGCM] | type[ChaCha20Poly1305]
    key_size: int
    hash: str

    def keys(self, secret: bytes) -> bytes:
        """Return the key, and behind it the IV, for a traffic secret (section 7.3)."""
        key = expand_label(secret, b"key", self.key_size, self.hash)
        return key + expand_label(secret, b"iv", IV, self.hash)

    def next_secret(self, secret: bytes) -> bytes:
        """Return the traffic secret that follows one (section 7.2)."""
        return expand_label(secret, b"traffic upd", len(secret), self.hash)


def expand_label(secret: bytes, label: bytes, length: int, hash: str) -> bytes:
    """Return HKDF-Expand-Label (section 7.1) of an empty context.

    ``length`` is at most that of the hash, so that HKDF-Expand (RFC 5869, section 2.3) is one HMAC.
    """
    label = b"tls13 " + label
    info = length.to_bytes(2) + bytes((len(label),)) + label + b"\0\1"
    return hmac.digest(secret, info, hash)[:length]


# By the names that IANA and OpenSSL give them.
SUITES: Final[Mapping[str, Suite]] = {
    "TLS_AES_128_GCM_SHA256": Suite(AESGCM, 16, "sha256"),
    "TLS_AES_256_GCM_SHA384": Suite(AESGCM, 32, "sha384"),
    "TLS_CHACHA20_POLY1305_SHA256": Suite(ChaCha20Poly1305, 32, "sha256"),
}

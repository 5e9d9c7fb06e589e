"""One direction of a connection: its secret, its keys, and the number of its next record. Pure."""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from ecm.tls.alerts import Alert, TlsFault
from ecm.tls.suites import IV, TAG, Suite

# Bytes in front of a record: type, version, length.
HEADER: Final = 5

# The type and the version in front of each record that is encrypted (RFC 8446, section 5.2).
_HEAD: Final = b"\x17\x03\x03"


class Direction:
    """Seals or opens the records of one direction, in their order.

    It has no object of OpenSSL, which takes more than a kilobyte, and 0.7 µs to make; and one
    object of Python for all that is secret: key, IV, and the secret that they were made from.
    """

    __slots__ = ("_secrets", "_suite", "number")

    def __init__(self, suite: Suite, secret: bytes, number: int) -> None:
        self._suite = suite
        self._secrets = suite.keys(secret) + secret
        self.number = number

    def update(self) -> None:
        """Go on with the next keys (section 7.2)."""
        secret = self._suite.next_secret(self._secrets[self._suite.key_size + IV :])
        self._secrets = self._suite.keys(secret) + secret
        self.number = 0

    def seal(self, kind: int, content: bytes) -> bytes:
        """Return a record of at most 2^14 bytes of content, without padding."""
        head = _HEAD + (len(content) + 1 + TAG).to_bytes(2)
        cipher = self._cipher()
        return head + cipher.encrypt(self._nonce(), content + bytes((kind,)), head)

    def open(self, record: bytes) -> bytes:
        """Return what is in a record: content, type and padding.

        Raises TlsFault if it is not the next one of those who have the secret.
        """
        cipher = self._cipher()
        try:
            return cipher.decrypt(self._nonce(), record[HEADER:], record[:HEADER])
        except InvalidTag:
            raise TlsFault(Alert.BAD_RECORD_MAC) from None

    def _cipher(self) -> AESGCM | ChaCha20Poly1305:
        return self._suite.cipher(self._secrets[: self._suite.key_size])

    def _nonce(self) -> bytes:
        """Return the nonce of the next record (section 5.3), and count it."""
        size = self._suite.key_size
        nonce = int.from_bytes(self._secrets[size : size + IV]) ^ self.number
        self.number += 1
        return nonce.to_bytes(IV)

"""The certificates of a folder: which key is whose, and which certificate is for which name.

A folder has files that end with .pem, also in folders below, with keys, certificates and those of
authorities in between, in any order: as HAProxy takes them, or certbot writes them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from ecm.net.pem_file import read_file

_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.S)

_Thing = TypeVar("_Thing")


@attrs.frozen
class Identity:
    """A certificate with its key, and the certificates of authorities that lead to its root."""

    certificate: x509.Certificate
    key: PrivateKeyTypes = attrs.field(repr=False)
    chain: tuple[x509.Certificate, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names that it is for, in small letters: *.example is for each name right below."""
        return frozenset(names_of(self.certificate))


def read_folder(folder: Path) -> list[Identity]:
    """Return the certificates with a key in a folder, in the order of their files.

    Raises ValueError, which says what is wrong with which file, and OSError.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    next(folder.iterdir(), None)  # rglob finds nothing where it may not look
    return identities({file: read_file(file) for file in folder.rglob("*.pem")}, folder)


def identities(files: Mapping[Path, bytes], folder: Path) -> list[Identity]:
    """Return the certificates with a key in the files of a folder, in the order of these.

    Raises ValueError, which says what is wrong with which file.
    """
    keys: dict[bytes, PrivateKeyTypes] = {}
    certificates: dict[x509.Certificate, None] = {}
    for file in sorted(files):
        for kind, pem in _parts(files[file]):
            if kind == b"CERTIFICATE":
                certificates[_read(file, "certificate", x509.load_pem_x509_certificate, pem)] = None
            elif kind.endswith(b"PRIVATE KEY"):
                key = _read(file, "key", _load_key, pem)
                keys[_spki(key.public_key())] = key
    found = [
        Identity(certificate, keys[spki], tuple(_chain(certificate, certificates)))
        for certificate in certificates
        if (spki := _spki(certificate.public_key())) in keys
    ]
    if not found:
        raise ValueError(f"no .pem file in {folder} has a certificate whose key is there, too")
    return found


def read_pair(key: Path, certificate: Path, chain: Path | None = None) -> Identity:
    """Return the certificate in one file, with its key in another, or the same, and its chain.

    Raises ValueError, which says what is wrong with which file.
    """
    keys = _found(key, "key", b"PRIVATE KEY", _load_key)
    load = x509.load_pem_x509_certificate
    first = _found(certificate, "certificate", b"CERTIFICATE", load)[0]
    if _spki(keys[0].public_key()) != _spki(first.public_key()):
        raise ValueError(f"the key in {key} is not that of the certificate in {certificate}")
    more = _found(chain, "certificate", b"CERTIFICATE", load) if chain else []
    return Identity(first, keys[0], tuple(more))


def _found(file: Path, what: str, kind: bytes, load: Callable[[bytes], _Thing]) -> list[_Thing]:
    """Return all that a file has of a kind: at least one. Raises ValueError."""
    try:
        parts = [pem for each, pem in _parts(read_file(file)) if each.endswith(kind)]
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from None
    if not parts:
        raise ValueError(f"{file}: there is no {what} in it, in PEM (-----BEGIN …-----)")
    return [_read(file, what, load, pem) for pem in parts]


def by_name(identities: Sequence[Identity]) -> Mapping[str, Identity]:
    """Return the certificate for each name; of several, the one that is good for the longest."""
    found: dict[str, Identity] = {}
    for each in identities:
        for name in each.names:
            before = found.get(name)
            if before is None or _end(before) < _end(each):
                found[name] = each
    return found


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the names that a certificate is for, in small letters and their order."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return [str(each.value).lower() for each in common]
    return [each.lower() for each in extension.value.get_values_for_type(x509.DNSName)]


def in_short(certificate: x509.Certificate) -> tuple[str, float]:
    """Return the first name of a certificate, and when it expires, in seconds since 1970."""
    return next(iter(names_of(certificate)), ""), certificate.not_valid_after_utc.timestamp()


def _end(identity: Identity) -> datetime:
    return identity.certificate.not_valid_after_utc


def _parts(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    for found in _PEM.finditer(content):
        yield found[1], found[0]


def _read(file: Path, what: str, load: Callable[[bytes], _Thing], pem: bytes) -> _Thing:
    """Load a part of a file. The error does not show what is in it."""
    try:
        return load(pem)
    except TypeError:
        raise ValueError(f"{file}: the {what} has a passphrase") from None
    except Exception:
        raise ValueError(f"{file}: a {what} that cannot be read") from None


def _load_key(pem: bytes) -> PrivateKeyTypes:
    return load_pem_private_key(pem, None)


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _chain(
    certificate: x509.Certificate, others: Mapping[x509.Certificate, None]
) -> Iterator[x509.Certificate]:
    """Yield the issuer of a certificate, the issuer of that, and so on, but no root.

    Clients have the root, and trust it only because they do.
    """
    left = [each for each in others if each.issuer != each.subject and each != certificate]
    while issuers := [each for each in left if _issued(certificate, each)]:
        certificate = issuers[0]
        left.remove(certificate)
        yield certificate


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    """Return whether a certificate was issued by the owner of another one."""
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True

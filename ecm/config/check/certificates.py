"""Certificates of ports with TLS: their names, how long they are good, who has signed them."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ecm.config.check.finding import Finding, error, ok, warning
from ecm.description import described
from ecm.limits import EXPIRY_WARNING
from ecm.net.endpoints import has_tls

if TYPE_CHECKING:
    from cryptography import x509

    from ecm.net.certificates import Identity

_WARN_BEFORE: Final = timedelta(days=EXPIRY_WARNING)


def check(endpoints: Iterable[str], now: datetime) -> Iterator[Finding]:
    """Yield what is to be said of the certificates of endpoints, as they are now in their files."""
    for text in endpoints:
        if has_tls(text):
            try:
                found = _identities(text)
            except (ValueError, OSError) as why:
                yield error(f"{text}: {why}")
                continue
            for identity in found:
                yield from about(text, identity, now)


def about(endpoint: str, identity: "Identity", now: datetime) -> Iterator[Finding]:
    """Yield what is to be said of one certificate."""
    certificate = identity.certificate
    names = ", ".join(sorted(identity.names)) or certificate.subject.rfc4514_string()
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    what = f"{endpoint}: the certificate for {names}"
    if end <= now:
        yield error(f"{what} expired on {end:%Y-%m-%d}")
    elif begin > now:
        yield error(f"{what} is not good before {begin:%Y-%m-%d %H:%M} UTC")
    elif end - now < _WARN_BEFORE:
        yield warning(f"{what} expires on {end:%Y-%m-%d %H:%M} UTC, in {(end - now).days} days")
    else:
        yield ok(f"{what} is good until {end:%Y-%m-%d}")
    if not _has_names(certificate):
        yield warning(f"{what} names no host in its subjectAltName: browsers do not accept it")
    if not identity.chain and certificate.issuer != certificate.subject:
        yield warning(
            f"{what} comes without that of {certificate.issuer.rfc4514_string()}, which has signed"
            " it: clients accept it only if that is a root that they have"
        )


def _has_names(certificate: "x509.Certificate") -> bool:
    from cryptography.x509.oid import ExtensionOID

    return any(each.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME for each in certificate.extensions)


def _identities(text: str) -> "list[Identity]":
    """Return the certificates of an endpoint. Raises ValueError and OSError."""
    from ecm.config.endpoint import identity_of
    from ecm.net.certificates import read_folder

    given = described(text)
    return [identity_of(given)] if given.kind == "ssl" else read_folder(Path(given.words[0]))

"""The certificate of the demo, which it signs itself: for XMPP over TCP, where clients want TLS."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ecm.tools import private
from ecm.tools.demo.folder import Folder
from ecm.tools.demo.plan import DOMAIN

_DAY = timedelta(days=1)
_VALID = 3650 * _DAY  # a folder may be kept for as long, and its certificate trusted


def make(folder: Folder) -> None:
    """Write the key and the certificate, unless they are there: clients may trust them."""
    if folder.certificate.exists():
        return
    key = generate_private_key(SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    private.write(folder.certificates / "key.pem", pem.decode())
    certificate = _signed(key).public_bytes(Encoding.PEM)
    private.write(folder.certificate, certificate.decode())


def _signed(key: EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _DAY,
        not_valid_after=now + _VALID,
    )
    for extension in (
        x509.SubjectAlternativeName([x509.DNSName(DOMAIN)]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ):
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, SHA256())

"""A certificate authority for a test, and what it has signed for this machine."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@attrs.frozen
class ServerCertificate:
    """The files of a server for localhost and 127.0.0.1, in PEM, and the CA that vouches for it.

    ``spki`` is how Chromium names its key: the SHA-256 of the SubjectPublicKeyInfo, in base64.
    """

    key: Path
    certificate: Path
    ca: bytes
    spki: str

    def endpoint(self) -> str:
        """Return the endpoint string for a free port of 127.0.0.1."""
        files = f"privateKey={self.key}:certKey={self.certificate}"
        return f"ssl:0:interface=127.0.0.1:{files}"

    def in_one_file(self) -> Path:
        """Return a file that has the certificate and the key, alone in a folder."""
        file = self.key.parent / "both/localhost.pem"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(self.certificate.read_bytes() + self.key.read_bytes())
        return file


def make_certificate(folder: Path) -> ServerCertificate:
    """Make a CA, and a server's key and certificate in a folder, which that CA has signed."""
    ca_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    ca_name = _name("A test's authority")
    ca = _sign(ca_key, ca_name, ca_key, ca_name, [x509.BasicConstraints(ca=True, path_length=0)])
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    )
    certificate = _sign(ca_key, ca_name, key, _name("localhost"), [names])
    made = ServerCertificate(folder / "key.pem", folder / "cert.pem", _pem(ca), _spki(key))
    made.key.write_bytes(_private_pem(key))
    made.certificate.write_bytes(_pem(certificate))
    return made


@attrs.frozen
class Authority:
    """One that signs certificates; ``issuers`` are the certificates up to the root, in PEM."""

    name: x509.Name
    key: EllipticCurvePrivateKey
    issuers: bytes

    @classmethod
    def root(cls) -> "Authority":
        key, name = generate_private_key(SECP256R1()), _name("A test's root")
        return cls(name, key, _pem(_sign(key, name, key, name, [_AUTHORITY])))

    def below(self, name: str) -> "Authority":
        """Return an authority that this one has signed."""
        key = generate_private_key(SECP256R1())
        signed = _sign(self.key, self.name, key, _name(name), [_AUTHORITY])
        return Authority(_name(name), key, _pem(signed) + self.issuers)

    def sign(
        self, *names: str, days: int = 1, common_name: str = "a server"
    ) -> tuple[bytes, bytes]:
        """Return the certificate for these names, and its key, both in PEM."""
        key = generate_private_key(SECP256R1())
        more = [x509.SubjectAlternativeName([x509.DNSName(each) for each in names])]
        signed = _sign(self.key, self.name, key, _name(common_name), more[: len(names)], days)
        return _pem(signed), _private_pem(key)


_AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _sign(
    ca_key: EllipticCurvePrivateKey,
    ca_name: x509.Name,
    key: EllipticCurvePrivateKey,
    name: x509.Name,
    extensions: Sequence[x509.ExtensionType],
    days: int = 1,
) -> x509.Certificate:
    """Return a certificate of a key, good from yesterday for so many days from now."""
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer_name=ca_name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - DAY,
        not_valid_after=now + days * DAY,
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(ca_key, SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _private_pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _spki(key: EllipticCurvePrivateKey) -> str:
    info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(sha256(info).digest()).decode()

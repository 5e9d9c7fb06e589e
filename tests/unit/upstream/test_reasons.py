"""Reasons for a connection to ejabberd that fails, in words."""

from ipaddress import ip_address

from OpenSSL.SSL import Error
from service_identity import VerificationError
from service_identity.exceptions import DNSMismatch, IPAddressMismatch
from service_identity.hazmat import DNS_ID, IPAddress_ID
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import TestCase

from ecm.upstream.reasons import reason

REASONS = (
    (
        VerificationError(errors=[DNSMismatch(mismatched_id=DNS_ID("chat.example"))]),
        "its certificate is not for chat.example: connect to a name that it has",
    ),
    (
        VerificationError(
            errors=[IPAddressMismatch(mismatched_id=IPAddress_ID(ip_address("127.0.0.1")))]
        ),
        "its certificate is not for 127.0.0.1: connect to a name that it has",
    ),
    (
        Error([("SSL routines", "", "certificate verify failed")]),
        "its certificate cannot be verified: it has expired, or nobody has signed it whom this"
        " machine trusts; name the authority with :trustRoots=FOLDER behind the endpoint",
    ),
    (
        Error([("SSL routines", "", "wrong version number")]),
        "no TLS: wrong version number; does mod_ecm have tls: true there?",
    ),
    (ConnectionRefusedError("no"), "Connection was refused by other side: no."),
    (ValueError("two\nlines"), "two lines"),
    (KeyError(), "KeyError"),
    (Error(), "Error"),
)


class ReasonTests(TestCase):
    def test_reasons(self) -> None:
        for error, expected in REASONS:
            self.assertEqual(reason(error), expected)

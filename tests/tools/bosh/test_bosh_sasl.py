"""SASL mechanisms, with the examples of their specifications."""

import secrets

from twisted.trial.unittest import TestCase

from ecm.tools.bosh.sasl import OneStep, Scram, Token, plain

# RFC 5802, section 5, and RFC 7677, section 3.
EXAMPLES = {
    "SCRAM-SHA-1": (
        "fyko+d2lbbFgONRv9qkxdawL",
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    "SCRAM-SHA-256": (
        "rOprNGfwEbeRWgbNEkqO",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}


class MechanismTests(TestCase):
    def test_scram(self) -> None:
        for mechanism, (nonce, challenge, response, final) in EXAMPLES.items():
            self.patch(secrets, "token_hex", lambda _, nonce=nonce: nonce)
            scram = Scram("user", "pencil", mechanism)
            self.assertEqual(
                (scram.name, scram.first()), (mechanism, b"n,,n=user,r=%b" % nonce.encode())
            )
            self.assertFalse(scram.verifies(final))  # nothing has been asked yet
            self.assertEqual(scram.respond(challenge), response)
            self.assertTrue(scram.verifies(final))
            self.assertFalse(scram.verifies(final[:-1]))

    def test_names_in_scram(self) -> None:
        self.assertIn(b"n=a=3D=2Cb,r=", Scram("a=,b", "").first())

    def test_plain(self) -> None:
        self.assertEqual(plain("user5", "secret").first(), b"\0user5\0secret")

    def test_a_step_more_than_there_is(self) -> None:
        self.assertEqual(OneStep("ANONYMOUS").respond(b"challenge"), b"")

    def test_a_token(self) -> None:
        """The proofs are HMAC-SHA-256 of two words, with the token as key."""
        token = Token("juliet", "key")
        name, _, proof = token.first().partition(b"\0")
        self.assertEqual(name, b"juliet")
        self.assertEqual(
            proof.hex(), "8c227a576b09afe4f967c42bd08de633818ee579ef7dc96010bf82db6b717d78"
        )
        self.assertTrue(
            token.verifies(
                bytes.fromhex("f9dbb829e0cbeb618b2f12ab2bc6a7184be227ba67d442015993e48fc6bfcd84")
            )
        )
        self.assertFalse(token.verifies(proof))

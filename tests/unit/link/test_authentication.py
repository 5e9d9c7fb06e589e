"""The proof of the secret, against the vectors that the Erlang side reads, too."""

from twisted.trial.unittest import TestCase

from ecm.link.authentication import response, verify
from testkit.typed_vectors import VECTORS


class ProofTests(TestCase):
    def test_each_side_proves_as_agreed(self) -> None:
        for vector in VECTORS["proofs"]:
            nonces = vector["nonces"]["ecm"], vector["nonces"]["ejabberd"]
            for role in ("ecm", "ejabberd"):
                given = response(vector["secret"].encode(), role, *nonces)
                self.assertEqual(given, vector[role])
                self.assertTrue(verify(given, vector[role]))

    def test_another_secret_role_or_nonce_proves_nothing(self) -> None:
        right = response(b"secret", "ecm", "1", "2")
        for wrong in (("other", "ecm", "1", "2"), ("secret", "ejabberd", "1", "2")):
            self.assertFalse(verify(response(wrong[0].encode(), *wrong[1:]), right))
        self.assertFalse(verify(response(b"secret", "ecm", "2", "1"), right))
        self.assertFalse(verify("\u00e9", right))

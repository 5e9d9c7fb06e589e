"""Keys, against the traces of RFC 8448."""

from twisted.trial.unittest import TestCase

from ecm.tls.direction import Direction
from ecm.tls.suites import SUITES

SUITE = SUITES["TLS_AES_128_GCM_SHA256"]

# Section 3: the client's secret, its key and IV, its first record, and what is in it.
CLIENT = bytes.fromhex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")
KEYS = bytes.fromhex("17422dda596ed5d9acd890e3c63f50515b78923dee08579033e523d9")
RECORD = bytes.fromhex(
    "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20"
    "441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"
)
DATA = bytes(range(50))


class VectorTests(TestCase):
    def test_keys(self) -> None:
        self.assertEqual(SUITE.keys(CLIENT), KEYS)

    def test_a_record_is_sealed_and_opened(self) -> None:
        self.assertEqual(Direction(SUITE, CLIENT, 0).seal(23, DATA), RECORD)
        self.assertEqual(Direction(SUITE, CLIENT, 0).open(RECORD), DATA + b"\x17")

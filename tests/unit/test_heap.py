"""The heap of C goes back to the kernel."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from ecm.heap import Trimming, trim
from ecm.limits import TRIM_PAUSE

PIECE = 5_000  # bytes: more than Python allocates by itself, and less than glibc maps
PIECES = 10_000


def resident() -> int:
    """Return the bytes of memory of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


class TrimTests(TestCase):
    def test_what_is_free_below_others_goes_back(self) -> None:
        kept = [bytes(PIECE) for _ in range(PIECES)]
        del kept[:-1]  # the last one keeps the heap as long as it is
        before = resident()
        trim()
        self.assertGreater(before - resident(), PIECES * PIECE // 2)
        self.assertEqual(len(kept), 1)

    def test_once_in_a_while(self) -> None:
        times: list[float] = []
        now = 0.0
        trimming = Trimming(lambda: times.append(now))
        while now <= 2 * TRIM_PAUSE:
            trimming.tick(now)
            now += 0.5
        self.assertEqual(times, [0, TRIM_PAUSE, 2 * TRIM_PAUSE])

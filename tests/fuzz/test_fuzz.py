"""The targets of fuzz/: they hold for their seeds, and for what is near these. Without atheris."""

from collections.abc import Iterator
from random import Random

from twisted.trial.unittest import TestCase

from tests.fuzz.targets import SEEDS, TARGETS

DAMAGED = 200  # inputs for each target, made of its seeds
SOME = b"\0\n\r |=,;:'\"<>%/\xff09"


def seeds(target: str) -> list[bytes]:
    return [seed.read_bytes() for seed in sorted((SEEDS / target).iterdir())]


def damaged(whole: list[bytes]) -> Iterator[bytes]:
    """The same ones at each run: two seeds, cut and joined, with some bytes that are others."""
    random = Random(len(whole))
    for _ in range(DAMAGED):
        one, other = random.choice(whole), random.choice(whole)
        joined = one[: random.randrange(len(one) + 1)] + other[random.randrange(len(other) + 1) :]
        data = bytearray(joined)
        for _ in range(random.randrange(4) if data else 0):
            data[random.randrange(len(data))] = random.choice(SOME)
        yield bytes(data)


class FuzzTests(TestCase):
    def test_each_target_has_seeds_and_they_fit(self) -> None:
        for target in TARGETS:
            self.assertTrue(seeds(target), target)
            for seed in seeds(target):
                self.assertLessEqual(len(seed), TARGETS[target].longest, target)

    def test_targets_hold(self) -> None:
        for target in TARGETS:
            whole = seeds(target)
            for data in [b"", *whole, *damaged(whole)]:
                try:
                    TARGETS[target].check(data)
                except Exception as error:
                    raise AssertionError(f"{target} does not hold for {data!r}") from error

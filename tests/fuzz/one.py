"""``python -m tests.fuzz.one TARGET SECONDS``: fuzz a target, guided by what code it reaches.

Ends with status 1, and prints the input, where something is found.
"""

import sys
import traceback
from typing import NoReturn

import atheris

from testkit.paths import CHECKOUT

BUILD = CHECKOUT / "build" / "fuzz"

# Megabytes of the process beyond which something is found, too.
MAX_MEMORY = 1024

with atheris.instrument_imports(include=["ecm", "conformance", "fuzz"]):
    from tests.fuzz.targets import SEEDS, TARGETS


def main(target: str, seconds: int) -> NoReturn:
    """Does not return: libFuzzer ends the process."""
    check = TARGETS[target].check

    def once(data: bytes) -> None:
        try:
            check(data)
        except BaseException:
            traceback.print_exc()
            print(f"FOUND by fuzzing {target}: {data!r}", flush=True)
            raise

    corpus = BUILD / target
    corpus.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={TARGETS[target].longest}",
        f"-artifact_prefix={BUILD}/{target}-",
        f"-rss_limit_mb={MAX_MEMORY}",
        "-timeout=20",
        "-error_exitcode=1",
        "-timeout_exitcode=1",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus), str(SEEDS / target)], once)
    atheris.Fuzz()
    raise AssertionError("libFuzzer has returned")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

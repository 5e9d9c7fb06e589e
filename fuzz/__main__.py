"""``python -m fuzz TARGET [SECONDS]``: fuzz one of the targets.

Ends with status 1, and prints the input, where something is found. Seeds are in ``seeds/TARGET``;
what atheris adds to them goes to ``build/fuzz/TARGET``, where the next run finds it.
"""

import sys
import traceback
from argparse import ArgumentParser
from pathlib import Path

import atheris

BUILD = Path(__file__).parent.parent / "build" / "fuzz"
SECONDS = 60
MAX_SIZE = 4096  # bytes of an input: fewer than a head may have

with atheris.instrument_imports(include=["ecm", "fuzz.targets"]):
    from fuzz.targets import SEEDS, TARGETS


def main() -> None:
    """Does not return: libFuzzer ends the process."""
    arguments = ArgumentParser(prog="python -m fuzz")
    arguments.add_argument("target", choices=TARGETS)
    arguments.add_argument("seconds", nargs="?", type=int, default=SECONDS)
    given = arguments.parse_args()
    target, check = given.target, TARGETS[given.target]

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
        f"-max_total_time={given.seconds}",
        f"-max_len={MAX_SIZE}",
        f"-artifact_prefix={BUILD}/{target}-",
        "-timeout=20",
        "-error_exitcode=1",
        "-timeout_exitcode=1",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus), str(SEEDS / target)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

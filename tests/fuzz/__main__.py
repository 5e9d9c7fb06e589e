"""``python -m tests.fuzz [TARGET] [SECONDS]``: fuzz one target, or each for its share of the time.

Ends with status 1, and prints the input, where something is found. Seeds are in ``seeds/TARGET``;
what atheris adds to them goes to ``build/fuzz/TARGET``, where the next run finds it.
"""

import re
import subprocess
import sys
from argparse import ArgumentParser

from tests.fuzz.targets import TARGETS

SECONDS = 120

# What libFuzzer says at its end, and before it begins.
_RUNS = re.compile(r"^stat::number_of_executed_units: +([0-9]+)$", re.MULTILINE)
_PREAMBLE = re.compile(r"^(INFO|WARNING): .*\n", re.MULTILINE)


def main() -> int:
    arguments = ArgumentParser(prog="python -m tests.fuzz")
    arguments.add_argument("target", nargs="?", choices=[*TARGETS, "all"], default="all")
    arguments.add_argument("seconds", nargs="?", type=int, default=SECONDS)
    given = arguments.parse_args()
    targets = list(TARGETS) if given.target == "all" else [given.target]
    share = max(1, given.seconds // len(targets))
    found = [target for target in targets if not _holds(target, share)]
    print(f"fuzz: {'found by ' + ', '.join(found) if found else 'nothing was found'}")
    return int(bool(found))


def _holds(target: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own, and say how that went."""
    print(f"fuzz: {target}, for {seconds} s ... ", end="", flush=True)
    run = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.one", target, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="backslashreplace",
    )
    runs = _RUNS.search(run.stdout)
    if run.returncode == 0 and runs is not None:
        print(f"{int(runs[1]):,} inputs", flush=True)
        return True
    print(f"failed\n{_PREAMBLE.sub('', run.stdout)}", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())

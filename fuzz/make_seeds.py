"""``python -m fuzz.make_seeds``: write the seeds anew, from the tables of the tests."""

import shutil
from collections.abc import Iterable

from fuzz.targets import SEEDS
from tests.test_answers import CLOSED, KEPT, cases
from tests.test_packet import VECTORS
from tests.test_proxy_header import HEADERS, NO_HEADERS
from tests.test_request import ERRORS, LAST_REQUESTS, REQUESTS
from tests.test_smuggling import ATTACKS


def write(target: str, name: str, seeds: Iterable[bytes]) -> None:
    for number, seed in enumerate(seeds):
        (SEEDS / target / f"{name}-{number:02}").write_bytes(seed)


def main() -> None:
    for target in ("client", "packet", "proxy"):
        shutil.rmtree(SEEDS / target, ignore_errors=True)
        (SEEDS / target).mkdir(parents=True)
    write("client", "request", (data for data, _ in REQUESTS + LAST_REQUESTS))
    write("client", "answered", (request for request, _ in cases(KEPT + CLOSED)))
    write("client", "error", (data for data, _ in ERRORS))
    write("client", "smuggling", ATTACKS)
    write("packet", "packet", (bytes.fromhex(vector["packet"]) for vector in VECTORS["packets"]))
    write("packet", "error", (bytes.fromhex(vector["bytes"]) for vector in VECTORS["errors"]))
    write("proxy", "header", HEADERS)
    write("proxy", "none", NO_HEADERS)


if __name__ == "__main__":
    main()

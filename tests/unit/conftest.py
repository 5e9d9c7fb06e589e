"""Unit tests run in memory: nothing of them opens a socket or starts a process."""

import sys
from collections.abc import Iterator

import pytest

_FORBIDDEN = {
    *("socket.bind", "socket.connect", "socket.getaddrinfo"),
    *("subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec"),
}

_running = ""  # the test, if one runs


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _running and event in _FORBIDDEN:
        raise AssertionError(f"{_running} is not a unit test: {event} {arguments!r}")


sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def in_memory(request: pytest.FixtureRequest) -> Iterator[None]:
    global _running
    _running = request.node.nodeid
    yield
    _running = ""

"""Pages for a browser, from a web server of their own: for ECM they come from elsewhere (CORS)."""

from collections.abc import Iterable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copyfile, copytree
from threading import Thread

from twisted.trial.unittest import TestCase

from testkit.ecm_process import temporary_folder


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *values: object) -> None:
        """Say nothing of requests."""


def folder_with(test: TestCase, paths: Iterable[Path]) -> Path:
    """A folder with copies of these files and folders, until the test ends.

    No links: ECM serves nothing that is outside of its folder.
    """
    folder = temporary_folder(test)
    for path in paths:
        copy = copytree if path.is_dir() else copyfile
        copy(path, folder / path.name)
    return folder


def serve(test: TestCase, folder: Path) -> str:
    """Serve a folder until the test ends; return its URL."""
    handler = partial(QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"

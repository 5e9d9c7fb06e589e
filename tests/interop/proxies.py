"""nginx and HAProxy in front of ECM, with the settings that docs/interop.md shows."""

import re
import subprocess
from pathlib import Path

import attrs
from twisted.trial.unittest import TestCase

from ecm.tools.ports import HOST, free_port
from testkit.paths import CHECKOUT
from tests.interop.programs import WITH_THE_TESTS, temporary_folder

DOCUMENT = CHECKOUT / "docs/interop.md"

# What is around the documented part, so that nothing of the machine's own nginx is used.
NGINX_FRAME = """\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include documented;
}
"""


@attrs.frozen
class Proxy:
    """A program that stands between clients and ECM.

    ``name`` is that of its settings in the document, ``bind`` the word before the port there,
    ``ready`` what it says once it listens.
    """

    name: str
    command: tuple[str, ...]
    bind: str
    ready: str

    def start(self, test: TestCase, ecm: str) -> str:
        """Start it before ECM, which is at host:port, until the test ends; return its URL."""
        address = f"{HOST}:{free_port()}"
        settings = documented(self.name).replace("127.0.0.1:5280", ecm)
        settings = re.sub(rf"({self.bind}) :?80\b", rf"\1 {address}", settings)
        folder = temporary_folder(test)
        (folder / "nginx.conf").write_text(NGINX_FRAME)
        (folder / "documented").write_text(settings)
        _run(test, folder, self.command, self.ready)
        return f"http://{address}"


NGINX = Proxy(
    name="nginx",
    command=("/usr/sbin/nginx", "-p", "./", "-c", "nginx.conf", "-e", "stderr"),
    bind="listen",
    ready="getrlimit",
)
HAPROXY = Proxy(
    name="haproxy",
    command=("/usr/sbin/haproxy", "-W", "-f", "documented"),
    bind="bind",
    ready="Loading success",
)


def documented(language: str) -> str:
    """The block of docs/interop.md that is in this language."""
    block = re.search(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.M)
    assert block is not None, f"docs/interop.md has no block in {language}"
    return block[1]


def _run(test: TestCase, folder: Path, command: tuple[str, ...], ready: str) -> None:
    program = subprocess.Popen(
        [*WITH_THE_TESTS, *command], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    test.addCleanup(program.communicate)
    test.addCleanup(program.terminate)
    assert program.stderr is not None
    said = []
    for line in program.stderr:
        said.append(line)
        if ready in line:
            return
    raise AssertionError(f"{command[0]} ended before it said {ready!r}:\n{''.join(said)}")

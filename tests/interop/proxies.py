"""nginx, HAProxy and Apache in front of ECM, with the settings that docs/interop.md shows."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import attrs
from twisted.trial.unittest import TestCase

from ecm.tools.ports import HOST, free_port
from testkit.ecm_process import temporary_folder
from testkit.paths import CHECKOUT
from testkit.servers import apache, haproxy, nginx

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
    ``run`` starts it in a folder, with the settings, on a port.
    """

    name: str
    bind: str
    run: Callable[[Path, str, int], AbstractContextManager[object]]

    def start(self, test: TestCase, ecm: str) -> str:
        """Start it before ECM, which is at host:port, until the test ends; return its URL."""
        port = free_port()
        settings = documented(self.name).replace("127.0.0.1:5280", ecm)
        settings = re.sub(rf"({self.bind}) :?80\b", rf"\1 {HOST}:{port}", settings)
        test.enterContext(self.run(temporary_folder(test), settings, port))
        return f"http://{HOST}:{port}"


def _run_nginx(folder: Path, settings: str, port: int) -> AbstractContextManager[object]:
    (folder / "documented").write_text(settings)
    return nginx.started(folder, NGINX_FRAME, port)


NGINX = Proxy("nginx", "listen", _run_nginx)
APACHE = Proxy("apache", "Listen", apache.started)
HAPROXY = Proxy("haproxy", "bind", partial(haproxy.started, mode="-W"))


def documented(language: str) -> str:
    """The block of docs/interop.md that is in this language."""
    block = re.search(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.M)
    assert block is not None, f"docs/interop.md has no block in {language}"
    return block[1]

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
NGINX_STREAM_FRAME = """\
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events { worker_connections 4096; }
stream {
    include documented;
}
"""

# In the document, ECM's addresses, the proxies' ports, and the file of a certificate and its key.
ECM = re.compile(r"127\.0\.0\.1:(?:52[0-9]+|7080)")
OTHER_ECM = "127.0.0.1:7081"
PORT = r":?(80|5223)\b"
CERTIFICATE = "/etc/ssl/chat.example.pem"


@attrs.frozen
class Proxy:
    """A program that stands between clients and ECM.

    ``name`` is that of its settings in the document, ``bind`` the word before the port there,
    ``run`` starts it in a folder, with the settings, on a port. ``tls`` stands behind the port if
    clients are to have TLS.
    """

    name: str
    bind: str
    run: Callable[[Path, str, int], AbstractContextManager[object]]
    tls: str = ""

    def start(
        self, test: TestCase, ecm: str, certificate: Path | None = None, other: str = OTHER_ECM
    ) -> str:
        """Start it before ECM, which is at host:port, until the test ends; return its URL.

        With a certificate, a file that has its key, too, it speaks TLS with clients. ``other`` is a
        second ECM.
        """
        port = free_port()
        place = f"{HOST}:{port}{self.tls if certificate else ''}"
        settings = ECM.sub(ecm, documented(self.name)).replace(OTHER_ECM, other)
        settings = re.sub(rf"({self.bind}) {PORT}", rf"\1 {place}", settings)
        settings = settings.replace(CERTIFICATE, str(certificate))
        test.enterContext(self.run(temporary_folder(test), settings, port))
        return f"http://{HOST}:{port}"


def _run_nginx(
    folder: Path, settings: str, port: int, frame: str = NGINX_FRAME
) -> AbstractContextManager[object]:
    (folder / "documented").write_text(settings)
    return nginx.started(folder, frame, port)


_run_haproxy = partial(haproxy.started, mode="-W")
_NGINX_TLS = f" ssl; ssl_certificate {CERTIFICATE}; ssl_certificate_key {CERTIFICATE}"

NGINX = Proxy("nginx", "listen", _run_nginx, _NGINX_TLS)
APACHE = Proxy("apache", "Listen", apache.started)
HAPROXY = Proxy("haproxy", "bind", _run_haproxy, f" ssl crt {CERTIFICATE}")

# In front of two ECMs.
HAPROXY_CHECK = Proxy("haproxy check", "bind", _run_haproxy)
NGINX_CHECK = Proxy("nginx check", "listen", _run_nginx)

# For XMPP over TCP, with TLS in the document.
NGINX_STREAM = Proxy("nginx stream", "listen", partial(_run_nginx, frame=NGINX_STREAM_FRAME))
HAPROXY_TLS = Proxy("haproxy TLS", "bind", _run_haproxy)


def documented(language: str) -> str:
    """The block of docs/interop.md that is in this language."""
    block = re.search(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.M)
    assert block is not None, f"docs/interop.md has no block in {language}"
    return block[1]

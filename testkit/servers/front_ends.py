"""The front ends that are measured, each as a process with a port and a configuration of its own.

Each function starts one in ``folder``, with the server on port ``behind`` behind it, and gives the
process and the port on which it serves.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import attrs

from testkit.servers.process import Process, free_port, python

Running = tuple[Process, int]

NGINX = """\
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 19990; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream chat {{
    server 127.0.0.1:{behind};
    keepalive 1024;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://chat;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_read_timeout 1h;
    }}
  }}
}}
"""

HAPROXY = """\
global
  maxconn 9950
  nbthread 1
defaults
  mode http
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  http-reuse always
listen chat
  bind 127.0.0.1:{port} backlog 4096
  server ejabberd 127.0.0.1:{behind}
"""


@contextmanager
def ecm(
    folder: Path, behind: int, tls: bool = False, protocol: str = "plain", workers: int = 1
) -> Iterator[Running]:
    """ECM, with the server behind at the other end of its link, which is plain or typed."""
    port, log = free_port(), folder / "ecm.log"
    listen = f"tcp:{port}:interface=127.0.0.1:backlog=4096"
    if tls:
        listen = listen.replace("tcp:", "ssl:") + f":privateKey={_certificate(folder)}"
    options = ["--listen", listen, "--upstream", f"tcp:127.0.0.1:{behind}"]
    options += ["--protocol", protocol, "--workers", str(workers)]
    pidfile = f"--pidfile={folder}/ecm.pid"
    twistd = Path(sys.executable).parent / "twistd"
    with Process(twistd, "-n", pidfile, "ecm", *options, log=log) as process:
        process.wait_until_logged("link up", times=workers)
        process.wait_until_listening(port)
        yield process, port


@contextmanager
def ecm_tls(folder: Path, behind: int) -> Iterator[Running]:
    """ECM with clients that come over TLS."""
    with ecm(folder, behind, tls=True) as running:
        yield running


@contextmanager
def twisted_web(folder: Path, behind: int) -> Iterator[Running]:
    """A twisted.web site, with nothing behind it."""
    with python("testkit.servers.silent_site") as process:
        yield process, process.number()


@contextmanager
def nginx(folder: Path, behind: int) -> Iterator[Running]:
    """nginx as a reverse proxy, one worker."""
    port, config = free_port(), folder / "nginx.conf"
    user = "user root;" if os.getuid() == 0 else ""
    config.write_text(NGINX.format(folder=folder, port=port, behind=behind, user=user))
    log = folder / "nginx.log"
    with Process(program("nginx"), "-e", "stderr", "-c", config, log=log) as process:
        process.wait_until_listening(port)
        yield process, port


@contextmanager
def haproxy(folder: Path, behind: int) -> Iterator[Running]:
    """HAProxy as a reverse proxy, one thread."""
    port, config = free_port(), folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port, behind=behind))
    log = folder / "haproxy.log"
    with Process(program("haproxy"), "-db", "-f", config, log=log) as process:
        process.wait_until_listening(port)
        yield process, port


def program(name: str) -> str:
    """Return where a Debian package has put a program. Ends with one line where it is not."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise SystemExit(f"{name} is not there: apt-get install {name}")
    return found


def _certificate(folder: Path) -> Path:
    """Make a key and a certificate, and return the file that has both."""
    path = folder / "certificate.pem"
    make = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    )
    public = folder / "public.pem"
    files = ["-keyout", str(path), "-out", str(public)]
    subprocess.run([program("openssl"), *make.split(), *files], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + public.read_bytes())
    return path


@attrs.frozen
class FrontEnd:
    """One that can be started.

    ``sockets`` is how many it has open for each held request; ``counts`` says whether it prints
    itself how many there are, as nothing is behind it.
    """

    name: str
    start: Callable[[Path, int], AbstractContextManager[Running]]
    sockets: int = 1
    tls: bool = False
    counts: bool = False


FRONT_ENDS = [
    FrontEnd("ECM", ecm),
    FrontEnd("ECM, TLS", ecm_tls, tls=True),
    FrontEnd("twisted.web", twisted_web, counts=True),
    FrontEnd("nginx, proxy", nginx, sockets=2),
    FrontEnd("HAProxy, proxy", haproxy, sockets=2),
]

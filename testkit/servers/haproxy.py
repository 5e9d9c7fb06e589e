"""HAProxy, which Debian's package has, with a configuration of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecm.tools.ports import free_port
from testkit.servers.process import Process, Running, command, program

# A reverse proxy with one thread.
CONFIG = """\
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
  bind 127.0.0.1:{port} backlog 4096{tls}
  server ejabberd 127.0.0.1:{behind}
"""


@contextmanager
def haproxy(folder: Path, behind: int, pem: Path | None = None) -> Iterator[Running]:
    """Start a reverse proxy for the server on port ``behind``, as one process; with a file that has
    a certificate and its key it ends TLS."""
    port = free_port()
    tls = "" if pem is None else f" ssl crt {pem}"
    config = CONFIG.format(port=port, behind=behind, tls=tls)
    with started(folder, config, port, "-db") as process:
        yield process, port


@contextmanager
def in_front(folder: Path, behind: int) -> Iterator[Running]:
    """Start the same as a master with a worker, which it replaces at a SIGUSR2."""
    port = free_port()
    with started(folder, CONFIG.format(port=port, behind=behind, tls=""), port, "-W") as process:
        yield process, port


@contextmanager
def started(folder: Path, config: str, port: int, mode: str) -> Iterator[Process]:
    """Start it with this configuration, as one process (``-db``) or a master with a worker
    (``-W``), and give it when it listens on the port."""
    (folder / "haproxy.cfg").write_text(config)
    words = [program("haproxy"), mode, "-f", str(folder / "haproxy.cfg")]
    with command(*words, log=folder / "haproxy.log") as process:
        process.wait_until_listening(port)
        yield process

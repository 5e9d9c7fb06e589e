"""nginx, which Debian's package has, with a configuration of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecm.tools.ports import free_port
from testkit.servers.process import Process, Running, command, program

# A reverse proxy with one worker, and as few connections to what is behind as it needs.
CONFIG = """\
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
    listen 127.0.0.1:{port} backlog=4096{tls};
    location / {{
      proxy_pass http://chat;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_read_timeout 1h;
    }}
  }}
}}
"""


@contextmanager
def nginx(folder: Path, behind: int, pem: Path | None = None) -> Iterator[Running]:
    """Start a reverse proxy for the server on port ``behind``; with a file that has a certificate
    and its key it ends TLS."""
    port = free_port()
    tls = "" if pem is None else f" ssl; ssl_certificate {pem}; ssl_certificate_key {pem}"
    user = "user root;" if os.getuid() == 0 else ""
    config = CONFIG.format(folder=folder, port=port, behind=behind, user=user, tls=tls)
    with started(folder, config, port) as process:
        yield process, port


@contextmanager
def started(folder: Path, config: str, port: int) -> Iterator[Process]:
    """Start it with this configuration, in which relative paths are those of the folder, and give
    it when it listens on the port."""
    (folder / "nginx.conf").write_text(config)
    words = [program("nginx"), "-e", "stderr", "-p", f"{folder}/", "-c", "nginx.conf"]
    with command(*words, log=folder / "nginx.log") as process:
        process.wait_until_listening(port)
        yield process

"""ECM, in front of any server that speaks its link."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecm.tools.ports import free_port
from testkit.servers.process import Running, command, program


@contextmanager
def ecm(
    folder: Path,
    behind: int,
    tls: bool = False,
    protocol: str = "plain",
    workers: int = 1,
    more: tuple[str, ...] = (),
) -> Iterator[Running]:
    """ECM, with the server behind at the other end of its link, which is plain or typed.

    ``more`` are further options.
    """
    port, log = free_port(), folder / "ecm.log"
    listen = f"tcp:{port}:interface=127.0.0.1:backlog=4096"
    if tls:
        listen = listen.replace("tcp:", "ssl:") + f":privateKey={certificate(folder)}"
    options = ["--listen", listen, "--upstream", f"tcp:127.0.0.1:{behind}"]
    options += ["--link-mode", protocol, "--workers", str(workers), *more]
    pidfile = f"--pidfile={folder}/ecm.pid"
    twistd = Path(sys.executable).parent / "twistd"
    with command(twistd, "-n", pidfile, "ecm", *options, log=log) as process:
        process.wait_until_logged("link up", times=workers)
        process.wait_until_listening(port)
        yield process, port


def certificate(folder: Path) -> Path:
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

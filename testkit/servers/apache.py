"""Apache, which Debian's package apache2-bin has, with a configuration of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testkit.servers.process import Process, command, program

# What it needs around the settings of a proxy.
CONFIG = """\
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
{modules}
{settings}
"""
MODULES = Path("/usr/lib/apache2/modules")
LOADED = ("mpm_event", "authz_core", "headers", "proxy", "proxy_http")


@contextmanager
def started(folder: Path, settings: str, port: int) -> Iterator[Process]:
    """Start it with these settings, and give it when it listens on the port."""
    modules = "\n".join(f"LoadModule {each}_module {MODULES}/mod_{each}.so" for each in LOADED)
    config = CONFIG.format(folder=folder, port=port, modules=modules, settings=settings)
    (folder / "apache.conf").write_text(config)
    words = [program("apache2"), "-X", "-f", str(folder / "apache.conf")]
    with command(*words, log=folder / "apache.log") as process:
        process.wait_until_listening(port)
        yield process

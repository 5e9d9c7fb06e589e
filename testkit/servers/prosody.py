"""A private Prosody: Debian's package, with everything of its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ecm.tools.ports import free_port
from testkit.servers.process import Running, command, program

DOMAIN = "localhost"

# BOSH alone, and PLAIN without TLS: all is loopback.
CONFIG = """\
run_as_root = true
daemonize = false
data_path = "{folder}/data"
pidfile = "{folder}/prosody.pid"
certificates = "{folder}"
log = {{ warn = "*console" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{}}
s2s_ports = {{}}
https_ports = {{}}
http_ports = {{ {port} }}
modules_enabled = {{ {modules} }}
modules_disabled = {{ "s2s" }}
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
consider_bosh_secure = true
consider_websocket_secure = true
{settings}

VirtualHost "{domain}"
"""


@contextmanager
def prosody(
    folder: Path,
    modules: Sequence[str],
    settings: str,
    accounts: Mapping[str, str] = {},
    where: Path | None = None,
) -> Iterator[Running]:
    """Start it, with BOSH at /http-bind, WebSocket at /xmpp-websocket if ``websocket`` is one of
    these modules beside what BOSH needs, and more lines of settings. ``where`` is another Prosody
    than that of the system. Raises ToolError."""
    port, config = free_port(), folder / "prosody.cfg.lua"
    enabled = ", ".join(f'"{module}"' for module in ("bosh", "saslauth", *modules))
    config.write_text(
        CONFIG.format(folder=folder, port=port, modules=enabled, settings=settings, domain=DOMAIN)
    )
    _write_accounts(folder / "data" / DOMAIN / "accounts", accounts)
    log = folder / "prosody.log"
    words = program("prosody") if where is None else where / "bin" / "prosody"
    with command(words, "-F", "--config", config, log=log) as process:
        process.wait_until_listening(port)
        yield process, port


def _write_accounts(folder: Path, accounts: Mapping[str, str]) -> None:
    """Write them as ``internal_plain`` reads them."""
    folder.mkdir(parents=True)
    for name, password in accounts.items():
        (folder / f"{name}.dat").write_text(f'return {{ ["password"] = "{password}" }};\n')

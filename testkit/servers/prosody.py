"""A private Prosody for a measurement: Debian's package, with everything of its own.

Its accounts are those of ``lua/mod_auth_everyone.lua``.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecm.tools.ports import free_port
from testkit.servers.process import CHECKOUT, Process, Running, program

LUA = CHECKOUT / "bench" / "lua"

# The services of bench.node.CONFIG, as far as Prosody has them; as there, nothing keeps every
# message, and nothing is held back.
CONFIG = """\
run_as_root = true
daemonize = false
data_path = "{folder}/data"
pidfile = "{folder}/prosody.pid"
certificates = "{folder}"
plugin_paths = {{ "{lua}" }}
log = {{ warn = "*console" }}
interfaces = {{ "127.0.0.1" }}
network_settings = {{ tcp_backlog = 4096 }}
c2s_ports = {{}}
s2s_ports = {{}}
https_ports = {{}}
http_ports = {{ {port} }}
modules_enabled = {{
  "blocklist", "bosh", "carbons", "csi_simple", "disco", "lastactivity", "offline", "ping",
  "private", "roster", "saslauth", "smacks", "vcard", "version"
}}
modules_disabled = {{ "s2s" }}
authentication = "everyone"
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
consider_bosh_secure = true
bosh_max_inactivity = 120

VirtualHost "localhost"
"""


@contextmanager
def prosody(folder: Path) -> Iterator[Running]:
    """Start it, with BOSH at /http-bind."""
    port, config = free_port(), folder / "prosody.cfg.lua"
    config.write_text(CONFIG.format(folder=folder, lua=LUA, port=port))
    (folder / "data").mkdir()
    log = folder / "prosody.log"
    with Process(program("prosody"), "-F", "--config", config, log=log) as process:
        process.wait_until_listening(port)
        yield process, port


def version() -> str:
    """Return that of Debian's package: the program itself has no option that only prints it."""
    query = ["dpkg-query", "--show", "--showformat", "${Version}", "prosody"]
    done = subprocess.run(query, capture_output=True, text=True, check=True)
    return done.stdout.partition("-")[0]

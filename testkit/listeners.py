"""The configuration of ejabberd that the tests of links need, with its listeners."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd.configuration import configuration, listener, without_options
from ecm.tools.ejabberd.installation import Installation
from ecm.tools.ports import HOST, free_port
from testkit.certificates import make_certificate

# Seconds, of the listener whose sessions do not wait long for a client that is away.
HASTY_INACTIVITY = 2

# Stanzas that wait for a client at the listener where these are few.
MAX_WAITING = 10

# Bytes that wait for a client at the listener where these are many.
LARGE_WAITING_SIZE = 64_000_000

# Bytes in one answer, of one stanza, and of what waits, at the listener where these are few.
MAX_ANSWER = 12_000
MAX_STANZA = 60_000
MAX_WAITING_SIZE = 150_000

# Seconds, of the listener whose sessions hold two requests, and are ended where none is held.
BRIEF_INACTIVITY = 2

# Sessions of one address that have not logged in, of the listener where these are few.
MAX_NEWCOMERS = 3

# Of the second host, where everybody gets a name and needs no password.
ANONYMOUS_DOMAIN = "anonymous.localhost"

ADMIN = "admin"  # of ejabberd's web pages; the account is for a test to make

BARRED_ADDRESS = "192.0.2.13"  # from where nobody may log in
MAX_RESOURCES = 10  # of a user
MAX_GUESSES = 3  # wrong passwords after which an address is banned

# Bytes of the longest request that sessions take. ECM takes longer ones.
MAX_REQUEST = 100_000

SECRET = "correct horse battery staple\n"

# Seconds, of the listener that has no patience.
PING_INTERVAL = 1
LINK_TIMEOUT = 2

# Seconds, of the listener whose links are not kept for long.
SHORT_GRACE = 1

# Ports of ejabberd's on which no mod_ecm listens.
_STRANGERS: dict[str, dict[str, Any]] = {
    "web": {},
    "web-tls": {"tls": True},
    "admin": {"request_handlers": {"/admin": "ejabberd_web_admin"}},
}


class Listeners:
    """Listeners for links, by name. Their files are in a folder of the test's.

    ``distribution_port`` is where ejabberdctl finds ejabberd.
    """

    def __init__(self, folder: Path) -> None:
        self.secret_file = folder / "secret"
        self.secret_file.write_text(SECRET)
        self.secret_file.chmod(0o600)
        roots, pem = _certificate(folder)
        self._options: dict[str, dict[str, Any]] = {
            "auto": {"protocol": "auto"},
            "typed": {},
            "plain": {"protocol": "plain"},
            "impatient": {"ping_interval": PING_INTERVAL, "link_timeout": LINK_TIMEOUT},
            "secret": {"secret_file": str(self.secret_file)},
            "tls": {"tls": True, "certfile": str(pem)},
            "hasty": {"max_inactivity": HASTY_INACTIVITY},
            "narrow": {"max_waiting": MAX_WAITING},
            "roomy": {"max_waiting_size": LARGE_WAITING_SIZE},
            "tight": {
                "max_answer": MAX_ANSWER,
                "max_stanza_to_client": MAX_STANZA,
                "max_waiting_size": MAX_WAITING_SIZE,
            },
            "brief": {"max_inactivity": BRIEF_INACTIVITY, "max_hold": 2},
            "guarded": {"max_newcomers": MAX_NEWCOMERS},
            "paced": {"max_logins": 1},
            "sasl2": {"allow_unencrypted_sasl2": True},
            "sleepless": {"hibernate_after": "infinity"},
            "forgetful": {"link_grace": SHORT_GRACE},
        }
        names = [*self._options, *_STRANGERS]
        self.distribution_port, *ports = (free_port() for _ in range(1 + len(names)))
        self._ports = dict(zip(names, ports, strict=True))
        self._unix: dict[str, dict[str, Any]] = {
            "unix": {},
            "unix-group": {"socket_group": "daemon"},
            "unix-open": {"socket_mode": "0666"},
        }
        # Everybody may look for a socket here; who may connect, it says itself.
        self._sockets = TemporaryDirectory(prefix="links-")
        Path(self._sockets.name).chmod(0o755)
        self._tls_upstream = f"tls:{HOST}:{self._ports['tls']}:trustRoots={roots}"

    def upstream(self, name: str) -> str:
        """Return how ECM reaches a listener, for its option of this name."""
        if name in self._unix:
            return f"unix:{self._sockets.name}/{name}.sock"
        return self._tls_upstream if name == "tls" else f"tcp:{HOST}:{self._ports[name]}"

    def port(self, name: str) -> int:
        """Return where a listener on TCP is."""
        return self._ports[name]

    def configuration(self, ejabberd: Installation) -> dict[str, Any]:
        """Return what the ejabberd.yml of this ejabberd is to say."""
        return configuration(
            [DOMAIN, ANONYMOUS_DOMAIN],
            self._listen(),
            _MODULES | without_options(*(ejabberd.modules() & _LATER_MODULES)),
            host_config={ANONYMOUS_DOMAIN: {"auth_method": "anonymous"}},
            auth_password_format="scram",
            registration_timeout="infinity",
            shaper_rules={"max_user_sessions": MAX_RESOURCES},
            acl={"barred": {"ip": BARRED_ADDRESS}, "admin": {"user": f"{ADMIN}@{DOMAIN}"}},
            access_rules={
                "not_barred": [{"deny": "barred"}, {"allow": "all"}],
                "configure": [{"allow": "admin"}],
            },
        )

    def _listen(self) -> list[dict[str, Any]]:
        tcp = [_ecm(self._ports[name], options) for name, options in self._options.items()]
        unix = [_ecm(self.upstream(name), options) for name, options in self._unix.items()]
        strangers = [
            listener("ejabberd_http", self._ports[name], **options)
            for name, options in _STRANGERS.items()
        ]
        return [*tcp, *strangers, *unix]


def _ecm(port: int | str, options: dict[str, Any]) -> dict[str, Any]:
    return listener("mod_ecm", port, access="not_barred", max_stanza_size=MAX_REQUEST, **options)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Return a folder with an authority, and a certificate of it with its key in one file."""
    made = make_certificate(folder)
    roots = folder / "roots"
    roots.mkdir()
    (roots / "ca.pem").write_bytes(made.ca)
    pem = folder / "link.pem"
    pem.write_bytes(made.certificate.read_bytes() + made.key.read_bytes())
    return roots, pem


# Those that not every ejabberd has.
_LATER_MODULES = {"mod_auth_fast"}

_MODULES = without_options(
    *("mod_adhoc", "mod_admin_extra", "mod_blocking", "mod_carboncopy", "mod_client_state"),
    *("mod_disco", "mod_muc", "mod_offline", "mod_ping", "mod_privacy", "mod_push", "mod_roster"),
) | {
    "mod_fail2ban": {"c2s_max_auth_failures": MAX_GUESSES},
    "mod_mam": {"default": "always"},
    "mod_register": {"ip_access": "all"},
    "mod_stream_mgmt": {"resend_on_timeout": "if_offline"},
}

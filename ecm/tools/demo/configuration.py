"""The configuration of the demo's ejabberd.

It is that of a normal small server, but nothing is slowed down or banned by address, for all
clients come from the front end's.
"""

from typing import Any

from ecm.tools.demo.folder import LINK_SECRET
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd.configuration import configuration, listener, without_options

_MODULES = without_options(
    *("mod_adhoc", "mod_admin_extra", "mod_blocking", "mod_caps", "mod_carboncopy"),
    *("mod_client_state", "mod_disco", "mod_last", "mod_muc_admin", "mod_offline", "mod_ping"),
    *("mod_privacy", "mod_private", "mod_roster", "mod_stream_mgmt", "mod_vcard"),
    *("mod_vcard_xupdate", "mod_version"),
) | {
    "mod_mam": {"db_type": "mnesia", "default": "always"},
    "mod_muc": {
        "access": "all",
        "access_create": "local",
        "default_room_options": {"mam": True, "persistent": True},
    },
    "mod_pubsub": {"plugins": ["flat", "pep"], "access_createnode": "local"},
    "mod_register": {"ip_access": "loopback"},
}


def demo_configuration(link_port: int) -> dict[str, Any]:
    """Return the content of ejabberd.yml, with mod_ecm listening on this port of 127.0.0.1."""
    link = listener(
        "mod_ecm",
        link_port,
        secret_file=LINK_SECRET,
        max_newcomers="unlimited",
        newcomer_rate="unlimited",
    )
    return configuration(
        [DOMAIN],
        [link],
        _MODULES,
        auth_password_format="scram",  # serves PLAIN and SCRAM-SHA-1
        registration_timeout="infinity",
        acl={"local": {"user_regexp": ""}, "loopback": {"ip": "127.0.0.0/8"}},
        access_rules={"local": {"allow": "local"}, "loopback": {"allow": "loopback"}},
        shaper_rules={"max_user_offline_messages": 5000},
    )

"""The configuration of the private ejabberd."""

from ecm.tools.demo.folder import LINK_SECRET
from ecm.tools.demo.plan import DOMAIN

# What a normal small server has, with two differences: nothing leaves the machine (no s2s), and
# nothing is slowed down or banned by address, for all clients come from the front end's.
_TEMPLATE = """\
hosts: [{domain}]
loglevel: info
s2s_access: none

listen:
  -
    ip: 127.0.0.1
    port: {link_port}
    module: mod_ecm
    secret_file: {secret}
    max_newcomers: unlimited
    newcomer_rate: unlimited

auth_method: internal
auth_password_format: scram  # serves PLAIN and SCRAM-SHA-1
registration_timeout: infinity

acl:
  local:
    user_regexp: ""
  loopback:
    ip: 127.0.0.0/8

access_rules:
  local:
    allow: local
  loopback:
    allow: loopback

shaper_rules:
  max_user_offline_messages: 5000

modules:
  mod_adhoc: {{}}
  mod_admin_extra: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_client_state: {{}}
  mod_disco: {{}}
  mod_last: {{}}
  mod_mam:
    db_type: mnesia
    default: always
  mod_muc:
    access: all
    access_create: local
    default_room_options:
      mam: true
      persistent: true
  mod_muc_admin: {{}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_pubsub:
    plugins: [flat, pep]
    access_createnode: local
  mod_register:
    ip_access: loopback
  mod_roster: {{}}
  mod_stream_mgmt: {{}}
  mod_vcard: {{}}
  mod_vcard_xupdate: {{}}
  mod_version: {{}}
"""


def ejabberd_yml(link_port: int) -> str:
    """The text of ejabberd.yml, with mod_ecm listening on this port of 127.0.0.1."""
    return _TEMPLATE.format(domain=DOMAIN, link_port=link_port, secret=LINK_SECRET)

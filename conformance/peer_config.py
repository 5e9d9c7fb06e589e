"""The configurations of the servers that the suite starts.

Both are what their packages do by themselves, with two exceptions: an inactivity of 7 seconds, so
that scripts need not wait long for the end of a session, and PLAIN without TLS, all being loopback.
"""

EJABBERD = """\
hosts: [{domain}]
loglevel: info
s2s_access: none

listen:
  -
    ip: 127.0.0.1
    port: {port}
    module: ejabberd_http
    request_handlers:
      /bosh: mod_bosh

auth_method: internal
registration_timeout: infinity

modules:
  mod_bosh:
    max_inactivity: 7 seconds
  mod_disco: {{}}
  mod_offline: {{}}
  mod_roster: {{}}
"""

ERLANG_START = """\
[ok = ejabberd_auth:try_register(list_to_binary(Name), <<"{domain}">>, list_to_binary(Password))
 || {{Name, Password}} <- [{accounts}]], ok = file:write_file("ready", "").
"""

PROSODY = """\
run_as_root = true
daemonize = false
data_path = "{folder}/data"
pidfile = "{folder}/pid"
certificates = "{folder}"
log = {{ info = "*console" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{}}
s2s_ports = {{}}
https_ports = {{}}
http_ports = {{ {port} }}
modules_enabled = {{ "bosh", "disco", "offline", "roster", "saslauth" }}
modules_disabled = {{ "s2s" }}
authentication = "internal_plain"
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
consider_bosh_secure = true
bosh_max_inactivity = 7

VirtualHost "{domain}"
"""

"""The private ejabberd: Debian's package, run as a node of its own.

It shares nothing with an ejabberd of the system: configuration, database, logs, cookie and ports
are its own, and it needs no epmd. Several run side by side, as their ports differ.

All paths that the node is given are relative to its home, so that none has to be quoted for Erlang.
"""

import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from ecm.tools import private
from ecm.tools.demo.plan import DOMAIN, Plan
from ecm.tools.ejabberd.config import ejabberd_yml
from ecm.tools.ejabberd.installation import Debian
from ecm.tools.process import Process

# Always the same, for the database belongs to the node of this name. With an address for a host,
# nothing has to be resolved.
_NODE = "megaphone@127.0.0.1"

# The node writes its process ID there once it runs and has all accounts.
_STARTED = "started"

# Erlang terms. A command line could be read by every user of the machine.
_ACCOUNTS = "accounts"

_CREATE_ACCOUNTS = f"""
{{ok, Accounts}} = file:consult("{_ACCOUNTS}"),
lists:foreach(fun({{Name, Password}}) ->
    case ejabberd_auth:try_register(Name, <<"{DOMAIN}">>, Password) of
        ok -> ok;
        {{error, exists}} -> ok = ejabberd_auth:set_password(Name, <<"{DOMAIN}">>, Password)
    end
end, Accounts), ok = file:write_file("{_STARTED}", os:getpid()).
"""

_EJABBERDCTL = """\
#!/bin/sh
# Administers this private ejabberd: ejabberdctl help
export HOME={home} ERL_LIBS={libraries}
exec erl -name "ctl-$$@127.0.0.1" -erl_epmd_port {port} -start_epmd false -dist_listen false \\
    -hidden -noinput -s ejabberd_ctl -extra {node} "$@"
"""


def prepare(plan: Plan, found: Debian) -> Process:
    """Write all that the node needs. The answer is the node, ready to be started."""
    home = plan.folder.ejabberd
    private.write(home / "ejabberd.yml", ejabberd_yml(plan.link_port))
    private.write(home / _ACCOUNTS, _accounts(plan.users))
    # Who knows the cookie has the node.
    private.write_once(home / ".erlang.cookie", secrets.token_hex(16))
    private.write_once(plan.folder.link_secret, secrets.token_hex(32))
    _write_ejabberdctl(plan, found)
    return Process(
        name="ejabberd",
        command=_command(plan),
        log=plan.folder.logs / "ejabberd.console.log",
        cwd=home,
        environment=_environment(home, found),
        ready=lambda pid: _text(home / _STARTED) == str(pid),
    )


def _command(plan: Plan) -> list[str]:
    return [
        "erl",
        *("+K", "true"),
        *("-name", _NODE),
        *("-kernel", "inet_dist_use_interface", "{127,0,0,1}"),
        *("-erl_epmd_port", str(plan.distribution_port), "-start_epmd", "false"),
        *("-pa", "../ebin"),
        *("-mnesia", "dir", '"database"'),
        "-noinput",
        *("-s", "ejabberd"),
        *("-eval", _CREATE_ACCOUNTS),
    ]


def _environment(home: Path, found: Debian) -> dict[str, str]:
    return _without_erlang_settings(os.environ) | {
        "HOME": str(home),
        "ERL_LIBS": str(found.erlang_libraries),
        "ERL_CRASH_DUMP": "../logs/erl_crash.dump",
        "EJABBERD_CONFIG_PATH": "ejabberd.yml",
        "EJABBERD_LOG_PATH": "../logs/ejabberd.log",
    }


def _without_erlang_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """What the user has set for other Erlang nodes is not for this one."""
    return {
        key: value
        for key, value in environment.items()
        if not key.startswith(("ERL_", "EJABBERD_"))
    }


def _accounts(users: Mapping[str, str]) -> str:
    return "".join(
        f"{{{_binary(name)}, {_binary(password)}}}.\n" for name, password in users.items()
    )


def _binary(text: str) -> str:
    """An Erlang binary as numbers, where nothing needs an escape."""
    return f"<<{','.join(map(str, text.encode()))}>>"


def _write_ejabberdctl(plan: Plan, found: Debian) -> None:
    script = _EJABBERDCTL.format(
        home=shlex.quote(str(plan.folder.ejabberd)),
        libraries=found.erlang_libraries,
        port=plan.distribution_port,
        node=_NODE,
    )
    private.write(plan.folder.ejabberdctl, script)
    plan.folder.ejabberdctl.chmod(0o700)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""

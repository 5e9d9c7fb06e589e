"""A private ejabberd: a node that shares nothing with an ejabberd of the system.

Configuration, database, logs, cookie and ports are its own, and it needs no epmd. Several run side
by side, as their ports differ. Paths that the node is given are relative to its home, so that none
must be quoted for Erlang.
"""

import json
import os
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ecm.tools import private
from ecm.tools.ejabberd.installation import Installation
from ecm.tools.process import Process

# The node writes its process ID there once it runs and has all accounts.
_STARTED = "started"

# Erlang terms. Every user of the machine could read a command line.
_ACCOUNTS = "accounts"

_CREATE_ACCOUNTS = f"""
{{ok, Accounts}} = file:consult("{_ACCOUNTS}"),
lists:foreach(fun({{Name, Host, Password}}) ->
    case ejabberd_auth:try_register(Name, Host, Password) of
        ok -> ok;
        {{error, exists}} -> ok = ejabberd_auth:set_password(Name, Host, Password)
    end
end, Accounts), ok = file:write_file("{_STARTED}", os:getpid()).
"""

_EJABBERDCTL = """\
#!/bin/sh
# Administers this private ejabberd: ejabberdctl help
export HOME={home} ERL_LIBS={libraries}
exec {erl} -name "ctl-$$@127.0.0.1" -erl_epmd_port {port} -start_epmd false -dist_listen false \\
    -hidden -noinput -s ejabberd_ctl -extra {node} "$@"
"""


@dataclass(frozen=True)
class Node:
    """``name`` must stay the same for a home: the database belongs to the node of this name.

    With an address for its host, nothing needs to be resolved.
    """

    home: Path  # with its configuration, cookie and database; exists
    logs: Path
    installation: Installation
    distribution_port: int  # of Erlang's distribution: how ejabberdctl reaches it
    code: Sequence[Path] = ()  # folders of compiled modules
    name: str = "megaphone@127.0.0.1"
    flags: Sequence[str] = ()  # more arguments of erl, behind those that start ejabberd
    environment: Mapping[str, str] = field(default_factory=dict)  # more variables

    def write(
        self,
        configuration: Mapping[str, object],
        accounts: Mapping[str, str] = {},
        cookie: str | None = None,
    ) -> None:
        """Write the files that the node needs before each start.

        ``accounts`` (name -> password) are those of the first host. A cookie, with which others
        control the node, is made if none is given.
        """
        private.write(self.home / "ejabberd.yml", json.dumps(configuration, indent=2) + "\n")
        hosts = configuration["hosts"]
        assert isinstance(hosts, list)
        private.write(self.home / _ACCOUNTS, _terms(accounts, hosts[0]))
        private.write_once(self.home / ".erlang.cookie", cookie or secrets.token_hex(16))

    @property
    def console_log(self) -> Path:
        """The output of the node: its whole log, each line at once."""
        return self.logs / "ejabberd.console.log"

    def process(self, pipes: bool = False) -> Process:
        """The node as a process. With ``pipes`` it can read its stdin."""
        started = self.home / _STARTED
        return Process(
            name="ejabberd",
            command=self._command("-noshell" if pipes else "-noinput"),
            log=self.console_log,
            cwd=self.home,
            environment=self._environment(),
            ready=lambda pid: started.exists() and started.read_text() == str(pid),
            pipes=pipes,
        )

    def _command(self, console: str) -> list[str]:
        address = self.name.partition("@")[2].replace(".", ",")
        return [
            self.installation.erl,
            *("-name", self.name),
            *("-kernel", "inet_dist_use_interface", f"{{{address}}}"),
            *("-erl_epmd_port", str(self.distribution_port), "-start_epmd", "false"),
            *("-pa", *map(self._relative, self.code)),
            *("-mnesia", "dir", '"database"'),
            console,
            *("-s", "ejabberd"),
            *("-eval", _CREATE_ACCOUNTS),
            *self.flags,
        ]

    def _environment(self) -> dict[str, str]:
        """The user's settings for other Erlang nodes are left out."""
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("ERL_", "EJABBERD_"))
        }
        return {
            **inherited,
            "HOME": str(self.home),
            "ERL_LIBS": str(self.installation.libraries),
            "ERL_CRASH_DUMP": self._relative(self.logs / "erl_crash.dump"),
            "EJABBERD_CONFIG_PATH": "ejabberd.yml",
            "EJABBERD_LOG_PATH": self._relative(self.logs / "ejabberd.log"),
            **self.environment,
        }

    def _relative(self, path: Path) -> str:
        return os.path.relpath(path.resolve(), self.home.resolve())

    def write_ejabberdctl(self, path: Path) -> None:
        """Write a script that administers this node."""
        script = _EJABBERDCTL.format(
            home=shlex.quote(str(self.home)),
            erl=shlex.quote(self.installation.erl),
            libraries=shlex.quote(str(self.installation.libraries)),
            port=self.distribution_port,
            node=self.name,
        )
        private.write(path, script)
        path.chmod(0o700)


def _terms(accounts: Mapping[str, str], host: str) -> str:
    return "".join(
        f"{{{_binary(name)}, {_binary(host)}, {_binary(password)}}}.\n"
        for name, password in accounts.items()
    )


def _binary(text: str) -> str:
    """An Erlang binary as numbers, where nothing needs an escape."""
    return f"<<{','.join(map(str, text.encode()))}>>"

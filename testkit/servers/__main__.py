"""``python -m testkit.servers NAME... -- COMMAND``: run a command beside servers of its own.

Each is one of those in testkit/servers/bosh.py, is started before, and stops when the command has
ended. The command gets ``--servers FILE`` as its last words: JSON that says how users come to them.
"""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from ecm.tools.errors import ToolError
from testkit.servers.bosh import SERVERS, BoshServer, started


def main() -> int:
    names, command = split(sys.argv[1:])
    try:
        with ExitStack() as stack:
            servers = [stack.enter_context(started(name)) for name in names]
            file = Path(stack.enter_context(TemporaryDirectory())) / "servers.json"
            file.write_text(json.dumps(list(map(described, servers))))
            return subprocess.run([*command, "--servers", str(file)]).returncode
    except ToolError as error:
        print(f"servers: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the names and the command. Raises SystemExit."""
    if "--" not in words or not set(names := words[: words.index("--")]) <= set(SERVERS):
        sys.exit(f"usage: python -m testkit.servers {'|'.join(SERVERS)} ... -- COMMAND")
    return names, words[len(names) + 1 :]


def described(server: BoshServer) -> dict[str, str]:
    users = ",".join(f"{name}:{password}" for name, password in server.users.items())
    return {
        "title": server.title,
        "url": server.url,
        "domain": server.domain,
        "users": users,
    }


if __name__ == "__main__":
    sys.exit(main())

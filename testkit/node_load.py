"""The load of an ejabberd node by its users: processes, requests, memory."""

import json

import attrs

from testkit.erlang_shell import ErlangShell
from testkit.session_probe import IS_SESSION

# Processes and ejabberd's caches give back first what they need no more. Of timers nothing has to
# be counted: all of mod_ecm's are for a process, and end with that at the latest.
_LOOK = (
    IS_SESSION
    + """
lists:foreach(fun ets_cache:clear/1, ets_cache:all()),
lists:foreach(fun erlang:garbage_collect/1, processes()),
Sessions = [Process || Process <- processes(), IsSession(Process)],
InFlight = [ets:info(Table, size) || Table <- ets:all(),
                                     ets:info(Table, name) =:= ecm_link_table],
[length(Sessions), lists:sum(InFlight), length(processes()),
 erlang:memory(processes), erlang:memory(total)]
"""
)


@attrs.frozen
class NodeLoad:
    """``sessions`` are those of mod_ecm, ``in_flight`` the requests that its links wait for.

    Memory is in bytes; ``memory`` is all that Erlang has in use.
    """

    sessions: int
    in_flight: int
    processes: int
    process_memory: int
    memory: int

    @classmethod
    async def look(cls, shell: ErlangShell) -> "NodeLoad":
        return cls(*json.loads(await shell.evaluate(_LOOK)))

"""Erlang about the sessions of mod_ecm, for an ErlangShell at the node where they are."""

from collections.abc import Iterable

from ecm.tools.demo.plan import DOMAIN

# Begins with a function that tells whether a process is a session. One that sleeps has an empty
# dictionary, which no other process of proc_lib has.
IS_SESSION = """
IsSession = fun(Process) ->
    case process_info(Process, [dictionary, initial_call]) of
        [{dictionary, All}, {initial_call, {proc_lib, init_p, 5}}] ->
            All =:= [] orelse lists:member({'$initial_call', {xmpp_stream_in, init, 1}}, All);
        _ -> false
    end
end,
"""

# Comes to its end when the processes of these sessions have: all that they had left is routed then.
_UNTIL_ENDED = """
lists:foreach(fun(Sid) ->
    {{ok, Session, _}} = ecm_sid:find(ecm_sid_key:get(), Sid),
    Monitor = monitor(process, Session),
    receive {{'DOWN', Monitor, _, _, _}} -> ok end
end, [{sids}])
"""


def until_ended(*sids: str) -> str:
    """Erlang that comes to its end when these sessions have, on whatever node of the cluster."""
    return _UNTIL_ENDED.format(sids=", ".join(f'<<"{sid}">>' for sid in sids))


# Comes to its end once the process has done all that it had to do; says whether it sleeps then.
_IS_ASLEEP = """
Session = {session},
Resting = fun Resting() ->
    case process_info(Session, [status, message_queue_len, current_function]) of
        [{{status, waiting}}, {{message_queue_len, 0}}, {{current_function, {{Module, Name, _}}}}]
                when Module =:= p1_server; Name =:= hibernate -> Name =:= hibernate;
        _ -> receive after 1 -> Resting() end
    end
end,
Resting()
"""


def session(jid: str) -> str:
    """Erlang of the process that is the session of a full JID."""
    return f"ejabberd_sm:get_session_pid({_arguments(jid)})"


def _arguments(jid: str) -> str:
    user, _, address = jid.partition("@")
    host, _, resource = address.partition("/")
    return f'<<"{user}">>, <<"{host}">>, <<"{resource}">>'


def is_asleep(jid: str) -> str:
    """Erlang that waits until the session of a full JID rests, and says whether it hibernates."""
    return _IS_ASLEEP.format(session=session(jid))


_WAKE = "{p1_server, wake_hib, 6}"

# A session with a message for ejabberd wakes up by this function. The node counts its calls, from
# 0 on.
COUNT_WAKE_UPS = f"erlang:trace_pattern({_WAKE}, true, [local, call_count])"
COUNT_NO_WAKE_UPS = f"erlang:trace_pattern({_WAKE}, false, [local, call_count])"

# Comes to its end once there were so many wake-ups and all these sessions hibernate; gives up after
# 10 s.
_AT_REST = """
Sessions = [{sessions}],
Look = fun(Session) ->
    case process_info(Session, [message_queue_len, current_function, memory]) of
        [{{_, 0}}, {{_, {{_, hibernate, _}}}}, {{_, Memory}}] -> Memory;
        _ -> awake
    end
end,
Wait = fun Wait(Tries) ->
    WakeUps = case erlang:trace_info({wake}, call_count) of
        {{_, Count}} when is_integer(Count) -> Count;
        _ -> 0
    end,
    Seen = [Look(Session) || Session <- Sessions],
    case WakeUps >= {wake_ups} andalso not lists:member(awake, Seen) of
        false when Tries > 0 -> receive after 5 -> Wait(Tries - 1) end;
        _ -> list_to_tuple([WakeUps | Seen])
    end
end,
Wait(2000)
"""


# Each session of these full JIDs, as `Session', with its `Jid'.
_EACH = """
lists:foreach(fun(Text) ->
    Jid = jid:decode(Text),
    {{User, Host, Resource}} = jid:tolower(Jid),
    Session = ejabberd_sm:get_session_pid(User, Host, Resource),
    {call}
end, [{jids}])
"""


def each(jids: Iterable[str], call: str) -> str:
    """Erlang that evaluates a call for each session, of which it knows ``Session`` and ``Jid``."""
    return _EACH.format(call=call, jids=", ".join(f'<<"{jid}">>' for jid in jids))


def at_rest(jids: Iterable[str], wake_ups: int) -> str:
    """Erlang that waits for so many wake-ups, and until all these sessions hibernate again.

    Its value is for ``memory``, also if they do not within 10 s.
    """
    sessions = ", ".join(map(session, jids))
    return _AT_REST.format(sessions=sessions, wake=_WAKE, wake_ups=wake_ups)


def memory(found: str, wake_ups: int) -> list[int]:
    """Return the bytes of each session's process, as ``at_rest`` has found them.

    Raises:
        AssertionError: a session is awake, or there were fewer wake-ups.
    """
    woken, *seen = found.strip("{}").split(",")
    if int(woken) < wake_ups:
        raise AssertionError(f"{woken} wake-ups, not {wake_ups}")
    if awake := seen.count("awake"):
        raise AssertionError(f"{awake} of {len(seen)} sessions are awake")
    return [int(size) for size in seen]


_TABLE = f'list_to_atom("ejabberd_sm_" ++ atom_to_list(ejabberd_option:sm_db_type(<<"{DOMAIN}">>)))'
_ROWS = f"({_TABLE}):get_sessions()"

# Comes to its end once all nodes of the cluster have the same process for a session: they are told
# of it a moment after its client, and until then what is sent to it on them comes back.
_IS_KNOWN = """
Find = fun(Node) ->
    rpc:call(Node, ejabberd_sm, get_session_pid, [{arguments}])
end,
Known = fun Known() ->
    case lists:usort([Find(Node) || Node <- [node() | nodes()]]) of
        [Session] when is_pid(Session) -> ok;
        _ -> receive after 1 -> Known() end
    end
end,
Known()
"""


def of_all_rows(erlang: str) -> str:
    """Return Erlang in which ``ROWS`` is what ejabberd_sm has of all sessions, in any table."""
    return erlang.replace("ROWS", _ROWS)


def is_known(jid: str) -> str:
    """Erlang that waits until all nodes of the cluster know the session of a full JID."""
    return _IS_KNOWN.format(arguments=_arguments(jid))

"""Erlang about the sessions of mod_ecm, for an ErlangShell at the node where they are."""

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
Session = ejabberd_sm:get_session_pid(<<"{user}">>, <<"{host}">>, <<"{resource}">>),
Resting = fun Resting() ->
    case process_info(Session, [status, message_queue_len, current_function]) of
        [{{status, waiting}}, {{message_queue_len, 0}}, {{current_function, {{Module, Name, _}}}}]
                when Module =:= p1_server; Name =:= hibernate -> Name =:= hibernate;
        _ -> receive after 1 -> Resting() end
    end
end,
Resting()
"""


def is_asleep(jid: str) -> str:
    """Erlang that waits until the session of a full JID rests, and says whether it hibernates."""
    user, _, address = jid.partition("@")
    host, _, resource = address.partition("/")
    return _IS_ASLEEP.format(user=user, host=host, resource=resource)

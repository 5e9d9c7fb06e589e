%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc How the process of a session sleeps: it hibernates, with as little as possible of what it
%% needs when it wakes up.
%%
%% Most of the state of ejabberd_c2s is the same in all sessions of a host. It is kept once, as a
%% template, and each sleeping session has only what differs. Awake, a session has its whole state,
%% so that nothing but this module knows of it.

-module(ecm_sleep).

-export([pack/1, sleep/2, unpack/1, wake/2]).
-export_type([packed/0]).

%% What belongs to one session alone, and so is not for the template.
-define(OWN, [ip, jid, owner, pres_a, pres_last, pres_timestamp, resource, sid, socket,
              socket_monitor, stream_id, user]).

%% What differs from the template, and what only the template has. The template itself is a
%% persistent term, of which this holds no copy.
-opaque packed() :: {Template :: map(), Differs :: map(), Lacks :: [term()]}.

%% @doc Hibernates until there is a message, and goes on as p1_server would have. Does not return.
%% What p1_server has not dealt with yet is lost, as well as its debug options and its time-out:
%% none of these may be there. The seed of random numbers goes, too; there is another one when one
%% is needed. `Limits' are options of p1_server.
-spec sleep(map(), Limits :: [{max_queue, pos_integer()}]) -> no_return().
sleep(State, Limits) ->
    _ = erase(rand_seed),
    MaxQueue = proplists:get_value(max_queue, Limits),
    proc_lib:hibernate(?MODULE, wake, [pack(State), MaxQueue]).

%% @private The limits are in a record of p1_server.
-spec wake(packed(), MaxQueue :: pos_integer() | undefined) -> no_return().
wake(Packed, MaxQueue) ->
    Limits = {limits, MaxQueue},
    p1_server:wake_hib(self(), self(), unpack(Packed), xmpp_stream_in, [], Limits).

%% @doc Returns what of a state differs from the others of its host.
-spec pack(State) -> packed() when State :: map().
pack(#{lserver := Host} = State) ->
    Template = template(Host, State),
    Differs = maps:filter(fun(Key, Value) -> differs(Key, Value, Template) end, State),
    Lacks = [Key || Key <- maps:keys(Template), not is_map_key(Key, State)],
    {Template, Differs, Lacks}.

-spec differs(term(), term(), map()) -> boolean().
differs(Key, Value, Template) ->
    case Template of
        #{Key := Value} -> false;
        _ -> true
    end.

%% @doc Returns the state as it was.
-spec unpack(packed()) -> map().
unpack({Template, Differs, Lacks}) ->
    maps:merge(maps:without(Lacks, Template), Differs).

%% The template of a host is what its first session has when it goes to sleep.
-spec template(binary(), map()) -> map().
template(Host, State) ->
    case persistent_term:get({?MODULE, Host}, none) of
        none ->
            persistent_term:put({?MODULE, Host}, maps:without(?OWN, State)),
            template(Host, State);
        Template ->
            Template
    end.

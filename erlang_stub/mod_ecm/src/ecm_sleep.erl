%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc How the process of a session sleeps: it hibernates, with as little as possible of what it
%% needs when it wakes up.
%%
%% Most of the state of ejabberd_c2s is the same in all sessions of a host. It is kept once, as a
%% template, and each sleeping session has only what differs, in the external format, which is less
%% than half of what the terms would take. Awake, a session has its whole state, so that nothing but
%% this module knows of it.
%%
%% Most of what a session is woken for needs no state of ejabberd_c2s: an empty poll, or the end of
%% one. It is dealt with half asleep, and only what is left wakes the session up.

-module(ecm_sleep).

-export([pack/1, sleep/2, unpack/1, wake/2]).
-export_type([packed/0]).

%% What belongs to one session alone, and so is not for the template.
-define(OWN, [ip, jid, owner, pres_a, pres_last, pres_timestamp, resource, sid, socket,
              socket_monitor, stream_id, user]).

%% Stands for what a state does not have; no value in it is like this.
-define(NONE, '$none').

%% The template is a persistent term, of which this holds no copy. The binary has the values of what
%% is own, what else differs from the template, and what only that has.
-opaque packed() :: {Template :: map(), binary()}.

%% @doc Hibernates until there is a message, and goes on as p1_server would have. Does not return,
%% unless the process is `unfit' to sleep, as it has no session yet, or `busy'. `Limits' are options
%% of p1_server.
%%
%% What p1_server has taken from the mailbox and not dealt with yet would be lost, as well as its
%% debug options and its time-out, which the process has until the session is established. The seed
%% of random numbers goes, too; there is another one when one is needed.
-spec sleep(map(), Limits :: [{max_queue, pos_integer()}]) -> unfit | busy | no_return().
sleep(#{stream_state := established, stream_timeout := infinity} = State, Limits) ->
    case get('$internal_queue_len') =:= 0 andalso has_no_message() of
        true ->
            _ = erase(rand_seed),
            hibernate(packed(State, erase(?MODULE)), proplists:get_value(max_queue, Limits));
        false ->
            busy
    end;
sleep(_, _) ->
    unfit.

-spec has_no_message() -> boolean().
has_no_message() ->
    process_info(self(), message_queue_len) =:= {message_queue_len, 0}.

-spec hibernate(packed(), pos_integer() | undefined) -> no_return().
hibernate(Packed, MaxQueue) ->
    proc_lib:hibernate(?MODULE, wake, [Packed, MaxQueue]).

%% What is as it was when the session woke up is not packed again.
-spec packed(map(), {map(), packed()} | undefined) -> packed().
packed(State, {State, Packed}) -> Packed;
packed(State, _) -> pack(State).

%% @private The limits are in a record of p1_server.
-spec wake(packed(), MaxQueue :: pos_integer() | undefined) -> no_return().
wake(Packed, MaxQueue) ->
    ecm_c2s:doze(),
    case has_no_message() of
        true ->
            hibernate(Packed, MaxQueue);
        false ->
            State = unpack(Packed),
            put(?MODULE, {State, Packed}),
            p1_server:wake_hib(self(), self(), State, xmpp_stream_in, [], {limits, MaxQueue})
    end.

%% @doc Returns what of a state differs from the others of its host.
-spec pack(State :: map()) -> packed().
pack(#{lserver := Host} = State) ->
    Template = template(Host, State),
    Own = [maps:get(Key, State, ?NONE) || Key <- ?OWN],
    {Differs, Lacks} = difference(maps:without(?OWN, State), Template),
    {Template, term_to_binary({Own, Differs, Lacks})}.

-spec difference(map(), Template :: map()) -> {Differs :: map(), Lacks :: [term()]}.
difference(Template, Template) ->
    {#{}, []};
difference(Rest, Template) ->
    {maps:filter(fun(Key, Value) -> differs(Key, Value, Template) end, Rest),
     maps:keys(Template) -- maps:keys(Rest)}.

-spec differs(term(), term(), map()) -> boolean().
differs(Key, Value, Template) ->
    case Template of
        #{Key := Value} -> false;
        _ -> true
    end.

%% @doc Returns the state as it was.
-spec unpack(packed()) -> map().
unpack({Template, Binary}) ->
    {Own, Differs, Lacks} = binary_to_term(Binary),
    add(?OWN, Own, maps:merge(maps:without(Lacks, Template), Differs)).

-spec add(Keys :: [atom()], Values :: [term()], map()) -> map().
add([_ | Keys], [?NONE | Values], State) -> add(Keys, Values, State);
add([Key | Keys], [Value | Values], State) -> add(Keys, Values, State#{Key => Value});
add([], [], State) -> State.

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

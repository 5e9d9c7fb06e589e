%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The state of ejabberd_c2s, in as little memory as it can sleep in.
%%
%% Most of it is the same in all sessions of a host. It is kept once, as a template, and packed is
%% only what differs, in the external format: that is less than half of what the terms would take.
%% And what is own says the same things several times, which is written once.

-module(ecm_c2s_pack).

-export([pack/1, unpack/1]).
-export_type([packed/0]).

%% What belongs to one session alone, and so is not for the template. What others are told from
%% comes before them.
-define(OWN, [ip, user, resource, sid, jid, owner, pres_a, pres_last, pres_timestamp, socket,
              socket_monitor, stream_id]).

%% Stands for what a state does not have; no value in it is like this.
-define(NONE, '$').

%% A value, seen from what is expected of it: `[]', one byte, where it is that; the same of each part
%% where both are tuples of one size; else the value, alone in a tuple if it is a tuple or a list.
-type short() :: [short()] | {Value :: term()} | Value :: term().

%% The template is a persistent term, of which this holds no copy. The binary has the values of what
%% is own, what else differs from the template, and what only that has.
-opaque packed() :: {Template :: map(), binary()}.

%% @doc Returns what of a state differs from the others of its host. It has to be that of the process
%% that calls this.
-spec pack(State :: map()) -> packed().
pack(#{lserver := Host} = State) ->
    Template = template(Host, State),
    Own = [own(Key, State) || Key <- ?OWN],
    {Differs, Lacks} = difference(maps:without(?OWN, State), Template),
    {Template, term_to_binary({Own, Differs, Lacks})}.

-spec own(Key :: atom(), State :: map()) -> short().
own(Key, State) ->
    case State of
        #{Key := Value} -> short(Value, expected(Key, State));
        _ -> ?NONE
    end.

-spec short(Value :: term(), Expected :: term()) -> short().
short(Value, Value) ->
    [];
short(Value, Expected) when tuple_size(Value) =:= tuple_size(Expected) ->
    lists:zipwith(fun short/2, tuple_to_list(Value), tuple_to_list(Expected));
short(Value, _) when is_tuple(Value); is_list(Value) ->
    {Value};
short(Value, _) ->
    Value.

%% Most of what is own can be told from the rest. The records are those of ejabberd's libraries: where
%% others are there, or a session is unusual, more is written.
-spec expected(Key :: atom(), State :: map()) -> Expected :: term().
expected(owner, _) ->
    self();
expected(sid, _) ->
    {time, self()};
expected(pres_timestamp, #{sid := {Time, _}}) ->
    Time;
expected(pres_a, _) ->
    gb_sets:empty();
expected(jid, #{user := User, server := Server, resource := Resource}) ->
    {jid, User, Server, Resource, User, Server, Resource};
expected(pres_last, #{jid := Jid, ip := {Address, _}, lang := Lang}) ->
    {presence, <<>>, available, Lang, Jid, jid:remove_resource(Jid), undefined, [], undefined, [],
     #{ip => Address}};
expected(socket, #{ip := Ip}) ->
    {socket_state, ecm_c2s_socket, {ecm_c2s_socket, Ip}, infinity, undefined, none, none};
expected(_, _) ->
    none.

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

-spec add(Keys :: [atom()], [short()], map()) -> map().
add([_ | Keys], [?NONE | Shorts], State) ->
    add(Keys, Shorts, State);
add([Key | Keys], [Short | Shorts], State) ->
    add(Keys, Shorts, State#{Key => long(Short, expected(Key, State))});
add([], [], State) ->
    State.

-spec long(short(), Expected :: term()) -> Value :: term().
long([], Expected) -> Expected;
long([_ | _] = Parts, Expected) ->
    list_to_tuple(lists:zipwith(fun long/2, Parts, tuple_to_list(Expected)));
long({Value}, _) -> Value;
long(Value, _) -> Value.

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

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The state of ejabberd_c2s in as little memory as possible, for a process that hibernates.
%%
%% Most of it is the same in all sessions of a host, and is kept once, as a template. Only the difference is
%% packed, in the external term format, which takes less than half of the memory of the terms. And what
%% belongs to one session says the same things several times; that is written once.

-module(ecm_c2s_pack).

-export([pack/2, unpack/2]).
-export_type([packed/0]).

%% Keys that belong to one session, and are not in the template. A key from which others are derived comes
%% before them.
-define(OWN, [ip, user, resource, sid, jid, owner, pres_a, pres_last, pres_timestamp, socket,
              socket_monitor, stream_id]).

%% Stands for a missing key; no value is like this.
-define(NONE, '$').

%% The difference of a value from the expected one: `[]', one byte, if there is none; the difference of each
%% element if both are tuples of one size; otherwise the value, alone in a tuple if it is a tuple or a list.
-type short() :: [short()] | {Value :: term()} | Value :: term().

%% The template is a persistent term, which is not copied. The binary has the values of the session's own
%% keys, what else differs from the template, and the keys that only the template has.
-opaque packed() :: {Template :: map(), binary()}.

%% @doc Packs the state of the calling process, whose socket is of this module.
-spec pack(State :: map(), SocketModule :: module()) -> packed().
pack(#{lserver := Host} = State, SocketModule) ->
    Template = template(Host, State),
    Own = [own(Key, State, SocketModule) || Key <- ?OWN],
    {Differs, Lacks} = difference(maps:without(?OWN, State), Template),
    {Template, term_to_binary({Own, Differs, Lacks})}.

-spec own(Key :: atom(), State :: map(), SocketModule :: module()) -> short().
own(Key, State, SocketModule) ->
    case State of
        #{Key := Value} -> short(Value, expected(Key, State, SocketModule));
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

%% Most values of own keys can be derived from the rest. The records are those of ejabberd's libraries: with
%% other versions, or in an unusual session, more is written.
-spec expected(Key :: atom(), State :: map(), SocketModule :: module()) -> Expected :: term().
expected(owner, _, _) ->
    self();
expected(sid, _, _) ->
    {time, self()};
expected(pres_timestamp, #{sid := {Time, _}}, _) ->
    Time;
expected(pres_a, _, _) ->
    gb_sets:empty();
expected(jid, #{user := User, server := Server, resource := Resource}, _) ->
    {jid, User, Server, Resource, User, Server, Resource};
expected(pres_last, #{jid := Jid, ip := {Address, _}, lang := Lang}, _) ->
    {presence, <<>>, available, Lang, Jid, jid:remove_resource(Jid), undefined, [], undefined, [],
     #{ip => Address}};
expected(socket, #{ip := Ip}, Module) ->
    {socket_state, Module, {Module, Ip}, infinity, undefined, none, none};
expected(_, _, _) ->
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
-spec unpack(packed(), SocketModule :: module()) -> map().
unpack({Template, Binary}, SocketModule) ->
    {Own, Differs, Lacks} = binary_to_term(Binary),
    add(?OWN, Own, maps:merge(maps:without(Lacks, Template), Differs), SocketModule).

-spec add(Keys :: [atom()], [short()], map(), SocketModule :: module()) -> map().
add([_ | Keys], [?NONE | Shorts], State, SocketModule) ->
    add(Keys, Shorts, State, SocketModule);
add([Key | Keys], [Short | Shorts], State, SocketModule) ->
    Value = long(Short, expected(Key, State, SocketModule)),
    add(Keys, Shorts, State#{Key => Value}, SocketModule);
add([], [], State, _) ->
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

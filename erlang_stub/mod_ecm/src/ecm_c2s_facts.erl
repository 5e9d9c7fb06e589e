%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What operators may want to know of a session, as fields of text: never what it has said, nor a password.

-module(ecm_c2s_facts).

-export([of_session/2]).
-export_type([facts/0]).

-type facts() :: [{Key :: binary(), Value :: binary()}].

%% @doc Returns the fields of the calling session. `Facts' are those of its kind, `State' is that of ejabberd_c2s.
-spec of_session(Facts :: #{atom() => term()}, State :: map()) -> facts().
of_session(Facts, State) ->
    Fields = [{<<"jid">>, jid(State)},
              {<<"node">>, node()},
              {<<"tag">>, Facts},
              {<<"transport">>, Facts},
              {<<"client">>, Facts},
              {<<"state">>, state(Facts, State)},
              {<<"peer">>, peer(State)},
              {<<"since">>, since(State)},
              {<<"id">>, Facts},
              {<<"rid">>, Facts},
              {<<"open">>, Facts},
              {<<"window">>, Facts},
              {<<"held">>, seconds(held, Facts)},
              {<<"expires">>, seconds(expires, Facts)},
              {<<"wait">>, seconds(wait, Facts)},
              {<<"waiting">>, Facts},
              {<<"waiting-bytes">>, maps:get(waiting_bytes, Facts, none)},
              {<<"sm">>, maps:get(mgmt_state, State, none)},
              {<<"errors">>, errors(ecm_stats:errors(self()))}],
    [{Key, text(Value)} || {Key, Found} <- Fields, Value <- [value(Key, Found)], Value =/= none].

%% Most facts have the name of their field.
-spec value(binary(), term()) -> term().
value(Key, Facts) when is_map(Facts) -> maps:get(binary_to_existing_atom(Key), Facts, none);
value(_, Value) -> Value.

-spec text(term()) -> binary().
text(Text) when is_binary(Text) -> Text;
text(Number) when is_integer(Number) -> integer_to_binary(Number);
text(Name) when is_atom(Name) -> atom_to_binary(Name);
text(Text) -> unicode:characters_to_binary(Text).

-spec jid(map()) -> binary() | none.
jid(#{jid := Jid}) -> jid:encode(Jid);
jid(#{user := User, server := Server}) when User =/= <<>> -> jid:encode({User, Server, <<>>});
jid(_) -> none.

-spec peer(map()) -> iodata() | none.
peer(#{ip := {Address, Port}}) when is_tuple(Address) -> ecm_peer:name({Address, Port});
peer(_) -> none.

%% Its client has a request held, or a stream; or is away; or has not logged in.
-spec state(#{atom() => term()}, map()) -> held | away | pending.
state(_, State) when not is_map_key(resource, State) -> pending;
state(#{is_over := true}, _) -> away;
state(#{is_over := false}, _) -> held;
state(#{held := _}, _) -> held;
state(_, _) -> away.

%% ejabberd's own name for a session has its time.
-spec since(map()) -> integer() | none.
since(#{sid := {{Mega, Seconds, _}, _}}) -> Mega * 1000000 + Seconds;
since(_) -> none.

-spec seconds(atom(), #{atom() => term()}) -> integer() | none.
seconds(Key, Facts) ->
    case Facts of
        #{Key := Milliseconds} -> max(0, Milliseconds) div 1000;
        #{} -> none
    end.

-spec errors([{ecm_stats:cause(), integer()}]) -> iodata() | none.
errors([]) -> none;
errors(Errors) ->
    lists:join($,, [[atom_to_binary(Cause), $@, integer_to_binary(Time)] || {Cause, Time} <- Errors]).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A session as a term, for another process: on another node, or on this one later. It has what ejabberd and
%% its modules keep in the state of the session's process, and no process, timer, port or function.
%%
%% The process that gets it has a state of its own, with what belongs to a process.

-module(ecm_c2s_frozen).

-export([check/1, freeze/2, has_logged_in/1, next/1, thaw/2, undone/1, version/0]).
-export_type([frozen/0, reason/0, state/0]).

%% The state of ejabberd_c2s.
-type state() :: map().

%% The form of this term. It changes whenever something in it does.
-define(FORMAT, 3).

%% The time is that of the session's SID in ejabberd_sm, which belongs to the session and not to its process. `name' is
%% an ecm_c2s_place:name() in the external term format, which keeps a pid of a node that has ended;
%% `moves' is the number of its place.
-type frozen() :: #{format := ?FORMAT, ejabberd := binary(), name := binary(), moves := non_neg_integer(),
                    state := state(), timers := [{Key :: atom(), Milliseconds :: non_neg_integer()}],
                    time := erlang:timestamp() | none, dictionary := [{term(), term()}],
                    row := ecm_c2s_registration:row(), session := ecm_c2s_session:frozen()}.

%% Why a session cannot be frozen: in the middle of a login, or a module keeps in this key of the state what
%% belongs to a process.
-type reason() :: logging_in | ending | {unknown, Key :: term()}.

%% What belongs to the process. Its socket does not (ecm_c2s_socket), only the monitor of that.
-define(OF_PROCESS, [owner, sid, socket_monitor]).

%% The same in the dictionary of the process.
-define(OF_DICTIONARY, ['$ancestors', '$initial_call', '$internal_queue_len', rand_seed, ecm_c2s_hibernate,
                        ecm_c2s_session]).

%% Timers of mod_stream_mgmt, with their messages.
-define(TIMERS, [{mgmt_ack_timer, ack_timeout}, {mgmt_pending_timer, pending_timeout}]).

%% @doc Returns the form of the terms that this node makes and takes: that of mod_ecm, and the version of
%% ejabberd, because other versions have other states.
-spec version() -> {Format :: pos_integer(), Ejabberd :: binary()}.
version() ->
    {?FORMAT, ejabberd_option:version()}.

%% @doc Returns whether this node can take the session.
-spec check(frozen()) -> ok | {error, {version, term(), term()}}.
check(#{format := Format, ejabberd := Ejabberd}) ->
    case version() of
        {Format, Ejabberd} -> ok;
        Other -> {error, {version, {Format, Ejabberd}, Other}}
    end;
check(_) ->
    {error, {version, unknown, version()}}.

%% @doc Freezes the session of the calling process, with the state that it has for ejabberd and the BOSH session that
%% `Session' returns. That is asked for last, because its clients are answered.
-spec freeze(state(), Session :: fun(() -> {ok, ecm_c2s_session:frozen()} | busy)) ->
    {ok, frozen()} | {error, reason() | busy}.
freeze(State, Session) ->
    case stage(State) of
        ok -> freeze(portable(State), State, Session);
        Reason -> {error, Reason}
    end.

-spec freeze(state(), state(), fun()) -> {ok, frozen()} | {error, reason() | busy}.
freeze(Portable, State, Session) ->
    case [Key || {Key, Value} <- maps:to_list(Portable), not is_portable(Value)] of
        [] -> whole(Portable, State, Session());
        [Key | _] -> {error, {unknown, Key}}
    end.

-spec whole(state(), state(), {ok, ecm_c2s_session:frozen()} | busy) -> {ok, frozen()} | {error, busy}.
whole(Portable, State, {ok, #{nonce := Nonce} = Session}) ->
    {Format, Ejabberd} = version(),
    {Name, Moves} = ecm_c2s_place:name(self(), Nonce),
    {ok, #{format => Format, ejabberd => Ejabberd, state => Portable,
           name => term_to_binary(Name), moves => Moves, timers => timers(State),
           time => time(State), dictionary => dictionary(get()), row => ecm_c2s_registration:row(State),
           session => Session}};
whole(_, _, busy) ->
    {error, busy}.

%% What modules have in the dictionary of the process, as far as it does not belong to the process.
-spec dictionary([{term(), term()}]) -> [{term(), term()}].
dictionary(All) ->
    [Pair || {Key, _} = Pair <- All, not lists:member(Key, ?OF_DICTIONARY), is_portable(Pair)].

%% @doc Returns the name of the session, and the number of its next place.
-spec next(frozen()) -> ecm_c2s_place:numbered().
next(#{name := Name, moves := Moves}) -> {binary_to_term(Name), Moves + 1}.

%% @doc The same for the place that it has again when a move is undone.
-spec undone(frozen()) -> ecm_c2s_place:numbered().
undone(#{name := Name, moves := Moves}) -> {binary_to_term(Name), Moves + 2}.

%% In the middle of a login there are functions in the state that look for the password.
-spec stage(state()) -> ok | logging_in | ending.
stage(#{stream_state := established}) -> ok;
stage(#{stream_state := disconnected, mgmt_state := pending}) -> ok;
stage(#{stream_state := disconnected}) -> ending;
stage(#{stream_state := wait_for_sasl_request}) -> ok;
stage(#{stream_state := wait_for_stream, stream_authenticated := true}) -> ok;
stage(#{stream_state := wait_for_bind}) -> ok;
stage(_) -> logging_in.

%% @doc Returns whether the client of a session, which is not in the middle of a login, has shown its password.
-spec has_logged_in(state()) -> boolean().
has_logged_in(#{stream_state := Stage}) -> Stage =/= wait_for_sasl_request.

-spec portable(state()) -> state().
portable(State) ->
    Without = maps:without(?OF_PROCESS ++ [Key || {Key, _} <- ?TIMERS], State),
    in_memory(postponed(-erlang:monotonic_time(millisecond), Without)).

%% The time until which a client must have logged in.
-spec postponed(integer(), state()) -> state().
postponed(By, #{stream_timeout := {Timeout, Start}} = State) -> State#{stream_timeout := {Timeout, Start + By}};
postponed(_, State) -> State.

%% What stream management waits to be acknowledged may be in a file (`queue_type').
-spec in_memory(state()) -> state().
in_memory(#{mgmt_queue := Queue} = State) -> State#{mgmt_queue := p1_queue:file_to_ram(Queue)};
in_memory(State) -> State.

-spec timers(state()) -> [{atom(), non_neg_integer()}].
timers(State) ->
    [{Key, left(erlang:read_timer(map_get(Key, State)))} || {Key, _} <- ?TIMERS, is_map_key(Key, State)].

-spec left(non_neg_integer() | false) -> non_neg_integer().
left(false) -> 0;
left(Milliseconds) -> Milliseconds.

-spec time(state()) -> erlang:timestamp() | none.
time(#{sid := {Time, _}}) -> Time;
time(_) -> none.

-spec is_portable(term()) -> boolean().
is_portable([Head | Tail]) -> is_portable(Head) andalso is_portable(Tail);
is_portable(Tuple) when is_tuple(Tuple) -> is_portable(tuple_to_list(Tuple));
is_portable(Map) when is_map(Map) -> is_portable(maps:to_list(Map));
is_portable(Term) ->
    not (is_pid(Term) orelse is_reference(Term) orelse is_port(Term) orelse is_function(Term)).

%% @doc Returns the state of the session in the calling process, whose state is `Fresh', and gives it the dictionary.
-spec thaw(frozen(), Fresh :: state()) -> state().
thaw(#{state := Frozen, timers := Timers, time := Time, dictionary := Pairs}, Fresh) ->
    lists:foreach(fun({Key, Value}) -> put(Key, Value) end, Pairs),
    ok = ecm_c2s_socket:unwatch(Fresh),
    Own = maps:with([owner | [socket_monitor || is_map_key(socket, Frozen)]], Fresh),
    Started = [{Key, start(Key, Left)} || {Key, Left} <- Timers],
    Changed = maps:from_list([{sid, {Time, self()}} || Time =/= none] ++ Started),
    in_file(postponed(erlang:monotonic_time(millisecond), maps:merge(maps:merge(Frozen, Own), Changed))).

-spec start(atom(), non_neg_integer()) -> reference().
start(Key, Left) ->
    erlang:start_timer(Left, self(), proplists:get_value(Key, ?TIMERS)).

-spec in_file(state()) -> state().
in_file(#{mgmt_queue := Queue, mgmt_queue_type := file} = State) ->
    State#{mgmt_queue := p1_queue:ram_to_file(Queue)};
in_file(State) -> State.

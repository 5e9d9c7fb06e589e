%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The deadlines of sessions that are far away, as those of requests that are held: rows of one table, the earliest
%% first, and one process that looks after it. A row takes 90 bytes, and a timer of Erlang's 315.
%%
%% A session that has added its deadline gets `{timeout, Slot, ecm}' up to 130 milliseconds after it. Slots are 128
%% milliseconds long, so that few of a million sessions wake up at once.
%%
%% The table outlives this process and its supervisor, since sessions rely on their rows.

-module(ecm_c2s_timeouts).
-behaviour(gen_server).

-export([add/1, new_table/0, remove/1, slot/1, start_link/0]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).
-export([keep/0, own_table/0]).
-export_type([slot/0]).

%% The number of a slot. It is that of deadlines in the 128 milliseconds before its beginning, and at it.
-type slot() :: integer().

%% The length of a slot, as a power of two of milliseconds.
-define(SLOT_BITS, 7).

%% Milliseconds that a deadline must be away. Nearer ones are for exact timers.
-define(FAR, 10000).

%% Milliseconds between two looks at the table, at most: fewer than ?FAR, so that no new
%% row comes too late for its look.
-define(LOOK, 5000).

%% @doc Makes the table, unless there is one. It belongs to a process that does nothing else, and does not end.
-spec new_table() -> ok.
new_table() ->
    case ets:whereis(?MODULE) of
        undefined ->
            {ok, _} = proc_lib:start(?MODULE, own_table, []),
            ok;
        _ ->
            ok
    end.

%% @private
-spec own_table() -> no_return().
own_table() ->
    ?MODULE = ets:new(?MODULE, [named_table, public, ordered_set, {write_concurrency, true}]),
    proc_lib:init_ack({ok, self()}),
    keep().

%% @private Sleeps, and goes on so if somebody sends something.
-spec keep() -> no_return().
keep() ->
    receive _ -> ok
    after 0 -> ok
    end,
    proc_lib:hibernate(?MODULE, keep, []).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Has the calling process get a message after this time, in milliseconds of the monotonic clock. Returns false if
%% the time is too near, or there is no table.
-spec add(Due :: integer()) -> boolean().
add(Due) ->
    try
        Due - now_ms() >= ?FAR andalso ets:insert(?MODULE, {{slot(Due), self()}})
    catch error:badarg -> false
    end.

%% @doc Takes back what the calling process has added. The message may be under way already.
-spec remove(Due :: integer()) -> ok.
remove(Due) ->
    try ets:delete(?MODULE, {slot(Due), self()}) of
        true -> ok
    catch error:badarg -> ok
    end.

%% @doc Returns the first slot at whose beginning this time has come.
-spec slot(Due :: integer()) -> slot().
slot(Due) ->
    (Due + (1 bsl ?SLOT_BITS) - 1) bsr ?SLOT_BITS.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

%% @private
-spec init([]) -> {ok, none}.
init([]) ->
    self() ! look,
    {ok, none}.

%% @private
-spec handle_call(term(), gen_server:from(), none) -> {reply, {error, badarg}, none}.
handle_call(_, _, none) ->
    {reply, {error, badarg}, none}.

%% @private
-spec handle_cast(term(), none) -> {noreply, none}.
handle_cast(_, none) ->
    {noreply, none}.

%% @private
-spec handle_info(term(), none) -> {noreply, none}.
handle_info(look, none) ->
    tell(now_ms() bsr ?SLOT_BITS),
    _ = erlang:send_after(next_look(ets:first(?MODULE)), self(), look, [{abs, true}]),
    {noreply, none};
handle_info(_, none) ->
    {noreply, none}.

%% Tells all whose time has come.
-spec tell(Now :: slot()) -> ok.
tell(Now) ->
    case ets:first(?MODULE) of
        {Slot, Process} = Key when Slot =< Now ->
            Process ! {timeout, Slot, ecm},
            ets:delete(?MODULE, Key),
            tell(Now);
        _ ->
            ok
    end.

-spec next_look(First :: {slot(), pid()} | '$end_of_table') -> Milliseconds :: integer().
next_look({Slot, _}) -> min(Slot bsl ?SLOT_BITS, now_ms() + ?LOOK);
next_look('$end_of_table') -> now_ms() + ?LOOK.

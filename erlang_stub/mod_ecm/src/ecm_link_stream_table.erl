%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The streams of a link: the process of its session, by connection, for the life of the stream; and the
%% bytes that have come for it and are not given back. The reader of the link adds them, the writer owns the
%% table.

-module(ecm_link_stream_table).

-export([add/3, begin_one/2, count/0, delete/1, find/2, given_back/3, has/2, inherit/1, leave_to/3, new/0, orphans/1,
         received/4, sessions/0, size/1, take/2]).
-export_type([streams/0]).

-opaque streams() :: ets:tid().

-define(SESSION, 2).
-define(HELD, 3).

%% @doc Returns an empty table, which lives as long as the calling process.
-spec new() -> streams().
new() ->
    ets:new(?MODULE, [public, {write_concurrency, true}]).

%% @doc Returns the number of streams on all links of this node. Looks at all tables.
-spec count() -> non_neg_integer().
count() ->
    lists:sum(lists:map(fun ?MODULE:size/1, all())).

%% @doc Returns the sessions of all these streams, also of those whose clients have not logged in.
-spec sessions() -> [pid()].
sessions() ->
    lists:append([with(fun() -> sessions(Table) end, []) || Table <- all()]).

-spec all() -> [streams()].
all() ->
    [Table || Table <- ets:all(), ets:info(Table, name) =:= ?MODULE].

-spec sessions(streams()) -> [pid()].
sessions(Table) ->
    ets:select(Table, [{{'_', '$1', '_'}, [], ['$1']}]).

%% @doc See ecm_link_table:leave_to/3.
-spec leave_to(pid(), Data :: term(), streams()) -> ok.
leave_to(Heir, Data, Table) ->
    true = ets:setopts(Table, {heir, Heir, Data}),
    ok.

-spec delete(streams()) -> ok.
delete(Table) ->
    true = ets:delete(Table),
    ok.

%% @doc Begins a stream, whose session will be added. Returns whether there was none on this connection.
-spec begin_one(ecm_link_packet:id(), streams()) -> boolean().
begin_one(Id, Table) ->
    with(fun() -> ets:insert_new(Table, {Id, self(), 0}) end, false).

%% @doc Adds the session of a stream, unless that has ended meanwhile. Returns whether it is there.
-spec add(ecm_link_packet:id(), pid(), streams()) -> boolean().
add(Id, Session, Table) ->
    with(fun() -> ets:update_element(Table, Id, {?SESSION, Session}) end, false).

%% @doc Counts bytes that have come on a stream. Returns its session; or `too_much' if the window was full.
-spec received(ecm_link_packet:id(), Bytes :: pos_integer(), Window :: pos_integer(), streams()) ->
    {ok, pid()} | too_much | error.
received(Id, Bytes, Window, Table) ->
    with(fun() ->
                 case ets:update_counter(Table, Id, {?HELD, Bytes}) of
                     Held when Held - Bytes >= Window -> too_much;
                     _ -> {ok, ets:lookup_element(Table, Id, ?SESSION)}
                 end
         end, error).

%% @doc Counts bytes that are given back. Returns whether the stream is there.
-spec given_back(ecm_link_packet:id(), Bytes :: pos_integer(), streams()) -> boolean().
given_back(Id, Bytes, Table) ->
    with(fun() -> is_integer(ets:update_counter(Table, Id, {?HELD, -Bytes})) end, false).

-spec has(ecm_link_packet:id(), streams()) -> boolean().
has(Id, Table) ->
    ets:member(Table, Id).

-spec find(ecm_link_packet:id(), streams()) -> {ok, pid()} | error.
find(Id, Table) ->
    with(fun() -> {ok, ets:lookup_element(Table, Id, ?SESSION)} end, error).

%% @doc Ends a stream, and returns its session.
-spec take(ecm_link_packet:id(), streams()) -> {ok, pid()} | error.
take(Id, Table) ->
    with(fun() ->
                 case ets:take(Table, Id) of
                     [{_, Session, _}] -> {ok, Session};
                     [] -> error
                 end
         end, error).

%% The row, or with the link the table, may have gone meanwhile.
-spec with(fun(() -> Result), Result) -> Result.
with(Do, Otherwise) ->
    try Do()
    catch error:badarg -> Otherwise
    end.

%% ETS lets the owner change the protection (OTP 25 to 29), though its specification knows nothing of it. Otherwise the
%% reader could add a stream behind the look at the table, and its session would not be told.
-dialyzer({nowarn_function, inherit/1}).

%% @doc Returns the sessions of all streams, now that the calling process has got the table: nobody else adds any.
-spec inherit(streams()) -> [pid()].
inherit(Table) ->
    true = ets:setopts(Table, {protection, protected}),
    sessions(Table).

%% @doc Returns the streams whose sessions have been killed. Any process may call this, because it takes its time.
-spec orphans(streams()) -> [ecm_link_packet:id()].
orphans(Table) ->
    with(fun() -> ecm_ets:fold(fun orphan/2, [], Table) end, []).

-spec orphan(tuple(), [ecm_link_packet:id()]) -> [ecm_link_packet:id()].
orphan({Id, Session, _}, Found) ->
    case is_process_alive(Session) of
        true -> Found;
        false -> [Id | Found]
    end.

%% @doc Returns the number of streams, 0 if the link has ended.
-spec size(streams()) -> non_neg_integer().
size(Table) ->
    case ets:info(Table, size) of
        undefined -> 0;
        Size -> Size
    end.

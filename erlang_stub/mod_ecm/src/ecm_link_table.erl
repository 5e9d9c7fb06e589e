%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The requests of a link in flight: the process that will answer, by connection. Whoever routes them adds
%% them, the writer of the link (ecm_link_writer) owns the table, and removes them with the answer.

-module(ecm_link_table).

-export([add/3, all/0, all/1, count/0, delete/1, find/2, is_dead/1, leave_to/3, new/0, orphans/1, owners/0,
         pass_on/3, remove/2, remove/3, replace/4, size/1, take/2]).
-export_type([in_flight/0]).

-opaque in_flight() :: ets:tid().

%% @doc Returns an empty table, which lives as long as the calling process.
-spec new() -> in_flight().
new() ->
    ets:new(?MODULE, [public, {write_concurrency, true}]).

%% @doc Names the heir of the table. When its owner ends, the heir gets it with the message
%% `{'ETS-TRANSFER', Table, Owner, Data}'.
-spec leave_to(pid(), Data :: term(), in_flight()) -> ok.
leave_to(Heir, Data, Table) ->
    true = ets:setopts(Table, {heir, Heir, Data}),
    ok.

%% @doc Returns the owners of such tables on this node: the writers of its links. Looks at all tables.
-spec owners() -> [pid()].
owners() ->
    [Owner || Table <- ets:all(), ets:info(Table, name) =:= ?MODULE,
              Owner <- [ets:info(Table, owner)], is_pid(Owner)].

%% @doc Returns the requests in flight on all links of this node, with the writers. Looks at all tables.
-spec all() -> [{Writer :: pid(), ecm_link_packet:id()}].
all() ->
    [{Owner, Id} || Table <- ets:all(), ets:info(Table, name) =:= ?MODULE,
                    Owner <- [ets:info(Table, owner)], is_pid(Owner), {Id, _} <- lists:sort(rows(Table))].

%% @doc Returns the number of requests in flight on all links of this node. Looks at all tables.
-spec count() -> non_neg_integer().
count() ->
    lists:sum([?MODULE:size(Table) || Table <- ets:all(), ets:info(Table, name) =:= ?MODULE]).

-spec rows(in_flight()) -> [{ecm_link_packet:id(), pid()}].
rows(Table) ->
    try ets:tab2list(Table)
    catch error:badarg -> []  % the link has gone meanwhile
    end.

-spec delete(in_flight()) -> ok.
delete(Table) ->
    true = ets:delete(Table),
    ok.

-spec add(ecm_link_packet:id(), pid(), in_flight()) -> ok.
add(Id, Session, Table) ->
    try true = ets:insert(Table, {Id, Session}), ok
    catch error:badarg -> ok  % the link has gone meanwhile
    end.

%% @doc Has another process answer the request on this connection. Returns whether somebody still waits for that.
-spec pass_on(ecm_link_packet:id(), pid(), in_flight()) -> boolean().
pass_on(Id, Process, Table) ->
    try ets:update_element(Table, Id, {2, Process})
    catch error:badarg -> false  % the link has gone meanwhile
    end.

%% @doc Removes the request on this connection, which is answered.
-spec remove(ecm_link_packet:id(), in_flight()) -> ok.
remove(Id, Table) ->
    ets:delete(Table, Id),
    ok.

%% @doc Removes the request on this connection if this process was to answer it. Returns whether it was.
-spec remove(ecm_link_packet:id(), pid(), in_flight()) -> boolean().
remove(Id, Session, Table) ->
    ets:select_delete(Table, [{{Id, Session}, [], [true]}]) =:= 1.

%% @doc Notes that another process is to answer the request on this connection, if this one was to.
-spec replace(ecm_link_packet:id(), From :: pid(), To :: pid(), in_flight()) -> ok.
replace(Id, From, To, Table) ->
    _ = ets:select_replace(Table, [{{Id, From}, [], [{{Id, {const, To}}}]}]),
    ok.

%% @doc Returns the process that is to answer the request on this connection.
-spec find(ecm_link_packet:id(), in_flight()) -> {ok, pid()} | error.
find(Id, Table) ->
    case ets:lookup(Table, Id) of
        [{_, Session}] -> {ok, Session};
        [] -> error
    end.

%% @doc Removes the request on this connection, and returns the process that was to answer it.
-spec take(ecm_link_packet:id(), in_flight()) -> {ok, pid()} | error.
take(Id, Table) ->
    case ets:take(Table, Id) of
        [{_, Session}] -> {ok, Session};
        [] -> error
    end.

-spec all(in_flight()) -> [{ecm_link_packet:id(), pid()}].
all(Table) ->
    ets:tab2list(Table).

%% @doc Returns the requests whose processes have ended. A process leaves an answer, unless it is killed or
%% its node goes down. Any process may call this, because it takes its time.
-spec orphans(in_flight()) -> [{ecm_link_packet:id(), pid()}].
orphans(Table) ->
    try
        ecm_ets:fold(fun orphan/2, [], Table)
    catch
        error:badarg -> []  % the link has gone meanwhile
    end.

-spec orphan(Request, [Request]) -> [Request] when Request :: {ecm_link_packet:id(), pid()}.
orphan({_, Session} = Request, Found) ->
    case is_dead(Session) of
        true -> [Request | Found];
        false -> Found
    end.

%% @doc Returns whether a process has ended, as far as this node knows without asking another one.
-spec is_dead(pid()) -> boolean().
is_dead(Session) when node(Session) =:= node() ->
    not is_process_alive(Session);
is_dead(Session) ->
    not lists:member(node(Session), nodes()).

%% @doc Returns the number of requests, 0 if the link has ended.
-spec size(in_flight()) -> non_neg_integer().
size(Table) ->
    case ets:info(Table, size) of
        undefined -> 0;
        Size -> Size
    end.

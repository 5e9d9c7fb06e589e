%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A table for ejabberd's sessions (`sm_db_type: ecm') that takes a fifth of what that of `mnesia' does, which is
%% what ejabberd has otherwise. All nodes of a cluster have all sessions, as there.
%%
%% The table is a bag with a key for each user, in place of a key for each session and two indices. Its rows are those
%% of ecm_sm_row. They are read without Mnesia, as each node has a copy, and stanzas look for sessions several times.

-module(ejabberd_sm_ecm).

-behaviour(ejabberd_sm).
-behaviour(gen_server).

-export([delete_session/1, delete_session/2, get_sessions/0, get_sessions/1, get_sessions/2, init/0, set_session/1,
         set_session/2, start_link/0, use_cache/1]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).

-include_lib("ejabberd/include/ejabberd_sm.hrl").
-include_lib("ejabberd/include/logger.hrl").

-define(TABLE, ecm_session).

%% How a row is written: without waiting for the other nodes of the cluster, or waiting.
-type way() :: async_dirty | sync_dirty.

%% Called by ejabberd_sm.

-spec init() -> ok | {error, term()}.
init() ->
    case supervisor:start_child(ejabberd_backend_sup, #{id => ?MODULE, start => {?MODULE, start_link, []},
                                                        restart => transient}) of
        {ok, _} -> ok;
        {error, {already_started, _}} -> ok;
        {error, _} = Error -> Error
    end.

%% @doc The table is its own cache.
-spec use_cache(Host :: binary()) -> boolean().
use_cache(_) -> false.

-spec set_session(#session{}) -> ok.
set_session(Session) -> set_session(async_dirty, Session).

-spec delete_session(#session{}) -> ok.
delete_session(Session) -> delete_session(async_dirty, Session).

-spec get_sessions() -> [#session{}].
get_sessions() -> [ecm_sm_row:unpack(Row) || Row <- ets:tab2list(?TABLE)].

-spec get_sessions(Host :: binary()) -> [#session{}].
get_sessions(Host) ->
    ecm_ets:fold(fun(Row, Found) -> of_host(Host, Row, Found) end, [], ?TABLE).

-spec of_host(binary(), ecm_sm_row:row(), [#session{}]) -> [#session{}].
of_host(Host, Row, Found) ->
    case ecm_sm_row:host_of(Row) of
        Host -> [ecm_sm_row:unpack(Row) | Found];
        _ -> Found
    end.

-spec get_sessions(User :: binary(), Host :: binary()) -> {ok, [#session{}]}.
get_sessions(User, Host) ->
    {ok, [ecm_sm_row:unpack(User, Host, Row) || Row <- ets:lookup(?TABLE, ecm_sm_row:key(User, Host))]}.

%% Called by mod_ecm, too.

%% @doc Writes a session. At no moment is it missing: while the new row is beside the old one, both are found.
-spec set_session(way(), #session{}) -> ok.
set_session(Way, Session) ->
    Row = ecm_sm_row:pack(Session),
    Former = rows(Row) -- [Row],
    mnesia:activity(Way, fun() ->
                             ok = mnesia:write(Row),
                             lists:foreach(fun mnesia:delete_object/1, Former)
                         end).

%% @doc Deletes a session, whatever else its row says.
-spec delete_session(way(), #session{}) -> ok.
delete_session(Way, Session) ->
    Rows = rows(ecm_sm_row:pack(Session)),
    mnesia:activity(Way, fun() -> lists:foreach(fun mnesia:delete_object/1, Rows) end).

%% The rows that there are of the session of a row.
-spec rows(ecm_sm_row:row()) -> [ecm_sm_row:row()].
rows(Row) -> ecm_sm_row:same(Row, ets:lookup(?TABLE, ecm_sm_row:key_of(Row))).

%% The process that forgets the sessions of a node that has gone.

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

-spec init([]) -> {ok, none}.
init([]) ->
    {atomic, ok} = ejabberd_mnesia:create(?MODULE, ?TABLE,
                                          [{ram_copies, [node()]},
                                           {type, bag},
                                           {storage_properties, [{ets, [{read_concurrency, true}]}]},
                                           {attributes, ecm_sm_row:attributes()}]),
    {ok, _} = mnesia:subscribe(system),
    {ok, none}.

-spec handle_call(term(), gen_server:from(), none) -> {noreply, none}.
handle_call(_, _, none) -> {noreply, none}.

-spec handle_cast(term(), none) -> {noreply, none}.
handle_cast(_, none) -> {noreply, none}.

-spec handle_info(term(), none) -> {noreply, none}.
handle_info({mnesia_system_event, {mnesia_down, Node}}, none) ->
    ?INFO_MSG("mod_ecm: node ~ts has left the cluster: its sessions are forgotten", [Node]),
    forget(Node),
    {noreply, none};
handle_info(_, none) ->
    {noreply, none}.

%% Each node forgets for itself. Where two nodes lose each other and a third one loses neither, Mnesia would
%% delete there what is still needed.
-spec forget(node()) -> ok.
forget(Node) ->
    Rows = ecm_ets:fold(fun(Row, Found) -> [Row || ecm_sm_row:is_of_node(Node, Row)] ++ Found end, [], ?TABLE),
    lists:foreach(fun(Row) -> ets:delete_object(?TABLE, Row) end, Rows).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The places of the sessions that have moved: a session keeps its SID, which names the process with which it
%% began. Each node of the cluster has the same table, and asks it where it does not know the process of a SID as
%% one of its own that is alive.
%%
%% The node on which a session is now keeps its rows on the other nodes: tells them to nodes that join, and has
%% them forgotten some time after the session has ended. So there are as many rows as sessions that have moved.

-module(ecm_c2s_place).
-behaviour(gen_server).

-export([find/2, name/2, new_tables/0, put_everywhere/3, start_link/0]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).
-export_type([name/0, place/0]).

-include_lib("ejabberd/include/logger.hrl").

%% The session's process and nonce when it began, as its SID has them; and those that it has now.
-type name() :: {pid(), ecm_sid:nonce()}.
-type place() :: {pid(), ecm_sid:nonce()}.

%% Rows: {name(), pid(), nonce()}; and {pid(), name()} for the sessions of this node.
-define(NAMES, ecm_c2s_place_names).

%% Milliseconds from when a node knows a place until it says so: whoever has found the former place in the table of
%% ejabberd_sm has sent to it by then.
-define(SETTLE, 10).

%% Milliseconds to wait for the other nodes.
-define(TIMEOUT, 5000).

%% Milliseconds for which the place of a session that has ended is known: its client may ask why it has ended.
-define(REMEMBER, 120000).

%% Rows in a message to a node that joins.
-define(CHUNK, 500).

%% @doc Makes the tables. They belong to the caller, the supervisor: they outlive the process of this module.
-spec new_tables() -> ok.
new_tables() ->
    ?MODULE = ets:new(?MODULE, [named_table, public, {read_concurrency, true}]),
    ?NAMES = ets:new(?NAMES, [named_table, public]),
    ok.

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Returns where a session with this process and nonce in its SID is now: there, unless it has moved.
-spec find(pid(), ecm_sid:nonce()) -> place().
find(Session, Nonce) ->
    case lookup(?MODULE, {Session, Nonce}) of
        [{_, Process, Current}] -> {Process, Current};
        [] -> {Session, Nonce}
    end.

%% @doc Returns the name of a session of this node by its process and nonce.
-spec name(pid(), ecm_sid:nonce()) -> name().
name(Session, Nonce) ->
    case lookup(?NAMES, Session) of
        [{_, Name}] -> Name;
        [] -> {Session, Nonce}
    end.

-spec lookup(atom(), term()) -> [tuple()].
lookup(Table, Key) ->
    try ets:lookup(Table, Key)
    catch error:badarg -> []  % the supervisor is starting again
    end.

%% @doc Has all nodes know the place of a session. Returns when they do, and when nobody sends to where it was.
-spec put_everywhere(name(), pid(), ecm_sid:nonce()) -> ok.
put_everywhere(Name, Session, Nonce) ->
    Nodes = [node() | nodes()],
    _ = gen_server:multi_call(Nodes, ?MODULE, {put, [{Name, Session, Nonce}]}, ?TIMEOUT),
    ok.

%% @private The table may be that of an earlier process.
-spec init([]) -> {ok, none}.
init([]) ->
    ok = net_kernel:monitor_nodes(true),
    lists:foreach(fun({Session, _}) -> monitor(process, Session) end, ets:tab2list(?NAMES)),
    abcast(nodes(), {tell, node()}),
    {ok, none}.

%% @private
-spec handle_call(term(), gen_server:from(), none) -> {reply, term(), none} | {noreply, none}.
handle_call({put, Rows}, From, none) ->
    lists:foreach(fun insert/1, Rows),
    _ = erlang:send_after(?SETTLE, self(), {reply, From}),
    {noreply, none};
handle_call(_, _, none) ->
    {reply, {error, badarg}, none}.

%% A node that has told a place before it knew of a later one does not change that back.
-spec insert({name(), pid(), ecm_sid:nonce()}) -> true.
insert({Name, Session, _} = Row) when node(Session) =:= node() ->
    _ = monitor(process, Session),
    true = ets:insert(?NAMES, {Session, Name}),
    true = ets:insert(?MODULE, Row);
insert(Row) ->
    true = ets:insert(?MODULE, Row).

%% @private
-spec handle_cast(term(), none) -> {noreply, none}.
handle_cast({told, Rows}, none) ->
    lists:foreach(fun(Row) -> ets:insert(?MODULE, Row) end, Rows),
    {noreply, none};
handle_cast({tell, Node}, none) ->
    tell(Node),
    {noreply, none};
handle_cast({forget, Name, Session}, none) ->
    _ = ets:match_delete(?MODULE, {Name, Session, '_'}),
    {noreply, none};
handle_cast(_, none) ->
    {noreply, none}.

%% Tells a node where the sessions are that are here.
-spec tell(node()) -> ok.
tell(Node) ->
    Rows = [Row || {Session, Name} <- ets:tab2list(?NAMES),
                   {_, At, _} = Row <- ets:lookup(?MODULE, Name), At =:= Session],
    in_chunks(Rows, Node).

-spec in_chunks([tuple()], node()) -> ok.
in_chunks([], _) ->
    ok;
in_chunks(Rows, Node) ->
    {Chunk, Rest} = lists:split(min(?CHUNK, length(Rows)), Rows),
    abcast([Node], {told, Chunk}),
    in_chunks(Rest, Node).

-spec abcast([node()], term()) -> ok.
abcast(Nodes, Message) ->
    _ = gen_server:abcast(Nodes, ?MODULE, Message),
    ok.

%% @private
-spec handle_info(term(), none) -> {noreply, none}.
handle_info({reply, From}, none) ->
    gen_server:reply(From, ok),
    {noreply, none};
handle_info({nodeup, Node}, none) ->
    tell(Node),
    {noreply, none};
handle_info({nodedown, Node}, none) ->
    Lost = ets:select_delete(?MODULE, [{{'_', '$1', '_'}, [{'=:=', {node, '$1'}, Node}], [true]}]),
    _ = Lost > 0 andalso ?INFO_MSG("Node ~ts is gone, with ~B sessions that had moved there", [Node, Lost]),
    {noreply, none};
handle_info({'DOWN', _, process, Session, _}, none) ->
    _ = [erlang:send_after(?REMEMBER, self(), {ended, Name, Session})
         || {_, Name} <- ets:take(?NAMES, Session)],
    {noreply, none};
handle_info({ended, Name, Session}, none) ->
    abcast([node() | nodes()], {forget, Name, Session}),
    {noreply, none};
handle_info(_, none) ->
    {noreply, none}.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The places of the sessions that have moved: a session keeps its SID, which names the process with which it
%% began. Each node of the cluster has the same table, and asks it where it does not know the process of a SID as
%% one of its own that is alive.
%%
%% The node on which a session is now keeps its rows on the other nodes: tells them to nodes that join, and has
%% them forgotten some time after the session has ended. So there are as many rows as sessions that have moved. The
%% places of a session are numbered: a node that hears of an earlier one later keeps what it has.

-module(ecm_c2s_place).
-behaviour(gen_server).

-export([find/2, left/2, name/2, new_tables/0, put_everywhere/2, start_link/0]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).
-export_type([name/0, numbered/0, place/0]).

-include_lib("ejabberd/include/logger.hrl").

%% The session's process and nonce when it began, as its SID has them; and those that it has now.
-type name() :: {pid(), ecm_sid:nonce()}.
-type place() :: {pid(), ecm_sid:nonce()}.

%% A name, and the number of a place: 0 where the session began.
-type numbered() :: {name(), non_neg_integer()}.

%% Which session a process of this node has, or has had, with this nonce; and the time when that is forgotten.
-type names_row() :: {pid(), ecm_sid:nonce(), numbered(), Due :: integer() | none}.

%% Where a session is.
-type row() :: {name(), pid(), ecm_sid:nonce(), Number :: pos_integer()}.

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
        [{_, Process, Current, _}] -> {Process, Current};
        [] -> {Session, Nonce}
    end.

%% @doc Returns where a session is that has left this process of this node. Each place has a higher number than the one
%% before: whoever asks one node after the other comes to an end.
-spec left(pid(), ecm_sid:nonce()) -> {ok, place()} | error.
left(Session, Nonce) ->
    {Name, Number} = name(Session, Nonce),
    case lookup(?MODULE, Name) of
        [{_, Process, Current, Later}] when Later > Number -> {ok, {Process, Current}};
        _ -> error
    end.

%% @doc Returns the name of a session of this node by its process and nonce, and the number of its place.
-spec name(pid(), ecm_sid:nonce()) -> numbered().
name(Session, Nonce) ->
    case lookup(?NAMES, Session) of
        [{_, Nonce, Numbered, _}] -> Numbered;
        _ -> {{Session, Nonce}, 0}
    end.

-spec lookup(atom(), term()) -> [tuple()].
lookup(Table, Key) ->
    try ets:lookup(Table, Key)
    catch error:badarg -> []  % the supervisor is starting again
    end.

%% @doc Has all nodes know the place of a session. Returns when they do, and when nobody sends to where it was.
-spec put_everywhere(numbered(), place()) -> ok.
put_everywhere({Name, Number}, {Session, Nonce}) ->
    Nodes = [node() | nodes()],
    _ = gen_server:multi_call(Nodes, ?MODULE, {put, [{Name, Session, Nonce, Number}]}, ?TIMEOUT),
    ok.

%% @private The tables may be those of an earlier process.
-spec init([]) -> {ok, none}.
init([]) ->
    ok = net_kernel:monitor_nodes(true),
    lists:foreach(fun watch/1, ets:tab2list(?NAMES)),
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

-spec watch(names_row()) -> any().
watch({Session, _, _, none}) -> monitor(process, Session);
watch({Session, _, {Name, _}, Due}) -> erlang:send_after(Due, self(), {ended, Name, Session}, [{abs, true}]).

-spec insert(row()) -> boolean().
insert({Name, Session, Nonce, Number} = Row) ->
    case lookup(?MODULE, Name) of
        [{_, _, _, Later}] when Later > Number -> false;
        _ ->
            _ = node(Session) =:= node() andalso here({Session, Nonce, {Name, Number}, none}),
            ets:insert(?MODULE, Row)
    end.

-spec here(names_row()) -> any().
here(Row) ->
    true = ets:insert(?NAMES, Row),
    watch(Row).

%% @private
-spec handle_cast(term(), none) -> {noreply, none}.
handle_cast({told, Rows}, none) ->
    lists:foreach(fun insert/1, Rows),
    {noreply, none};
handle_cast({tell, Node}, none) ->
    tell(Node),
    {noreply, none};
handle_cast({forget, Name, Session}, none) ->
    _ = ets:match_delete(?MODULE, {Name, Session, '_', '_'}),
    {noreply, none};
handle_cast(_, none) ->
    {noreply, none}.

%% Tells a node where the sessions are that are here.
-spec tell(node()) -> ok.
tell(Node) ->
    Rows = [Row || {Session, _, {Name, _}, _} <- ets:tab2list(?NAMES),
                   {_, At, _, _} = Row <- ets:lookup(?MODULE, Name), At =:= Session],
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
    Lost = ets:select_delete(?MODULE, [{{'_', '$1', '_', '_'}, [{'=:=', {node, '$1'}, Node}], [true]}]),
    _ = Lost > 0 andalso ?INFO_MSG("Node ~ts is gone, with ~B sessions that had moved there", [Node, Lost]),
    {noreply, none};
handle_info({'DOWN', _, process, Session, _}, none) ->
    lists:foreach(fun ended/1, ets:lookup(?NAMES, Session)),
    {noreply, none};
handle_info({ended, Name, Session}, none) ->
    true = ets:delete(?NAMES, Session),
    abcast([node() | nodes()], {forget, Name, Session}),
    {noreply, none};
handle_info(_, none) ->
    {noreply, none}.

%% The time is in the table, in case this process ends before that.
-spec ended(names_row()) -> any().
ended({_, _, _, none} = Row) ->
    here(setelement(4, Row, erlang:monotonic_time(millisecond) + ?REMEMBER));
ended(_) ->
    ok.

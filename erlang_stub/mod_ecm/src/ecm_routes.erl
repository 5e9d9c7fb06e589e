%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Keeps the routes of this node in ejabberd's table of routes (`router_db_type: mnesia').
%%
%% When a node loses another one, its ejabberd_router_mnesia deletes the routes of the processes there, in a transaction
%% on all nodes that Mnesia has. The first message of it connects the two nodes again, if the network lets it. If Mnesia
%% has not noticed the loss by then, the routes are deleted on the node that was lost as well, where their processes
%% live. From then on that node knows not even its own hosts: what its users write to each other is dropped, with
%% `unregistered_route' in the log, until it is started again.
%%
%% No other node has a reason to delete the route of a process that lives here, so it is written again.

-module(ecm_routes).
-behaviour(gen_server).

-export([start_link/0]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).

-include_lib("ejabberd/include/ejabberd_router.hrl").
-include_lib("ejabberd/include/logger.hrl").

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @private Its priority is high, because a stanza that comes before the route is there again is lost. Where routes are
%% not in Mnesia, there is no such table, and nothing to do.
-spec init([]) -> {ok, none}.
init([]) ->
    _ = process_flag(priority, high),
    case mnesia:subscribe({table, route, simple}) of
        {ok, _} -> ok;
        {error, Reason} -> ?INFO_MSG("The routes of this node are not in Mnesia (~p), and are not watched", [Reason])
    end,
    {ok, none}.

%% @private
-spec handle_call(term(), gen_server:from(), none) -> {reply, {error, badarg}, none}.
handle_call(_, _, none) -> {reply, {error, badarg}, none}.

%% @private
-spec handle_cast(term(), none) -> {noreply, none}.
handle_cast(_, none) -> {noreply, none}.

%% @private
-spec handle_info(term(), none) -> {noreply, none}.
handle_info({mnesia_table_event, {delete_object, #route{pid = Pid} = Route, Activity}}, none)
  when is_pid(Pid), node(Pid) =:= node() ->
    By = by(Activity),
    _ = By =/= node() andalso is_process_alive(Pid) andalso restore(Route, By),
    {noreply, none};
handle_info(_, none) ->
    {noreply, none}.

%% The node that has deleted it. Mnesia's form of an activity is not documented.
-spec by(term()) -> node().
by({tid, _, Pid}) when is_pid(Pid) -> node(Pid);
by({_, Pid}) when is_pid(Pid) -> node(Pid);
by(_) -> node().

%% Mnesia tells of a deletion before it deletes. So the route is written at once, for what is routed meanwhile, and once
%% more in a transaction, which comes behind the deletion on all nodes. A component that shares its host with others has
%% a number (`domain_balancing'), under which ejabberd leaves a row without a process.
-spec restore(#route{}, node()) -> ok.
restore(#route{domain = Domain, local_hint = Hint} = Route, By) ->
    ok = mnesia:ets(fun() -> mnesia:write(Route) end),
    Write = fun() ->
                    ok = mnesia:write(Route),
                    is_integer(Hint) andalso mnesia:delete_object(Route#route{pid = undefined})
            end,
    case mnesia:transaction(Write) of
        {atomic, _} ->
            ?WARNING_MSG("Node ~ts had lost this one, and has deleted the route of ~ts here: it is restored",
                         [By, Domain]);
        {aborted, Reason} ->
            ?ERROR_MSG("Node ~ts has deleted the route of ~ts here, and it cannot be restored: ~p",
                       [By, Domain, Reason])
    end.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The command `ecm_evacuate' of ejabberdctl, and the evacuation of a node that stops.

-module(ecm_evacuation_command).

-export([called/3, evacuate/1, patience/1, register/0, stopping/0]).

-include_lib("ejabberd/include/ejabberd_commands.hrl").
-include_lib("ejabberd/include/logger.hrl").

%% Milliseconds between two lines for whoever has called the command.
-define(INTERVAL, 1000).

%% Milliseconds that a node which stops takes to move its sessions, if no listener says anything else.
-define(PATIENCE, 60000).

-type answer() :: {ok | error, Text :: string()}.

%% @doc Registers the command with ejabberd, and what is done before the sessions end (ecm_c2s). Idempotent.
-spec register() -> ok.
register() ->
    ejabberd_hooks:add(ejabberd_stopping, ?MODULE, stopping, 40),
    ejabberd_hooks:add(api_call, ?MODULE, called, 50),
    ecm_command:define([command()]).

-spec command() -> #ejabberd_commands{}.
command() ->
    #ejabberd_commands{
       name = ecm_evacuate, tags = [ecm, cluster], policy = restricted,
       desc = "Move the sessions of mod_ecm from this node to others: all, NODE,NODE, list, status or stop",
       longdesc = "ecm_evacuate all: to all other nodes of the cluster, the one with the fewest sessions first. Users "
                  "stay logged in and notice nothing. Streams (WebSocket, TCP) are closed in the end, and resumed "
                  "there (XEP-0198). Returns when it is done; then this node takes no new sessions.\n"
                  "ecm_evacuate NODE,NODE: only to these nodes, as list_cluster names them.\n"
                  "ecm_evacuate list: what would move, and what cannot. Nothing moves.\n"
                  "ecm_evacuate status: how far it is, and when it will be done.\n"
                  "ecm_evacuate stop: move no more, and take new sessions again.",
       module = ?MODULE, function = evacuate,
       args = [{what, binary}],
       args_desc = ["all, names of nodes with commas between them, list, status, or stop"],
       args_example = [<<"all">>],
       result = {res, restuple},
       result_desc = "Result tuple",
       result_example = {ok, "This node is empty: 2000 sessions have moved in 10 seconds."}}.

%% @private The command.
-spec evacuate(What :: binary()) -> answer().
evacuate(<<"status">>) -> {ok, text(ecm_evacuation_text:status(ecm_evacuation:status()))};
evacuate(<<"stop">>) -> {ok, text(ecm_evacuation_text:status(ecm_evacuation:stop()))};
evacuate(<<"list">>) -> {ok, text(lists:join("\n", [listed() | offers()]))};
evacuate(<<"all">>) -> to(ecm_evacuation_inventory:other_nodes());
evacuate(Names) -> to_named(binary:split(Names, <<",">>, [global, trim_all])).

-spec listed() -> iolist().
listed() ->
    ecm_evacuation_text:rest({length(ecm_evacuation_inventory:sessions()), ecm_evacuation_inventory:rest()}).

-spec offers() -> [iolist()].
offers() ->
    case ecm_evacuation_inventory:other_nodes() of
        [] -> ["There is no other node in this cluster."];
        Nodes -> lists:map(fun offer/1, Nodes)
    end.

-spec offer(node()) -> iolist().
offer(Node) ->
    case ecm_c2s_move:can_take(Node) of
        {ok, Sessions} -> io_lib:format("~s takes them, and has ~B sessions.", [Node, Sessions]);
        {error, Reason} -> [ecm_evacuation_text:refusal(Node, Reason), "."]
    end.

-spec to_named([binary()]) -> answer().
to_named(Names) ->
    Known = [{atom_to_binary(Node), Node} || Node <- ecm_evacuation_inventory:other_nodes()],
    case [Name || Name <- Names, not lists:keymember(Name, 1, Known)] of
        [] ->
            to([Node || {Name, Node} <- Known, lists:member(Name, Names)]);
        Unknown ->
            {error, text(["No other nodes of this cluster: ", lists:join(", ", Unknown), ". " | others(Known)])}
    end.

-spec others([{Name :: binary(), node()}]) -> iolist().
others([]) -> ["There is none."];
others(Known) -> ["There are: ", lists:join(", ", [Name || {Name, _} <- Known]), "."].

-spec to([node()]) -> answer().
to(Nodes) ->
    Refusals = [ecm_evacuation_text:refusal(Node, Reason)
                || Node <- Nodes, {error, Reason} <- [ecm_c2s_move:can_take(Node)]],
    case willing(Nodes) of
        [] -> {error, text(["There is no other node that takes sessions. " | lists:join("; ", Refusals)])};
        Targets -> begun(ecm_evacuation:start(maps:from_list(Targets), runs), Refusals)
    end.

-spec begun(ok | {error, running}, [iolist()]) -> answer().
begun({error, running}, _) ->
    {error, text(["Sessions are moving already. ", ecm_evacuation_text:status(ecm_evacuation:status())])};
begun(ok, Refusals) ->
    lists:foreach(fun say/1, Refusals),
    say(listed()),
    over(ecm_evacuation:await(?INTERVAL)).

-spec over(ecm_evacuation:status()) -> answer().
over({running, _, Counts}) ->
    say(ecm_evacuation_text:progress(Counts)),
    over(ecm_evacuation:await(?INTERVAL));
over({over, emptied, _, _} = Status) ->
    {ok, text(ecm_evacuation_text:status(Status))};
over(Status) ->
    {error, text(ecm_evacuation_text:status(Status))}.

%% Writes to the terminal of ejabberdctl. Whoever calls the command in another way has none.
-spec say(iolist()) -> any().
say(Text) ->
    _ = node(group_leader()) =/= node() andalso io:format("~ts~n", [Text]).

-spec text(iolist()) -> string().
text(Text) ->
    lists:flatten(io_lib:format("~ts", [Text])).

%% @private Somebody calls a command, with ejabberdctl, over HTTP or otherwise. Those that stop ejabberd end all
%% sessions before any hook of that: so they move or end before, in their order. What is logged for a group leader at
%% another node, as ejabberdctl is, would be dropped.
-spec called(module(), Function :: atom(), Arguments :: list()) -> any().
called(ejabberd_admin, Function, _) when Function =:= stop; Function =:= restart ->
    Caller = group_leader(),
    group_leader(whereis(init), self()),
    stopping(),
    ecm_c2s:stopping(),
    group_leader(Caller, self());
called(_, _, _) -> ok.

%% @private ejabberd stops. If other nodes take the sessions of this node, they move there first.
-spec stopping() -> ok.
stopping() ->
    case {persistent_term:get(?MODULE, ?PATIENCE), willing(ecm_evacuation_inventory:other_nodes())} of
        {0, _} -> ok;
        {_, []} -> ok;
        {Patience, Targets} -> move_for(Patience, maps:from_list(Targets))
    end.

-spec willing([node()]) -> [{node(), non_neg_integer()}].
willing(Nodes) ->
    [{Node, Sessions} || Node <- Nodes, {ok, Sessions} <- [ecm_c2s_move:can_take(Node)]].

-spec move_for(pos_integer(), #{node() => non_neg_integer()}) -> ok.
move_for(Milliseconds, Targets) ->
    ?INFO_MSG("ejabberd stops: sessions move to other nodes first, for ~B seconds at most",
              [Milliseconds div 1000]),
    ecm_link_gate:close(),
    _ = ecm_evacuation:start(Targets, stops),
    case ecm_evacuation:await(Milliseconds) of
        {running, _, #{to_go := ToGo}} ->
            ?WARNING_MSG("ejabberd stops: ~B sessions have not moved in ~B seconds, and end",
                         [ToGo, Milliseconds div 1000]);
        _ -> ok
    end.

%% @doc Sets how many milliseconds a node that stops may take for it; 0: its sessions end where they are.
-spec patience(non_neg_integer()) -> ok.
patience(Milliseconds) ->
    persistent_term:put(?MODULE, Milliseconds).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc An evacuation in words, for operators. Pure.

-module(ecm_evacuation_text).

-export([progress/1, refusal/2, rest/1, status/1]).

%% @doc Returns how far it is.
-spec progress(ecm_evacuation_run:counts()) -> iolist().
progress(#{moved := Moved, to_go := ToGo, left := Left, streams := Streams, seconds_to_go := Seconds}) ->
    [have(Moved), io_lib:format(" moved, ~B are to go, in some ~B seconds", [ToGo, Seconds]),
     [["; ", number(Streams, "stream"), " to close"] || Streams > 0],
     [io_lib:format("; ~B cannot move", [Left]) || Left > 0]].

%% @doc Returns the state of the evacuation.
-spec status(ecm_evacuation:status()) -> iolist().
status(idle) ->
    "No sessions are moved. `ecm_evacuate list' says what would move from this node, and what cannot.";
status({running, Nodes, Counts}) ->
    ["Sessions move to ", names(Nodes), ": ", progress(Counts), "."];
status({over, Result, Counts, #{moved := Moved, left := Left, closed := Closed}}) ->
    [over(Result, Counts),
     [[" ", number(Closed, "stream"), " closed: their clients connect to other nodes."] || Closed > 0],
     [[" To ", name(Node), ": ", number(Sessions, "session"), "."]
      || {Node, Sessions} <- lists:sort(maps:to_list(Moved))],
     [["\n", number(Sessions, "session"), " cannot move: ", reason(Reason), "."] || {Reason, Sessions} <- Left]].

-spec over(term(), ecm_evacuation_run:counts()) -> iolist().
over(emptied, #{to_go := 0, left := 0, moved := Moved, seconds := Seconds}) ->
    ["This node is empty: ", have(Moved), io_lib:format(" moved in ~B seconds. ", [Seconds]), until()];
over(emptied, #{to_go := ToGo, left := Left, moved := Moved}) ->
    [have(Moved), " moved, and ", number(ToGo + Left, "session"),
     " could not: these log in anew when this node stops. ", until()];
over({failed, no_node}, #{to_go := ToGo, moved := Moved}) ->
    ["No node is left that takes sessions: ", have(Moved), " moved, ", number(ToGo, "session"),
     " stay here, and this node takes new ones."];
over(stopped, #{moved := Moved}) ->
    ["Stopped: ", have(Moved), " moved, and this node takes sessions again."].

-spec until() -> string().
until() -> "It takes no sessions until it is started again, or until `ecm_evacuate stop'.".

-spec have(non_neg_integer()) -> iolist().
have(1) -> "1 session has";
have(Sessions) -> io_lib:format("~B sessions have", [Sessions]).

-spec number(non_neg_integer(), string()) -> iolist().
number(1, Noun) -> ["1 ", Noun];
number(Number, Noun) -> io_lib:format("~B ~ss", [Number, Noun]).

-spec reason(term()) -> iolist().
reason({unknown, Key}) ->
    io_lib:format("a module of ejabberd that mod_ecm does not know keeps something in `~p' that cannot leave its "
                  "process", [Key]).

%% @doc Returns why a node takes no sessions of this one.
-spec refusal(node(), ecm_c2s_move:error()) -> iolist().
refusal(Node, no_mod_ecm) ->
    [name(Node), " does not run a mod_ecm that takes sessions: start or update mod_ecm there"];
refusal(Node, draining) ->
    [name(Node), " is emptied itself, or stops, or has no listener of mod_ecm"];
refusal(Node, {version, {Format, Ejabberd}, {Format, Other}}) ->
    [name(Node), " runs ejabberd ", Other, ", and this node ", Ejabberd, ": sessions move only between equal versions"];
refusal(Node, {version, _, _}) ->
    [name(Node), " runs another release of mod_ecm, which has sessions of another form: they cannot move there"].

%% @doc Returns what can move from this node, and what cannot.
-spec rest({Sessions :: non_neg_integer(), ecm_evacuation_inventory:rest()}) -> iolist().
rest({Sessions, #{rooms := Rooms, streams := Streams, sessions := Others}}) ->
    [number(Sessions, "session"), " of mod_ecm can move.",
     [["\nClosed in the end: ", number(Streams, "stream"), " of ECM (WebSocket, TCP). Their clients connect to other "
       "nodes, where they resume (XEP-0198) or log in."] || Streams > 0],
     [["\nCannot move: ", number(Number, "session"), " over ", atom_to_list(Kind),
       ", whose clients connect to this node themselves."] || {Kind, Number} <- Others],
     [["\nCannot move: ", number(Rooms, "room"), " of mod_muc, which end with this node. Those that are persistent "
       "open on another node when somebody enters."] || Rooms > 0]].

-spec names([node()]) -> iolist().
names(Nodes) -> lists:join(", ", lists:map(fun name/1, lists:sort(Nodes))).

-spec name(node()) -> string().
name(Node) -> atom_to_list(Node).

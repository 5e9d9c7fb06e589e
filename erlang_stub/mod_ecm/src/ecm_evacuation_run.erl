%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The way of a node's sessions to other nodes: which one moves next, to which node, and when; and how far it is.
%% Pure: times are in milliseconds.
%%
%% So many sessions move per second, and at a time, that those who are online do not notice it.

-module(ecm_evacuation_run).

-export([begun/3, is_idle/1, is_moving/1, launch/2, lost_node/2, new/3, outcome/3, progress/3, report/1, targets/1]).
-export_type([counts/0, run/0]).

%% Sessions that move in a second, and at a time, for each scheduler of the runtime. Each client that held a request
%% makes another one, so this is also the pace of these.
-define(RATE, 50).
-define(AT_ONCE, 10).

%% `credit' is in thousandths of a session. `left' are those that cannot move, with the reason.
-record(run, {targets :: #{node() => Sessions :: non_neg_integer()},
              rate :: pos_integer(),
              most :: pos_integer(),
              credit = 0 :: non_neg_integer(),
              at :: integer(),
              began :: integer(),
              queue = [] :: [pid()],
              moving = #{} :: #{pid() => node()},
              moved = #{} :: #{node() => pos_integer()},
              again = [] :: [pid()],
              left = #{} :: #{pid() => term()}}).

-opaque run() :: #run{}.

%% `streams' are those that are still to be closed.
-type counts() :: #{moved := non_neg_integer(), to_go := non_neg_integer(), left := non_neg_integer(),
                    streams := non_neg_integer(), seconds := non_neg_integer(), seconds_to_go := non_neg_integer()}.

%% @doc Returns a run to these nodes, which have so many sessions.
-spec new(#{node() => non_neg_integer()}, Schedulers :: pos_integer(), Now :: integer()) -> run().
new(Targets, Schedulers, Now) ->
    #run{targets = Targets, rate = ?RATE * Schedulers, most = ?AT_ONCE * Schedulers, at = Now, began = Now}.

%% @doc Begins a pass over the sessions that are here now. Those that cannot move are left out.
-spec begun([pid()], Now :: integer(), run()) -> run().
begun(Sessions, Now, #run{left = Left} = Run) ->
    Run#run{queue = [Session || Session <- Sessions, not is_map_key(Session, Left)], again = [], at = Now}.

%% @doc Returns the sessions that move now, each to the node with the fewest sessions.
-spec launch(Now :: integer(), run()) -> {[{pid(), node()}], run()}.
launch(Now, #run{credit = Credit, rate = Rate, most = Most, at = At} = Run) ->
    Grown = min(Most * 1000, Credit + (Now - At) * Rate),
    launch([], Run#run{credit = Grown, at = Now}, Now).

-spec launch([{pid(), node()}], run(), integer()) -> {[{pid(), node()}], run()}.
launch(Launched, #run{credit = Credit, queue = [Session | Queue], moving = Moving, most = Most,
                      targets = Targets} = Run, Now)
  when Credit >= 1000, map_size(Moving) < Most, map_size(Targets) > 0 ->
    {_, Node} = lists:min([{Sessions, Target} || {Target, Sessions} <- maps:to_list(Targets)]),
    launch([{Session, Node} | Launched],
           Run#run{credit = Credit - 1000, queue = Queue, moving = Moving#{Session => Node},
                   targets = maps:update_with(Node, fun(Sessions) -> Sessions + 1 end, Targets)}, Now);
launch(Launched, Run, _) ->
    {lists:reverse(Launched), Run}.

%% @doc Notes what has become of the move of a session.
-spec outcome(pid(), ok | {error, term()}, run()) -> run().
outcome(Session, Outcome, #run{moving = Moving} = Run) ->
    {Node, Others} = maps:take(Session, Moving),
    noted(Outcome, Session, Node, counted(Outcome, Node, Run#run{moving = Others})).

%% A node that has not got a session has one less than was planned.
-spec counted(ok | {error, term()}, node(), run()) -> run().
counted({error, _}, Node, #run{targets = Targets} = Run) when is_map_key(Node, Targets) ->
    Run#run{targets = maps:update_with(Node, fun(Sessions) -> Sessions - 1 end, Targets)};
counted(_, _, Run) -> Run.

%% One that is busy, or in the middle of its login, is tried in the next pass; one whose node was lost, too.
-spec noted(ok | {error, term()}, pid(), node(), run()) -> run().
noted(ok, _, Node, #run{moved = Moved} = Run) ->
    Run#run{moved = Moved#{Node => maps:get(Node, Moved, 0) + 1}};
noted({error, Gone}, _, _, Run) when Gone =:= ended; Gone =:= moved; Gone =:= not_ours; Gone =:= ending ->
    Run;
noted({error, {unknown, _} = Reason}, Session, _, #run{left = Left} = Run) ->
    Run#run{left = Left#{Session => Reason}};
noted({error, draining}, Session, Node, Run) ->
    noted({error, busy}, Session, Node, lost_node(Node, Run));
noted({error, _}, Session, _, #run{again = Again} = Run) ->
    Run#run{again = [Session | Again]}.

%% @doc Notes that a node takes no more sessions.
-spec lost_node(node(), run()) -> run().
lost_node(Node, #run{targets = Targets} = Run) ->
    Run#run{targets = maps:remove(Node, Targets)}.

-spec targets(run()) -> [node()].
targets(#run{targets = Targets}) -> maps:keys(Targets).

%% @doc Returns whether nothing moves, and nothing is to move in this pass.
-spec is_idle(run()) -> boolean().
is_idle(#run{queue = Queue, moving = Moving}) -> Queue =:= [] andalso map_size(Moving) =:= 0.

%% @doc Returns whether sessions are on their way.
-spec is_moving(run()) -> boolean().
is_moving(#run{moving = Moving}) -> map_size(Moving) > 0.

%% @doc Returns how far it is, with so many streams, which are closed at the pace of the sessions.
-spec progress(Now :: integer(), Streams :: non_neg_integer(), run()) -> counts().
progress(Now, Streams, #run{began = Began, rate = Rate, left = Left} = Run) ->
    Moved = lists:sum(maps:values(Run#run.moved)),
    ToGo = length(Run#run.queue) + map_size(Run#run.moving) + length(Run#run.again),
    Spent = max(1, Now - Began),
    #{moved => Moved, to_go => ToGo, left => map_size(Left), streams => Streams, seconds => Spent div 1000,
      seconds_to_go => ToGo div speed(Moved, Spent, Rate) + Streams div Rate + 1}.

%% In sessions per second: so far, or as planned if there is nothing to tell from.
-spec speed(non_neg_integer(), pos_integer(), pos_integer()) -> pos_integer().
speed(Moved, Spent, Rate) when Spent < 2000; Moved =:= 0 -> Rate;
speed(Moved, Spent, Rate) -> min(Rate, max(1, Moved * 1000 div Spent)).

%% @doc Returns how many have moved to each node, and why others have not.
-spec report(run()) -> #{moved := #{node() => pos_integer()}, left := [{Reason :: term(), pos_integer()}]}.
report(#run{moved = Moved, left = Left}) ->
    Reasons = maps:values(Left),
    #{moved => Moved, left => [{Reason, length([R || R <- Reasons, R =:= Reason])} || Reason <- lists:usort(Reasons)]}.

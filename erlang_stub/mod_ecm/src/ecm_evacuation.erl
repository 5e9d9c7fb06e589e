%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Empties this node: its sessions move to other nodes of the cluster, while everybody talks.
%%
%% In the first pass links stay open, so that the clients of an ECM which is linked to this node alone notice nothing.
%% Then they drain: there are no newcomers any more, and what is left moves in further passes. The node stays like
%% that until it stops, or until it is told to take sessions again.

-module(ecm_evacuation).
-behaviour(gen_server).

-export([await/1, start/2, start_link/0, status/0, stop/0]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).
-export_type([status/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Milliseconds: between two looks at what moves next, between two passes, and between two lines of the log.
-define(TICK, 50).
-define(PAUSE, 250).
-define(LOG_INTERVAL, 5000).

%% Milliseconds for the last sessions, which are busy or in the middle of a login, from when nothing else is left.
-define(PATIENCE, 30000).

%% Requests that are answered at a time when nothing is left here, and milliseconds between two such times: their
%% clients make the next ones to other nodes. Then streams are closed, one at a time for each scheduler of the runtime:
%% their clients log in there, or resume, which takes more.
-define(REQUESTS, 50).
-define(RELEASE_PAUSE, 20).

%% Milliseconds for the last answers to be written.
-define(WRITTEN, 200).

%% Milliseconds, and tries, for a session to have nothing to do.
-define(BUSY, 20).
-define(TRIES, 25).

-type result() :: emptied | {failed, no_node} | stopped.

-type status() :: idle | {running, [node()], ecm_evacuation_run:counts()} |
                  {over, result(), ecm_evacuation_run:counts(), Report :: map()}.

%% The workers, each with the session that it moves; and in the end the process that has the requests answered which are
%% held on links of this node, for sessions of other nodes, and streams closed. `closed' of these are. `patient' is the
%% time until which the last sessions are waited for.
-record(state, {run = none :: none | ecm_evacuation_run:run(),
                result = none :: none | running | result(),
                then = runs :: runs | stops,
                timer = none :: none | reference(),
                workers = #{} :: #{reference() => pid()},
                releaser = none :: none | {pid(), reference()},
                is_draining = false :: boolean(),
                patient = none :: none | integer(),
                log_at = 0 :: integer(),
                closed = 0 :: non_neg_integer(),
                waiting = [] :: [gen_server:from()]}).

-type next() :: {noreply, #state{}}.

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Begins to move the sessions of this node to these, which have so many sessions. A node that `stops' takes no
%% sessions again if that fails.
-spec start(#{node() => Sessions :: non_neg_integer()}, runs | stops) -> ok | {error, running}.
start(Targets, Then) ->
    gen_server:call(?MODULE, {start, Targets, Then}).

%% @doc Ends it, and has this node take sessions again. Sessions that have moved stay where they are.
-spec stop() -> status().
stop() ->
    gen_server:call(?MODULE, stop).

%% @doc Returns how far it is.
-spec status() -> status().
status() ->
    gen_server:call(?MODULE, status).

%% @doc Returns once it is over, or after so many milliseconds.
-spec await(pos_integer()) -> status().
await(Milliseconds) ->
    try gen_server:call(?MODULE, await, Milliseconds)
    catch exit:{timeout, _} -> status()
    end.

%% @private
-spec init([]) -> {ok, #state{}}.
init([]) ->
    ok = net_kernel:monitor_nodes(true),
    {ok, #state{}}.

%% @private
-spec handle_call(term(), gen_server:from(), #state{}) -> {reply, term(), #state{}} | next().
handle_call({start, _, Then}, _, #state{result = running} = State) ->
    {reply, {error, running}, State#state{then = Then}};
handle_call({start, Targets, Then}, _, State) ->
    Now = now_ms(),
    Run = ecm_evacuation_run:new(Targets, erlang:system_info(schedulers_online), Now),
    Begun = State#state{run = pass(Now, Run), result = running, then = Then, patient = none,
                        workers = #{}, releaser = none, log_at = Now + ?LOG_INTERVAL, closed = 0},
    {reply, ok, again(0, Begun)};
handle_call(await, From, #state{result = running, waiting = Waiting} = State) ->
    {noreply, State#state{waiting = [From | Waiting]}};
handle_call(stop, _, State) ->
    Stopped = stopped(State),
    {reply, said(Stopped), Stopped};
handle_call(How, _, State) when How =:= status; How =:= await ->
    {reply, said(State), State};
handle_call(_, _, State) ->
    {reply, {error, badarg}, State}.

%% @private
-spec handle_cast(term(), #state{}) -> next().
handle_cast(_, State) ->
    {noreply, State}.

%% @private
-spec handle_info(term(), #state{}) -> next().
handle_info({timeout, Timer, tick}, #state{timer = Timer, result = running} = State) ->
    {noreply, logged(tick(now_ms(), State))};
handle_info({'DOWN', Monitor, process, _, Reason}, #state{workers = Workers, run = Run} = State)
  when is_map_key(Monitor, Workers) ->
    {Session, Others} = maps:take(Monitor, Workers),
    {noreply, State#state{workers = Others, run = ecm_evacuation_run:outcome(Session, outcome(Reason), Run)}};
handle_info({'DOWN', Monitor, process, _, Reason}, #state{releaser = {_, Monitor}, result = running} = State) ->
    {noreply, closed(Reason, State#state{releaser = none})};
handle_info({nodedown, Node}, #state{run = Run} = State) when Run =/= none ->
    {noreply, State#state{run = ecm_evacuation_run:lost_node(Node, Run)}};
handle_info(_, State) ->
    {noreply, State}.

-spec outcome(Exit :: term()) -> ok | {error, term()}.
outcome({moved, Outcome}) -> Outcome;
outcome(Reason) -> {error, {lost, Reason}}.

%% The sessions of streams that are closed can move, if their clients may come back to them.
-spec closed(Exit :: term(), #state{}) -> #state{}.
closed({closed, Streams}, #state{closed = Before} = State) when Streams > 0 ->
    again(?PAUSE, State#state{closed = Before + Streams, patient = none});
closed(_, State) ->
    over(emptied, State).

-spec pass(integer(), ecm_evacuation_run:run()) -> ecm_evacuation_run:run().
pass(Now, Run) ->
    ecm_evacuation_run:begun(ecm_evacuation_inventory:sessions(), Now, Run).

-spec tick(integer(), #state{}) -> #state{}.
tick(Now, #state{run = Run} = State) ->
    case {ecm_evacuation_run:targets(Run), ecm_evacuation_run:is_idle(Run)} of
        {[], _} -> lost(ecm_evacuation_run:is_moving(Run), State);
        {_, false} -> again(?TICK, launched(ecm_evacuation_run:launch(Now, Run), State));
        {_, true} -> next_pass(Now, drained(State))
    end.

%% No node is left. The sessions that were moving go on here, or have moved.
-spec lost(IsMoving :: boolean(), #state{}) -> #state{}.
lost(true, State) -> again(?TICK, State);
lost(false, State) -> over({failed, no_node}, State).

-spec again(non_neg_integer(), #state{}) -> #state{}.
again(Milliseconds, State) ->
    State#state{timer = erlang:start_timer(Milliseconds, self(), tick)}.

-spec launched({[{pid(), node()}], ecm_evacuation_run:run()}, #state{}) -> #state{}.
launched({Launched, Run}, #state{workers = Workers} = State) ->
    New = [{element(2, spawn_monitor(fun() -> exit({moved, move(Session, Node, ?TRIES)}) end)), Session}
           || {Session, Node} <- Launched],
    State#state{run = Run, workers = maps:merge(Workers, maps:from_list(New))}.

-spec move(pid(), node(), Tries :: non_neg_integer()) -> ok | {error, term()}.
move(Session, Node, Tries) ->
    case ecm_c2s_move:move(Session, Node) of
        {error, busy} when Tries > 1 ->
            timer:sleep(?BUSY),
            move(Session, Node, Tries - 1);
        Outcome -> Outcome
    end.

-spec drained(#state{}) -> #state{}.
drained(#state{is_draining = true} = State) -> State;
drained(State) ->
    ecm_link_gate:close(),
    State#state{is_draining = true}.

-spec next_pass(integer(), #state{}) -> #state{}.
next_pass(Now, #state{run = Run, patient = Patient} = State) ->
    Next = pass(Now, Run),
    case ecm_evacuation_run:is_idle(Next) orelse is_integer(Patient) andalso Now >= Patient of
        true -> released(State#state{run = Next});
        false when Patient =:= none -> again(?PAUSE, State#state{run = Next, patient = Now + ?PATIENCE});
        false -> again(?PAUSE, State#state{run = Next})
    end.

-spec released(#state{}) -> #state{}.
released(State) ->
    State#state{releaser = spawn_monitor(fun release/0)}.

-spec release() -> no_return().
release() ->
    ecm_command_pace:in_steps(?REQUESTS, ?RELEASE_PAUSE, fun answer_soon/1, ecm_link_table:all()),
    Told = close_streams([]),
    timer:sleep(?WRITTEN),
    exit({closed, length(Told -- ecm_link_stream_table:sessions())}).

-spec answer_soon({Writer :: pid(), ecm_link_packet:id()}) -> ok.
answer_soon({Writer, Id}) ->
    ecm_link_writer:answer_soon(Writer, Id).

%% Until there are only such as have been told to go: a stream may have been opened before
%% ECM knew that its link drains.
-spec close_streams(Told :: [pid()]) -> Told :: [pid()].
close_streams(Told) ->
    case ecm_link_stream_table:sessions() -- Told of
        [] ->
            Told;
        Sessions ->
            ecm_command_pace:in_steps(erlang:system_info(schedulers_online), ?RELEASE_PAUSE,
                                      fun ecm_link_stream:leave/1, Sessions),
            close_streams(Sessions ++ Told)
    end.

-spec over(result(), #state{}) -> #state{}.
over(Result, #state{waiting = Waiting} = State) ->
    Over = reopened(Result, State#state{result = Result, waiting = []}),
    log_over(Result, Over),
    lists:foreach(fun(From) -> gen_server:reply(From, said(Over)) end, Waiting),
    Over.

%% Sessions that stay need their links.
-spec reopened(result(), #state{}) -> #state{}.
reopened(emptied, State) -> State;
reopened(_, #state{then = stops} = State) -> State;
reopened(_, #state{is_draining = true} = State) ->
    ecm_link_gate:open(),
    State#state{is_draining = false};
reopened(_, State) -> State.

-spec stopped(#state{}) -> #state{}.
stopped(#state{result = running, releaser = {Releaser, _}} = State) ->
    exit(Releaser, kill),
    stopped(State#state{releaser = none});
stopped(#state{result = running} = State) -> over(stopped, State);
stopped(#state{result = emptied} = State) -> reopened(stopped, State#state{result = stopped});
stopped(State) -> State.

-spec said(#state{}) -> status().
said(#state{run = none}) -> idle;
said(#state{run = Run, result = running}) ->
    {running, ecm_evacuation_run:targets(Run), progress(now_ms(), Run)};
said(#state{run = Run, result = Result, closed = Closed}) ->
    {over, Result, progress(now_ms(), Run), (ecm_evacuation_run:report(Run))#{closed => Closed}}.

-spec progress(integer(), ecm_evacuation_run:run()) -> ecm_evacuation_run:counts().
progress(Now, Run) ->
    ecm_evacuation_run:progress(Now, ecm_link_stream_table:count(), Run).

-spec logged(#state{}) -> #state{}.
logged(#state{log_at = At, run = Run, result = running} = State) ->
    Now = now_ms(),
    case Now >= At of
        true ->
            ?INFO_MSG("This node is emptied: ~ts", [ecm_evacuation_text:progress(progress(Now, Run))]),
            State#state{log_at = Now + ?LOG_INTERVAL};
        false ->
            State
    end;
logged(State) -> State.

-spec log_over(result(), #state{}) -> ok.
log_over(Result, State) ->
    ?INFO_MSG("~ts", [ecm_evacuation_text:status(said(State#state{result = Result}))]).

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

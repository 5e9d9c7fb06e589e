%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process of a node that lets newcomers begin their sessions at the pace of the machine (ecm_c2s_pace), so
%% that a crowd which comes at once, as after a restart, does not slow down those who are online. Whoever has no turn
%% yet waits (ecm_c2s_waiting): no process is there for it, and no timeout of ejabberd runs.

-module(ecm_c2s_logins).
-behaviour(gen_server).

-export([await_turn/3, done/0, gone/1, passed_on/1, start_link/0]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).
-export_type([limits/0, newcomer/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Milliseconds between two looks at those who wait.
-define(TICK, 100).

%% Milliseconds in which a login is quick, from its turn on: all that was in progress beside it has not had more of the
%% schedulers.
-define(QUICK, 50).

%% The body of its request has so many bytes. `start' is called with `begins', in a process of its own, when it is the
%% newcomer's turn. If it is not to wait any longer, it is called with `refused', which must not take any time.
-type newcomer() :: #{key := ecm_c2s_waiting:key(), from := ecm_peer:peer(), bytes := non_neg_integer(),
                      start := fun((begins | refused) -> any())}.

%% So many logins may be in progress, so many newcomers from one address may wait, and a body of so many bytes.
-type limits() :: #{max_logins := pos_integer(), max_waiting := pos_integer(), max_body := pos_integer() | infinity}.

%% Milliseconds after which a login has ended; `infinity' if it is too slow to be waited for.
-type took() :: non_neg_integer() | infinity.

%% `load' tells what the schedulers have to do beside logins that take so long.
-record(logins, {load = fun schedulers/1 :: fun((took()) -> busy | idle),
                 pace = ecm_c2s_pace:new() :: ecm_c2s_pace:pace(),
                 waiting = ecm_c2s_waiting:new() :: ecm_c2s_waiting:waiting(),
                 monitors = #{} :: #{pid() => reference()},
                 storm = ecm_c2s_storm:new() :: ecm_c2s_storm:storm(),
                 ticks = false :: boolean()}).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Has a newcomer begin when it is its turn. `Hears' is called with the process that is to hear meanwhile if its
%% client goes. Returns `error' if it need not wait: there is no such process, or its body is one that will be refused.
-spec await_turn(newcomer(), limits(), Hears :: fun((pid()) -> any())) -> ok | error.
await_turn(#{bytes := Bytes}, #{max_body := Longest}, _) when Bytes > Longest ->
    error;
await_turn(Newcomer, Limits, Hears) ->
    case whereis(?MODULE) of
        undefined ->
            error;
        Pid ->
            Hears(Pid),
            gen_server:cast(Pid, {newcomer, Newcomer, Limits})
    end.

%% @doc A newcomer does not wait any more.
-spec gone(ecm_c2s_waiting:key()) -> ok.
gone(Key) ->
    gen_server:cast(?MODULE, {gone, Key}).

%% @doc Another process goes on with the login that the calling process has begun.
-spec passed_on(pid()) -> ok.
passed_on(Session) ->
    gen_server:cast(?MODULE, {passed_on, self(), Session}).

%% @doc The calling process is done with its login.
-spec done() -> ok.
done() ->
    gen_server:cast(?MODULE, {done, self()}).

%% @private
-spec init([]) -> {ok, #logins{}}.
init([]) ->
    {ok, #logins{}}.

%% @private
-spec handle_call(term(), gen_server:from(), #logins{}) -> {reply, {error, badarg}, #logins{}}.
handle_call(_, _, Logins) ->
    {reply, {error, badarg}, Logins}.

%% @private
-spec handle_cast(term(), #logins{}) -> {noreply, #logins{}}.
handle_cast({newcomer, Newcomer, #{max_logins := Limit, max_waiting := Most}}, #logins{pace = Pace} = Logins) ->
    {noreply, newcomer(Newcomer, Most, Logins#logins{pace = ecm_c2s_pace:limit(Limit, Pace)})};
handle_cast({passed_on, From, To}, #logins{pace = Pace} = Logins) ->
    case ecm_c2s_pace:is_in_progress(From, Pace) of
        true -> {noreply, watch(To, forget(From, Logins#logins{pace = ecm_c2s_pace:passed_on(From, To, Pace)}))};
        false -> {noreply, Logins}
    end;
handle_cast({done, Pid}, Logins) ->
    {noreply, let_in(ended(Pid, Logins))};
handle_cast({gone, Key}, #logins{waiting = Waiting} = Logins) ->
    case ecm_c2s_waiting:remove(Key, Waiting) of
        {_, Others} -> {noreply, Logins#logins{waiting = Others}};
        none -> {noreply, Logins}
    end.

%% @private A client that waits is gone; or it may be, and is not kept waiting. A process of a login has ended.
-spec handle_info(term(), #logins{}) -> {noreply, #logins{}}.
handle_info({ecm, {Departure, {Writer, Id, _}}}, #logins{waiting = Waiting} = Logins)
  when Departure =:= gone; Departure =:= half_closed ->
    case ecm_c2s_waiting:remove({Writer, Id}, Waiting) of
        {#{start := Start}, Others} ->
            _ = Departure =:= half_closed andalso Start(refused),
            {noreply, Logins#logins{waiting = Others}};
        none ->
            {noreply, Logins}
    end;
handle_info({'DOWN', _, process, Pid, _}, Logins) ->
    {noreply, let_in(ended(Pid, Logins))};
handle_info(tick, Logins) ->
    {noreply, ticking(look(expire(Logins#logins{ticks = false})))};
handle_info(_, Logins) ->
    {noreply, Logins}.

-spec newcomer(newcomer(), Most :: pos_integer(), #logins{}) -> #logins{}.
newcomer(Newcomer, Most, #logins{pace = Pace, waiting = Waiting} = Logins) ->
    case ecm_c2s_waiting:size(Waiting) =:= 0 andalso ecm_c2s_pace:has_room(Pace) of
        true -> start(Newcomer, Logins);
        false -> wait(Newcomer, Most, Logins)
    end.

-spec wait(newcomer(), Most :: pos_integer(), #logins{}) -> #logins{}.
wait(#{key := Key, from := Peer, bytes := Bytes} = Newcomer, Most, #logins{waiting = Waiting} = Logins) ->
    case ecm_c2s_waiting:add(Key, {network(Peer), Most}, {Bytes, Newcomer}, now_ms(), Waiting) of
        {ok, More} -> ticking(Logins#logins{waiting = More});
        full -> refuse([Newcomer], Logins)
    end.

-spec network(ecm_peer:peer()) -> ecm_c2s_newcomers:network() | local.
network({local, _}) -> local;
network({Address, _}) -> ecm_c2s_newcomers:network(Address).

%% The process has a low priority, as its session has until the login. There may be too many processes.
-spec start(newcomer(), #logins{}) -> #logins{}.
start(#{start := Start} = Newcomer, Logins) ->
    try spawn_opt(fun() -> Start(begins) end, [monitor, {priority, low}]) of
        {Pid, Monitor} -> started(Pid, Monitor, Logins)
    catch
        error:system_limit -> refuse([Newcomer], Logins)
    end.

-spec started(pid(), reference(), #logins{}) -> #logins{}.
started(Pid, Monitor, #logins{pace = Pace, monitors = Monitors, storm = Storm} = Logins) ->
    Logins#logins{pace = ecm_c2s_pace:begun(Pid, now_ms(), Pace), monitors = Monitors#{Pid => Monitor},
                  storm = ecm_c2s_storm:entered(Storm)}.

-spec watch(pid(), #logins{}) -> #logins{}.
watch(Pid, #logins{monitors = Monitors} = Logins) ->
    Logins#logins{monitors = Monitors#{Pid => monitor(process, Pid)}}.

-spec forget(pid(), #logins{}) -> #logins{}.
forget(Pid, #logins{monitors = Monitors} = Logins) ->
    case maps:take(Pid, Monitors) of
        {Monitor, Others} ->
            demonitor(Monitor, [flush]),
            Logins#logins{monitors = Others};
        error ->
            Logins
    end.

-spec ended(pid(), #logins{}) -> #logins{}.
ended(Pid, #logins{pace = Pace} = Logins) ->
    Load = load(ecm_c2s_pace:age(Pid, now_ms(), Pace), Logins),
    forget(Pid, Logins#logins{pace = ecm_c2s_pace:ended(Pid, Load, Pace)}).

-spec load(took(), #logins{}) -> ecm_c2s_pace:load().
load(Took, #logins{load = Load, waiting = Waiting}) ->
    case ecm_c2s_waiting:size(Waiting) of
        0 -> unwanted;
        _ -> Load(Took)
    end.

%% They are busy if logins are slow, and a process waits for each scheduler, of a login or for anything else.
-spec schedulers(took()) -> busy | idle.
schedulers(Took) when Took =< ?QUICK ->
    idle;
schedulers(_) ->
    case erlang:statistics(total_run_queue_lengths_all) < erlang:system_info(schedulers_online) of
        true -> idle;
        false -> busy
    end.

%% Lets in as many as there is room for.
-spec let_in(#logins{}) -> #logins{}.
let_in(#logins{pace = Pace, waiting = Waiting} = Logins) ->
    case ecm_c2s_pace:has_room(Pace) andalso ecm_c2s_waiting:take(Waiting) of
        {Newcomer, Others} -> let_in(start(Newcomer, Logins#logins{waiting = Others}));
        _ -> Logins
    end.

-spec refuse([newcomer()], #logins{}) -> #logins{}.
refuse([], Logins) ->
    Logins;
refuse(Newcomers, #logins{storm = Storm} = Logins) ->
    lists:foreach(fun(#{start := Start}) -> Start(refused) end, Newcomers),
    ticking(Logins#logins{storm = ecm_c2s_storm:refused(length(Newcomers), Storm)}).

%% Ends what has taken too long: logins, and the patience of those who wait.
-spec expire(#logins{}) -> #logins{}.
expire(#logins{pace = Pace} = Logins) ->
    {Overdue, Others} = ecm_c2s_pace:overdue(now_ms(), load(infinity, Logins), Pace),
    Next = let_in(lists:foldl(fun forget/2, Logins#logins{pace = Others}, Overdue)),
    {Newcomers, Waiting} = ecm_c2s_waiting:expired(now_ms(), Next#logins.waiting),
    refuse(Newcomers, Next#logins{waiting = Waiting}).

-spec look(#logins{}) -> #logins{}.
look(#logins{waiting = Waiting, pace = Pace, storm = Storm} = Logins) ->
    Now = now_ms(),
    Age = ecm_c2s_waiting:age(Now, Waiting),
    {News, Next} = ecm_c2s_storm:look(ecm_c2s_waiting:size(Waiting), Age, Now, Storm),
    log(News, ecm_c2s_pace:size(Pace)),
    Logins#logins{storm = Next}.

-spec log(none | ecm_c2s_storm:news(), InProgress :: non_neg_integer()) -> ok.
log(none, _) ->
    ok;
log({begins, Waiting}, InProgress) ->
    ?INFO_MSG("Login storm: ~B new sessions wait for their turn, ~B logins are in progress", [Waiting, InProgress]);
log({goes_on, Waiting, Entered, Refused}, InProgress) ->
    ?INFO_MSG("Login storm: ~B new sessions wait for their turn, ~B logins are in progress; since the last such "
              "line ~B have begun, ~B were refused", [Waiting, InProgress, Entered, Refused]);
log({over, Seconds, Entered, Refused}, _) ->
    ?INFO_MSG("Login storm: over after ~B seconds; ~B new sessions have begun, ~B were refused",
              [Seconds, Entered, Refused]).

%% While somebody waits, or the log has something to say. After that, the next crowd begins as the first one did.
-spec ticking(#logins{}) -> #logins{}.
ticking(#logins{ticks = false, pace = Pace, waiting = Waiting, storm = Storm} = Logins) ->
    case ecm_c2s_waiting:size(Waiting) =:= 0 andalso ecm_c2s_storm:is_calm(Storm) of
        true ->
            Logins#logins{pace = ecm_c2s_pace:calmed(Pace)};
        false ->
            _ = erlang:send_after(?TICK, self(), tick),
            Logins#logins{ticks = true}
    end;
ticking(Logins) ->
    Logins.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

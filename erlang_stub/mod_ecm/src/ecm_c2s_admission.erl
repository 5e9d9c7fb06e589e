%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process of a node that lets new sessions in, and knows those that have not logged in
%% (ecm_c2s_newcomers). A session that has logged in is nothing to it any more.

-module(ecm_c2s_admission).
-behaviour(gen_server).

-export([auth_result/3, enter/2, start/0, stay/2]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).

-include_lib("ejabberd/include/logger.hrl").

%% Milliseconds between two looks at what may be forgotten, and between two lines in the log about
%% those who were refused.
-define(TICK, 10000).

%% `watched' are the processes that have entered; `refused' is how many of those who were not let in
%% have not been told of in the log, and where the last one came from.
-record(porter, {newcomers = ecm_c2s_newcomers:new() :: ecm_c2s_newcomers:newcomers(),
                 watched = #{} :: #{pid() => {reference(), ecm_c2s_newcomers:network()}},
                 refused = none :: none | {non_neg_integer(), inet:ip_address()},
                 ticks = false :: boolean()}).

%% @doc Starts it on this node, if it is not there.
-spec start() -> ok.
start() ->
    case gen_server:start({local, ?MODULE}, ?MODULE, [], []) of
        {ok, _} -> ok;
        {error, {already_started, _}} -> ok
    end.

%% @doc Asks whether the calling process may begin a session for somebody at this address. What has no
%% address of its own, as on a UNIX socket, is not counted. Where nobody is asked, it may.
-spec enter(ecm_peer:peer(), ecm_c2s_newcomers:limits()) -> ok | refused.
enter({local, _}, _) ->
    ok;
enter({Address, _}, Limits) ->
    try gen_server:call(?MODULE, {enter, Address, Limits})
    catch exit:_ -> start()
    end.

%% @doc The session of the calling process goes on in another one.
-spec stay(Session :: pid(), ecm_peer:peer()) -> ok.
stay(_, {local, _}) -> ok;
stay(Session, _) -> gen_server:cast(?MODULE, {stay, self(), Session}).

%% @private The hook of ejabberd: somebody has tried to log in, in the session of the calling process.
-spec auth_result(State, true | {false, term()}, User :: binary()) -> State.
auth_result(State, true, _) ->
    ecm_c2s:logged_in(),
    _ = ecm_c2s:is_session() andalso gen_server:cast(?MODULE, {leave, self()}),
    State;
auth_result(State, _, _) ->
    State.

%% @private
-spec init([]) -> {ok, #porter{}}.
init([]) ->
    {ok, #porter{}}.

%% @private
-spec handle_call(term(), gen_server:from(), #porter{}) -> {reply, ok | refused, #porter{}}.
handle_call({enter, Address, Limits}, {Pid, _}, #porter{newcomers = Newcomers} = Porter) ->
    Network = ecm_c2s_newcomers:network(Address),
    case ecm_c2s_newcomers:enter(Network, Limits, now_ms(), Newcomers) of
        {ok, Next} ->
            {reply, ok, ticking(watch(Pid, Network, Porter#porter{newcomers = Next}))};
        refused ->
            {reply, refused, ticking(refused(Address, Limits, Porter))}
    end.

%% @private
-spec handle_cast(term(), #porter{}) -> {noreply, #porter{}}.
handle_cast({stay, Pid, Session}, #porter{watched = Watched} = Porter) ->
    case Watched of
        #{Pid := {Monitor, Network}} ->
            demonitor(Monitor, [flush]),
            Left = Porter#porter{watched = maps:remove(Pid, Watched)},
            {noreply, watch(Session, Network, Left)};
        #{} ->
            {noreply, Porter}
    end;
handle_cast({leave, Pid}, Porter) ->
    {noreply, left(Pid, Porter)}.

%% @private
-spec handle_info(term(), #porter{}) -> {noreply, #porter{}}.
handle_info({'DOWN', _, process, Pid, _}, Porter) ->
    {noreply, left(Pid, Porter)};
handle_info(tick, #porter{newcomers = Newcomers} = Porter) ->
    Tidy = said(Porter#porter{newcomers = ecm_c2s_newcomers:tidy(now_ms(), Newcomers), ticks = false}),
    case ecm_c2s_newcomers:size(Tidy#porter.newcomers) of
        0 -> {noreply, Tidy};
        _ -> {noreply, ticking(Tidy)}
    end;
handle_info(_, Porter) ->
    {noreply, Porter}.

-spec watch(pid(), ecm_c2s_newcomers:network(), #porter{}) -> #porter{}.
watch(Pid, Network, #porter{watched = Watched} = Porter) ->
    Porter#porter{watched = Watched#{Pid => {monitor(process, Pid), Network}}}.

%% It has logged in, or has ended, however it did.
-spec left(pid(), #porter{}) -> #porter{}.
left(Pid, #porter{watched = Watched, newcomers = Newcomers} = Porter) ->
    case maps:take(Pid, Watched) of
        {{Monitor, Network}, Rest} ->
            demonitor(Monitor, [flush]),
            Porter#porter{watched = Rest,
                          newcomers = ecm_c2s_newcomers:leave(Network, now_ms(), Newcomers)};
        error ->
            Porter
    end.

%% The first is told of at once, the others together.
-spec refused(inet:ip_address(), ecm_c2s_newcomers:limits(), #porter{}) -> #porter{}.
refused(Address, Limits, #porter{refused = none} = Porter) ->
    #{max_newcomers := Most, newcomer_rate := Rate} = Limits,
    ?WARNING_MSG("A new session of ~s is refused: max_newcomers is ~B sessions of an address that have "
                 "not logged in, newcomer_rate ~B in a second", [inet:ntoa(Address), Most, Rate]),
    Porter#porter{refused = {0, Address}};
refused(Address, _, #porter{refused = {Number, _}} = Porter) ->
    Porter#porter{refused = {Number + 1, Address}}.

-spec said(#porter{}) -> #porter{}.
said(#porter{refused = {Number, Address}} = Porter) when Number > 0 ->
    ?WARNING_MSG("~B more new sessions were refused in ~B seconds, the last one of ~s",
                 [Number, ?TICK div 1000, inet:ntoa(Address)]),
    Porter#porter{refused = {0, Address}};
said(Porter) ->
    Porter#porter{refused = none}.

-spec ticking(#porter{}) -> #porter{}.
ticking(#porter{ticks = true} = Porter) ->
    Porter;
ticking(Porter) ->
    _ = erlang:send_after(?TICK, self(), tick),
    Porter#porter{ticks = true}.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

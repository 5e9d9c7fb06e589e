%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Admission control: the process of a node that lets new sessions in, within limits for each address
%% (ecm_c2s_newcomers). It knows the sessions that have not logged in, and forgets them when they do.

-module(ecm_c2s_admission).
-behaviour(gen_server).

-export([count/0, enter/2, exceeded/1, leave/0, new_table/0, newcomers/0, start_link/0, stay/2]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).

-include_lib("ejabberd/include/logger.hrl").

%% Milliseconds between two removals of addresses without sessions, and between two log lines of a kind.
-define(TICK, 10000).

%% What the log says of sessions: they were refused, or a request before the login exceeds a limit.
-type kind() :: refused | exceeded.

%% `unlogged' counts the sessions that the log does not have yet, with the name of the last one's address.
-record(admission, {newcomers = ecm_c2s_newcomers:new() :: ecm_c2s_newcomers:newcomers(),
                    unlogged = #{} :: #{kind() => {non_neg_integer(), Name :: string()}},
                    ticks = false :: boolean()}).

%% A row of the table: a process that has entered, its monitor, and what it is counted by. The process
%% itself notes there that it has logged in, in case its message is lost with the process of this module.
-type row() :: {pid(), reference(), ecm_c2s_newcomers:network(), Rate :: pos_integer(),
                HasLoggedIn :: boolean()}.

%% The place of the last one.
-define(HAS_LOGGED_IN, 5).

%% @doc Makes the table of the sessions that have not logged in. It belongs to the caller, the supervisor:
%% they stay counted when the process of this module is started again.
-spec new_table() -> ok.
new_table() ->
    ?MODULE = ets:new(?MODULE, [named_table, public]),
    ok.

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Asks whether the calling process may begin a session for a client at this address. A UNIX socket
%% has no address, and is not counted. While there is no process to ask, all may enter.
-spec enter(ecm_peer:peer(), ecm_c2s_newcomers:limits()) -> ok | refused.
enter({local, _}, _) ->
    ok;
enter({Address, _}, Limits) ->
    try gen_server:call(?MODULE, {enter, Address, Limits})
    catch exit:_ -> ok
    end.

%% @doc The session of the calling process goes on in another one.
-spec stay(Session :: pid(), ecm_peer:peer()) -> ok.
stay(_, {local, _}) -> ok;
stay(Session, _) -> gen_server:cast(?MODULE, {stay, self(), Session}).

%% @doc Has the log say that a request of the calling process, or the session, exceeds a limit, if its client
%% has not logged in.
-spec exceeded(ecm_bosh_oversize:excess()) -> ok.
exceeded(Limit) ->
    gen_server:cast(?MODULE, {exceeded, self(), Limit}).

%% @doc Notes that the client of the calling process has logged in.
-spec leave() -> ok.
leave() ->
    try ets:update_element(?MODULE, self(), {?HAS_LOGGED_IN, true})
    catch error:badarg -> false  % the table has gone, with the supervisor
    end,
    gen_server:cast(?MODULE, {leave, self()}).

%% @doc Returns the number of sessions whose clients have not logged in.
-spec count() -> non_neg_integer().
count() ->
    case ets:info(?MODULE, size) of
        undefined -> 0;
        Size -> Size
    end.

%% @doc Returns the processes that have entered, and whose clients have not logged in.
-spec newcomers() -> [pid()].
newcomers() ->
    [Process || {Process, _, _, _, false} <- ets:tab2list(?MODULE)].

%% @private Counts again those who entered before, when there was another process.
-spec init([]) -> {ok, #admission{}}.
init([]) ->
    {ok, lists:foldl(fun restore/2, #admission{}, ets:tab2list(?MODULE))}.

-spec restore(row(), #admission{}) -> #admission{}.
restore({Pid, _, _, _, true}, Admission) ->
    ets:delete(?MODULE, Pid),
    Admission;
restore({Pid, _, Network, Rate, false}, #admission{newcomers = Newcomers} = Admission) ->
    watch(Pid, Network, Rate),
    Restored = ecm_c2s_newcomers:restore(Network, Rate, now_ms(), Newcomers),
    ticking(Admission#admission{newcomers = Restored}).

%% @private
-spec handle_call(term(), gen_server:from(), #admission{}) -> {reply, ok | refused, #admission{}}.
handle_call({enter, Address, Limits}, {Pid, _}, #admission{newcomers = Newcomers} = Admission) ->
    Network = ecm_c2s_newcomers:network(Address),
    case ecm_c2s_newcomers:enter(Network, Limits, now_ms(), Newcomers) of
        {ok, Next} ->
            watch(Pid, Network, maps:get(newcomer_rate, Limits)),
            {reply, ok, ticking(Admission#admission{newcomers = Next})};
        refused ->
            {reply, refused, ticking(noted(refused, inet:ntoa(Address), refusal(Limits), Admission))}
    end.

%% @private
-spec handle_cast(term(), #admission{}) -> {noreply, #admission{}}.
handle_cast({stay, Pid, Session}, Admission) ->
    case ets:take(?MODULE, Pid) of
        [{_, Monitor, Network, Rate, _}] ->
            demonitor(Monitor, [flush]),
            watch(Session, Network, Rate);
        [] ->
            ok
    end,
    {noreply, Admission};
handle_cast({leave, Pid}, Admission) ->
    {noreply, left(Pid, Admission)};
handle_cast({exceeded, Pid, Limit}, Admission) ->
    case ets:lookup(?MODULE, Pid) of
        [{_, _, Network, _, false}] ->
            {noreply, ticking(noted(exceeded, ecm_c2s_newcomers:name(Network), excess(Limit), Admission))};
        _ ->
            {noreply, Admission}
    end.

%% @private
-spec handle_info(term(), #admission{}) -> {noreply, #admission{}}.
handle_info({'DOWN', _, process, Pid, _}, Admission) ->
    {noreply, left(Pid, Admission)};
handle_info(tick, #admission{newcomers = Newcomers} = Admission) ->
    Tidied = ecm_c2s_newcomers:tidy(now_ms(), Newcomers),
    Unlogged = maps:filter(fun log_rest/2, Admission#admission.unlogged),
    Again = maps:map(fun(_, {_, Name}) -> {0, Name} end, Unlogged),
    Tidy = Admission#admission{newcomers = Tidied, unlogged = Again, ticks = false},
    case ecm_c2s_newcomers:size(Tidied) + map_size(Again) of
        0 -> {noreply, Tidy};
        _ -> {noreply, ticking(Tidy)}
    end;
handle_info(_, Admission) ->
    {noreply, Admission}.

-spec watch(pid(), ecm_c2s_newcomers:network(), Rate :: pos_integer()) -> true.
watch(Pid, Network, Rate) ->
    ets:insert(?MODULE, {Pid, monitor(process, Pid), Network, Rate, false}).

%% The session has logged in, or has ended.
-spec left(pid(), #admission{}) -> #admission{}.
left(Pid, #admission{newcomers = Newcomers} = Admission) ->
    case ets:take(?MODULE, Pid) of
        [{_, Monitor, Network, _, _}] ->
            demonitor(Monitor, [flush]),
            Left = ecm_c2s_newcomers:leave(Network, now_ms(), Newcomers),
            Admission#admission{newcomers = Left};
        [] ->
            Admission
    end.

%% The first one of a kind is logged at once, the others together.
-spec noted(kind(), Name :: string(), Reason :: iolist(), #admission{}) -> #admission{}.
noted(Kind, Name, Reason, #admission{unlogged = Unlogged} = Admission) ->
    Number = case Unlogged of
                 #{Kind := {Before, _}} -> Before + 1;
                 #{} -> log_first(Kind, Name, Reason)
             end,
    Admission#admission{unlogged = Unlogged#{Kind => {Number, Name}}}.

-spec log_first(kind(), string(), iolist()) -> 0.
log_first(refused, Name, Reason) ->
    ?WARNING_MSG("New session from ~s refused: ~s", [Name, Reason]),
    0;
log_first(exceeded, Name, Reason) ->
    ?WARNING_MSG("Session from ~s ended before the login: a request exceeds ~s", [Name, Reason]),
    0.

-spec refusal(ecm_c2s_newcomers:limits()) -> iolist().
refusal(#{max_newcomers := Most, newcomer_rate := Rate}) ->
    io_lib:format("max_newcomers is ~B sessions of an address that have not logged in, newcomer_rate ~B per "
                  "second", [Most, Rate]).

-spec excess(ecm_bosh_oversize:excess()) -> string().
excess(bytes) -> "pre_auth_max_stanza_size";
excess(elements) -> "pre_auth_max_stanza_elements";
excess(stanzas) -> "the number of stanzas".

%% Returns whether there was something to log.
-spec log_rest(kind(), {non_neg_integer(), Name :: string()}) -> boolean().
log_rest(_, {0, _}) ->
    false;
log_rest(refused, {Number, Name}) ->
    ?WARNING_MSG("~B more new sessions refused in ~B seconds, the last one from ~s",
                 [Number, ?TICK div 1000, Name]),
    true;
log_rest(exceeded, {Number, Name}) ->
    ?WARNING_MSG("~B more sessions ended before the login in ~B seconds for requests that exceed a limit, "
                 "the last one from ~s", [Number, ?TICK div 1000, Name]),
    true.

-spec ticking(#admission{}) -> #admission{}.
ticking(#admission{ticks = true} = Admission) ->
    Admission;
ticking(Admission) ->
    _ = erlang:send_after(?TICK, self(), tick),
    Admission#admission{ticks = true}.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

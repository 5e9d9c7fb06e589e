%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The supervisor of the processes that a node has once, for all listeners and hosts.
%%
%% Its name is not mod_ecm_sup: under that name ejabberd_listener starts the supervisor of the links.
%%
%% A process that is killed is started again, and goes on: what must outlive it is in tables that this
%% supervisor owns, or that have an owner of their own (ecm_c2s_timeouts).

-module(ecm_sup).
-behaviour(supervisor).

-export([start/0, start_link/0]).
-export([init/1]).

%% More restarts than INTENSITY within PERIOD seconds end the supervisor, and its own supervisor starts
%% it again: the same limit as that of ejabberd's supervisors.
-define(INTENSITY, 10).
-define(PERIOD, 1).

-define(WORKERS, [ecm_link_heir, ecm_router_proxy, ecm_c2s_admission, ecm_c2s_logins, ecm_c2s_farewell,
                  ecm_c2s_place, ecm_c2s_offline, ecm_c2s_timeouts, ecm_c2s_too_long, ecm_evacuation, ecm_routes]).

%% @doc Starts the supervisor unless it runs. Whoever needs it first calls this: a host with the module
%% mod_ecm, or a listener. Its parent is the supervisor of ejabberd's modules, because those start while
%% ejabberd_sup itself is starting, and cannot take a child. If that one is started again, for the failures
%% of any module, it has forgotten this child: so links call this from time to time.
-spec start() -> ok.
start() ->
    ecm_supervision:ensure(?MODULE, ejabberd_gen_mod_sup).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

%% @private
-spec init([]) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init([]) ->
    lists:foreach(fun await_end/1, ?WORKERS),
    ecm_c2s_admission:new_table(),
    ecm_c2s_farewell:new_tables(),
    ecm_c2s_place:new_tables(),
    ecm_c2s_offline:new_table(),
    ecm_c2s_timeouts:new_table(),
    ok = ecm_stats:new_table(),
    {ok, {#{intensity => ?INTENSITY, period => ?PERIOD},
          [#{id => Module, start => {Module, start_link, []}} || Module <- ?WORKERS]}}.

%% Of a process that has the name of a worker. When this supervisor is killed, its parent starts it again
%% while the workers may still have their names. Start after start would fail, and the parent would end,
%% with all modules of ejabberd.
-spec await_end(atom()) -> ok.
await_end(Name) ->
    Monitor = monitor(process, Name),
    _ = [exit(Pid, kill) || Pid <- [whereis(Name)], is_pid(Pid)],
    receive {'DOWN', Monitor, process, _, _} -> ok end.

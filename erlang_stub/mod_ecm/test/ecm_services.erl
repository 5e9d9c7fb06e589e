%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: the processes that a node has once, with or without the supervisor of ejabberd's
%% modules.

-module(ecm_services).
-behaviour(supervisor).

-export([await_another/2, ensure/0, kill/1, start/0, start_named/1, start_parent/0, start_parent/1, stop/0,
         stop_named/1]).
-export([init/1]).

%% @doc Starts new ones.
start() ->
    stop(),
    ensure(ecm_sup),
    ensure(ecm_link_sup).

%% @doc Starts them unless they run.
ensure() ->
    ensure(ecm_sup),
    ensure(ecm_link_sup).

ensure(Module) ->
    case whereis(Module) of
        undefined -> start(Module:start_link());
        _ -> ok
    end.

start({ok, Sup}) ->
    true = unlink(Sup),
    ok.

%% @doc Starts the supervisors of ejabberd and of its modules, and stops what ran before.
start_parent() ->
    stop(),
    lists:foreach(fun start_parent/1, [ejabberd_sup, ejabberd_gen_mod_sup]).

%% @doc Starts a new one of them.
start_parent(Name) ->
    terminate(whereis(Name)),
    start(supervisor:start_link({local, Name}, ?MODULE, [])).

%% @private
init([]) ->
    {ok, {#{intensity => 10, period => 1}, []}}.

stop() ->
    lists:foreach(fun(Name) -> terminate(whereis(Name)) end,
                  [ejabberd_gen_mod_sup, ejabberd_sup, ecm_sup, ecm_link_sup]).

%% @doc Starts a process that does nothing, in place of one of ejabberd.
start_named(Name) ->
    {Pid, Monitor} = spawn_monitor(fun() -> receive never -> ok end end),
    true = register(Name, Pid),
    {Pid, Monitor}.

stop_named({Pid, Monitor}) ->
    exit(Pid, shutdown),
    receive {'DOWN', Monitor, process, Pid, _} -> ok end.

terminate(undefined) ->
    ok;
terminate(Sup) ->
    Monitor = monitor(process, Sup),
    ok = sys:terminate(Sup, shutdown),
    receive {'DOWN', Monitor, process, Sup, _} -> ok end.

%% @doc Kills a process, and returns the next one with its name.
kill(Name) ->
    Killed = whereis(Name),
    exit(Killed, kill),
    await_another(Name, Killed).

await_another(Name, Before) ->
    ecm_link_pair:await(fun() -> not lists:member(whereis(Name), [undefined, Before]) end),
    New = whereis(Name),
    _ = sys:get_state(New),
    New.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: the processes that a node has once, with or without the supervisor of ejabberd's
%% modules.

-module(ecm_services).
-behaviour(supervisor).

-export([await_another/2, ensure/0, kill/1, start/0, start_parent/0, stop/0]).
-export([init/1]).

%% @doc Starts new ones.
start() ->
    stop(),
    {ok, Sup} = ecm_sup:start_link(),
    true = unlink(Sup),
    ok.

%% @doc Starts them unless they run.
ensure() ->
    case whereis(ecm_sup) of
        undefined -> start();
        _ -> ok
    end.

%% @doc Starts the supervisor of ejabberd's modules, and stops what ran before.
start_parent() ->
    stop(),
    {ok, Parent} = supervisor:start_link({local, ejabberd_gen_mod_sup}, ?MODULE, []),
    true = unlink(Parent),
    ok.

%% @private
init([]) ->
    {ok, {#{intensity => 10, period => 1}, []}}.

stop() ->
    lists:foreach(fun(Name) -> terminate(whereis(Name)) end, [ejabberd_gen_mod_sup, ecm_sup]).

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

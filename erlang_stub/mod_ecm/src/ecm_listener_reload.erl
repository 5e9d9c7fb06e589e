%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Listeners whose options have changed, after ejabberd has read its configuration again.
%%
%% ejabberd kills the process of such a listener, and listens again at once. The runtime closes the socket of the killed
%% process a moment later, so that this fails now and then (`eaddrinuse'), and ejabberd reports success. Here, those
%% that do not run are started again.

-module(ecm_listener_reload).

-export([add_hook/0, config_reloaded/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Attempts, and milliseconds between two. The socket is closed within one.
-define(ATTEMPTS, 20).
-define(PAUSE, 50).

%% @doc Adds the hook, which comes after that of ejabberd_listener. Idempotent.
-spec add_hook() -> ok.
add_hook() ->
    ejabberd_hooks:add(config_reloaded, ?MODULE, config_reloaded, 60).

%% @private
-spec config_reloaded() -> ok.
config_reloaded() ->
    Running = [EndPoint || {EndPoint, _, _, _} <- supervisor:which_children(ejabberd_listener)],
    lists:foreach(fun(Listener) -> start(Listener, ?ATTEMPTS) end,
                  [Listener || {EndPoint, mod_ecm, _} = Listener <- ejabberd_option:listen(),
                               not lists:member(EndPoint, Running)]).

%% ejabberd notes the options of those that run, and compares them with new ones.
-spec start({EndPoint :: term(), module(), Opts :: map()}, Attempts :: non_neg_integer()) -> ok.
start({EndPoint, _, _}, 0) ->
    ?CRITICAL_MSG("mod_ecm does not listen at ~0p, where another program does: change the port of one", [EndPoint]);
start({EndPoint, Module, Opts} = Listener, Attempts) ->
    case ejabberd_listener:start_listener(EndPoint, Module, Opts) of
        {ok, _} ->
            true = ets:insert(ejabberd_listener, Listener),
            ok;
        _ ->
            timer:sleep(?PAUSE),
            start(Listener, Attempts - 1)
    end.

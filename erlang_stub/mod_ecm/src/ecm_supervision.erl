%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Supervisors of mod_ecm below those of ejabberd.

-module(ecm_supervision).

-export([ensure/2]).

%% @doc Starts a supervisor, which has the name of its module, below this one, unless it runs.
-spec ensure(Supervisor :: module(), Parent :: atom()) -> ok.
ensure(Supervisor, Parent) ->
    case whereis(Supervisor) of
        undefined -> start(Supervisor, Parent);
        _ -> ok
    end.

-spec start(module(), atom()) -> ok.
start(Supervisor, Parent) ->
    Spec = #{id => Supervisor, start => {Supervisor, start_link, []}, type => supervisor},
    case supervisor:start_child(Parent, Spec) of
        {ok, _} -> ok;
        {error, {already_started, _}} -> ok
    end.

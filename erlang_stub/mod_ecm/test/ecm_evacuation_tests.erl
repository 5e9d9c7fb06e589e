%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that empties a node, without sessions.

-module(ecm_evacuation_tests).

-include_lib("eunit/include/eunit.hrl").

%% The place of `releaser' in the state.
-define(RELEASER, 7).

evacuation_test_() ->
    {setup, fun prepare/0, fun restore/1, [{"begins anew", fun begun_anew/0}]}.

prepare() ->
    ok = ecm_services:start(),
    ecm_config:start([{hosts, global, []}]).

restore(Config) ->
    ecm_config:stop(Config),
    ecm_services:stop().

%% The end of what an earlier one, which was stopped, has begun last is not the end of this one.
begun_anew() ->
    Earlier = make_ref(),
    {ok, Idle} = ecm_evacuation:init([]),
    Stopped = setelement(?RELEASER, Idle, Earlier),
    {reply, ok, Begun} = ecm_evacuation:handle_call({start, #{node() => 0}, runs}, {self(), make_ref()}, Stopped),
    ?assertEqual({noreply, Begun}, ecm_evacuation:handle_info({'DOWN', Earlier, process, self(), normal}, Begun)).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The load that a node tells.

-module(ecm_link_load_tests).

-include_lib("eunit/include/eunit.hrl").

it_grows_with_the_processes_and_those_that_wait_test_() ->
    [?_assertEqual(Load, ecm_link_load:load(Processes, Waiting, Schedulers))
     || {Processes, Waiting, Schedulers, Load} <-
            [{500, 0, 8, 500}, {500, 7, 8, 500}, {500, 8, 8, 1000}, {500, 80, 8, 5500}, {20000, 3, 1, 80000}]].

a_process_is_counted_test() ->
    ?assert(ecm_link_load:load() >= erlang:system_info(process_count) div 2).

%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_restart_progress_tests).

-include_lib("eunit/include/eunit.hrl").

it_speaks_from_time_to_time_test() ->
    Begun = ecm_restart_progress:new(1000, 100),
    ?assertEqual(none, ecm_restart_progress:text(10, 5099, Begun)),
    ?assertEqual(1, ecm_restart_progress:wait(5099, Begun)),
    {Text, Next} = ecm_restart_progress:text(250, 5100, Begun),
    ?assertEqual("250 of 1000 sessions, some 16 seconds to go", lists:flatten(Text)),
    ?assertEqual(none, ecm_restart_progress:text(300, 5101, Next)),
    ?assertEqual(0, ecm_restart_progress:wait(99999, Next)).

it_guesses_nothing_before_the_first_test() ->
    {Text, _} = ecm_restart_progress:text(0, 5000, ecm_restart_progress:new(1000, 0)),
    ?assertEqual("0 of 1000 sessions", lists:flatten(Text)).

%% There are more than it was told.
it_does_not_count_below_none_test() ->
    {Text, _} = ecm_restart_progress:text(1001, 5000, ecm_restart_progress:new(1000, 0)),
    ?assertEqual("1001 of 1000 sessions", lists:flatten(Text)).

it_says_how_long_it_took_test() ->
    ?assertEqual("1.5 seconds", lists:flatten(ecm_restart_progress:seconds(2500, ecm_restart_progress:new(1, 1000)))).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What happens often is logged rarely, and counted.

-module(ecm_tally_tests).

-include_lib("eunit/include/eunit.hrl").

the_first_time_is_logged_at_once_test() ->
    ?assertMatch({true, _}, ecm_tally:add(a, ecm_tally:new())).

further_times_are_a_number_for_each_interval_test() ->
    {true, First} = ecm_tally:add(a, ecm_tally:new()),
    {none, Begun} = ecm_tally:tick(1000, 10, First),
    {false, Second} = ecm_tally:add(b, Begun),
    {false, Third} = ecm_tally:add(c, Second),
    {none, Third} = ecm_tally:tick(10999, 10, Third),
    {{2, c}, Next} = ecm_tally:tick(11000, 10, Third),
    {false, Fourth} = ecm_tally:add(d, Next),
    {none, Fourth} = ecm_tally:tick(20999, 10, Fourth),
    ?assertMatch({{1, d}, _}, ecm_tally:tick(21000, 10, Fourth)).

after_a_quiet_interval_it_is_the_first_time_again_test() ->
    {true, First} = ecm_tally:add(a, ecm_tally:new()),
    {none, Begun} = ecm_tally:tick(0, 10, First),
    {none, Quiet} = ecm_tally:tick(10000, 10, Begun),
    ?assertMatch({true, _}, ecm_tally:add(b, Quiet)).

nothing_is_never_logged_test() ->
    ?assertEqual({none, ecm_tally:new()}, ecm_tally:tick(5, 10, ecm_tally:new())).

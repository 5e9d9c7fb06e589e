%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_timer_tests).

-include_lib("eunit/include/eunit.hrl").

kept_if_a_little_early_test() ->
    Timer = ecm_c2s_timer:set(due(100000), none),
    ?assertEqual(Timer, ecm_c2s_timer:set(due(150000), Timer)),
    none = ecm_c2s_timer:set(infinity, Timer).

moved_if_much_too_early_test() ->
    {Old, _} = Timer = ecm_c2s_timer:set(due(100000), none),
    Due = due(300000),
    {New, Due} = Moved = ecm_c2s_timer:set(Due, Timer),
    ?assertNotEqual(Old, New),
    none = ecm_c2s_timer:set(infinity, Moved).

never_late_test() ->
    Timer = ecm_c2s_timer:set(due(100000), none),
    {Nearer, _} = ecm_c2s_timer:set(due(0), Timer),
    receive {timeout, Reference, ecm} -> ?assertEqual(Nearer, Reference) end.

stopped_test() ->
    {Reference, _} = Timer = ecm_c2s_timer:set(due(100000), none),
    none = ecm_c2s_timer:set(infinity, Timer),
    ?assertEqual(false, erlang:read_timer(Reference)).

due(Milliseconds) ->
    erlang:monotonic_time(millisecond) + Milliseconds.

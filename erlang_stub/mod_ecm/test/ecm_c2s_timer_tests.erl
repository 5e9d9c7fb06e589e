%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_timer_tests).

-include_lib("eunit/include/eunit.hrl").

-define(TABLE, ecm_c2s_timeouts).

%% With the table for what is far away, and without.
timer_test_() ->
    [{foreach, Start, fun(_) -> ecm_services:stop() end,
      [fun(_) -> Test end
       || Test <- [fun kept_if_a_little_early/0, fun moved_if_much_too_early/0, fun never_late/0, fun stopped/0]]}
     || Start <- [fun ecm_services:start/0, fun without_table/0]].

without_table() ->
    ecm_services:stop(),
    _ = [ets:delete(?TABLE) || ets:whereis(?TABLE) =/= undefined].

kept_if_a_little_early() ->
    Timer = ecm_c2s_timer:set(due(100000), none),
    ?assertEqual(Timer, ecm_c2s_timer:set(due(150000), Timer)),
    none = ecm_c2s_timer:set(infinity, Timer).

moved_if_much_too_early() ->
    Timer = ecm_c2s_timer:set(due(100000), none),
    Due = due(300000),
    {_, Due} = Moved = ecm_c2s_timer:set(Due, Timer),
    ?assertNot(is_set(Timer)),
    ?assert(is_set(Moved)),
    none = ecm_c2s_timer:set(infinity, Moved).

never_late() ->
    Timer = ecm_c2s_timer:set(due(100000), none),
    Nearer = ecm_c2s_timer:set(due(0), Timer),
    receive {timeout, Key, ecm} -> ?assert(ecm_c2s_timer:is_over(Key, Nearer)) end,
    ?assertNot(is_set(Timer)).

stopped() ->
    Timer = ecm_c2s_timer:set(due(100000), none),
    ?assert(is_set(Timer)),
    none = ecm_c2s_timer:set(infinity, Timer),
    ?assertNot(is_set(Timer)).

%% The message of a timer that was stopped, in the moment in which it came, is that of no other one.
late_messages_test() ->
    Reference = make_ref(),
    Slot = ecm_c2s_timeouts:slot(1000),
    ?assertEqual([true, true, false, false, false, false],
                 [ecm_c2s_timer:is_over(Key, Timer)
                  || {Key, Timer} <- [{Reference, {Reference, 1000}}, {Slot, {far, 1000}},
                                      {Reference, {make_ref(), 1000}}, {Slot, {far, 2000}},
                                      {Slot, {Reference, 1000}}, {Reference, none}]]).

is_set({far, Due}) -> ets:member(?TABLE, {ecm_c2s_timeouts:slot(Due), self()});
is_set({Reference, _}) -> erlang:read_timer(Reference) =/= false.

due(Milliseconds) ->
    erlang:monotonic_time(millisecond) + Milliseconds.

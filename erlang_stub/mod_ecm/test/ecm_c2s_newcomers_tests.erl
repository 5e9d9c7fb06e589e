%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_newcomers_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [integer/2, list/1, oneof/1]).

-define(LIMITS, #{max_newcomers => 3, newcomer_rate => 1}).
-define(HERE, {192, 0, 2, 7}).
-define(THERE, {192, 0, 2, 8}).

an_ipv6_network_is_one_test_() ->
    [?_assertEqual(Expected, ecm_c2s_newcomers:network(Address))
     || {Address, Expected} <- [{{192, 0, 2, 7}, {192, 0, 2, 7}},
                                {{0, 0, 0, 0, 0, 16#FFFF, 16#C000, 16#0207}, {192, 0, 2, 7}},
                                {{16#2001, 16#DB8, 1, 2, 3, 4, 5, 6}, {v6, 16#2001, 16#DB8, 1, 2}}]].

a_network_has_a_name_test_() ->
    [?_assertEqual(Name, ecm_c2s_newcomers:name(ecm_c2s_newcomers:network(Address)))
     || {Address, Name} <- [{{192, 0, 2, 7}, "192.0.2.7"},
                            {{16#2001, 16#DB8, 1, 2, 3, 4, 5, 6}, "2001:db8:1:2::/64"}]].

those_of_one_address_are_few_test() ->
    Three = enter([?HERE, ?HERE, ?HERE], 0, ecm_c2s_newcomers:new()),
    ?assertEqual(refused, ecm_c2s_newcomers:enter(?HERE, ?LIMITS, 0, Three)),
    ?assertMatch({ok, _}, ecm_c2s_newcomers:enter(?THERE, ?LIMITS, 0, Three)),
    Two = ecm_c2s_newcomers:leave(?HERE, 0, Three),
    ?assertMatch({ok, _}, ecm_c2s_newcomers:enter(?HERE, ?LIMITS, 0, Two)).

%% As many at once as may come in ten seconds, and then one in each.
they_come_one_after_the_other_test() ->
    Ten = lists:foldl(fun(_, Before) -> pass(0, Before) end, ecm_c2s_newcomers:new(), lists:seq(1, 10)),
    ?assertEqual(refused, ecm_c2s_newcomers:enter(?HERE, ?LIMITS, 0, Ten)),
    ?assertEqual(refused, ecm_c2s_newcomers:enter(?HERE, ?LIMITS, 999, Ten)),
    Next = pass(1000, Ten),
    ?assertEqual(refused, ecm_c2s_newcomers:enter(?HERE, ?LIMITS, 1000, Next)),
    ?assertMatch({ok, _}, ecm_c2s_newcomers:enter(?HERE, ?LIMITS, 2000, Next)).

pass(Now, Newcomers) ->
    ecm_c2s_newcomers:leave(?HERE, Now, enter([?HERE], Now, Newcomers)).

nothing_is_left_of_those_who_have_gone_test() ->
    Gone = pass(0, ecm_c2s_newcomers:new()),
    ?assertEqual(1, ecm_c2s_newcomers:size(ecm_c2s_newcomers:tidy(999, Gone))),
    ?assertEqual(0, ecm_c2s_newcomers:size(ecm_c2s_newcomers:tidy(1000, Gone))),
    There = enter([?HERE], 0, ecm_c2s_newcomers:new()),
    ?assertEqual(1, ecm_c2s_newcomers:size(ecm_c2s_newcomers:tidy(100000, There))),
    ?assertEqual(0, ecm_c2s_newcomers:size(ecm_c2s_newcomers:leave(?HERE, 100000, There))).

addresses_are_bounded_test_() ->
    {timeout, 60, fun addresses_are_bounded/0}.

addresses_are_bounded() ->
    Full = lists:foldl(fun(N, Before) -> enter([{N bsr 8, N band 255, 0, 1}], 0, Before) end,
                       ecm_c2s_newcomers:new(), lists:seq(0, 65535)),
    ?assertEqual(65536, ecm_c2s_newcomers:size(Full)),
    ?assertEqual(refused, ecm_c2s_newcomers:enter({9, 9, 9, 9}, ?LIMITS, 0, Full)),
    ?assertMatch({ok, _}, ecm_c2s_newcomers:enter({0, 0, 0, 1}, ?LIMITS, 0, Full)),
    Left = ecm_c2s_newcomers:tidy(1000, ecm_c2s_newcomers:leave({0, 0, 0, 1}, 1000, Full)),
    ?assertMatch({ok, _}, ecm_c2s_newcomers:enter({9, 9, 9, 9}, ?LIMITS, 1000, Left)).

enter(Addresses, Now, Newcomers) ->
    lists:foldl(fun(Address, Before) ->
                        {ok, After} = ecm_c2s_newcomers:enter(Address, ?LIMITS, Now, Before),
                        After
                end, Newcomers, Addresses).

%% In any order of arrivals and departures there are never more than allowed, and nothing is left at the
%% end.
limits_hold_test_() ->
    Steps = list({integer(1, 3), oneof([enter, leave, tidy]), integer(0, 3000)}),
    {timeout, 600, fun() -> ecm_property:holds(Steps, fun limits_hold/1, 2000, 20) end}.

limits_hold(Steps) ->
    {Now, There, Left} = lists:foldl(fun step/2, {0, [], ecm_c2s_newcomers:new()}, Steps),
    Gone = lists:foldl(fun(Address, Before) -> ecm_c2s_newcomers:leave(Address, Now, Before) end, Left, There),
    ecm_c2s_newcomers:size(ecm_c2s_newcomers:tidy(Now + 10000, Gone)) =:= 0.

step({Last, enter, Passed}, {Then, There, Before}) ->
    Now = Then + Passed,
    Address = {192, 0, 2, Last},
    case ecm_c2s_newcomers:enter(Address, ?LIMITS, Now, Before) of
        {ok, After} ->
            true = length([A || A <- There, A =:= Address]) < 3,
            {Now, [Address | There], After};
        refused ->
            {Now, There, Before}
    end;
step({Last, leave, Passed}, {Then, There, Before}) ->
    Now = Then + Passed,
    Address = {192, 0, 2, Last},
    case lists:member(Address, There) of
        true -> {Now, lists:delete(Address, There), ecm_c2s_newcomers:leave(Address, Now, Before)};
        false -> {Now, There, Before}
    end;
step({_, tidy, Passed}, {Then, There, Before}) ->
    {Then + Passed, There, ecm_c2s_newcomers:tidy(Then + Passed, Before)}.

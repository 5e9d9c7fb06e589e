%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc How much a BOSH session keeps for a client that does not come, or does not get it.

-module(ecm_session_limit_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_conversation, [talk/2]).

-define(TERMINATE(Condition), #{type => <<"terminate">>, condition => <<Condition>>}).

%% Many may be on their way to a client that is there.
more_than_may_wait_may_be_in_answers_test() ->
    Lags = talk(#{}, [{1, {keeps, [a, b, c]}, []}, {2, {asks, 2}, [{2, [a, b, c]}]}]),
    ?assertEqual({[], Lags}, ecm_session:limit(2, Lags)).

more_than_may_be_kept_of_forgotten_answers_ends_the_session_test() ->
    Lags = talk(#{hold => 0}, [{1, {says, [a]}, []},
                               {1, {asks, 2}, [{2, [a]}]},
                               {1.9, {asks, 3, #{ack => 1}}, [{3, []}]},
                               {7, {asks, 4, #{ack => 1}},
                                [{4, #{report => <<"2">>, time => <<"6000">>}, []}]}]),
    ?assertEqual({[], Lags}, ecm_session:limit(1, Lags)),
    {[], More} = ecm_session:flush(8000, ecm_session:send("<b/>", Lags)),
    ?assertMatch({[{over, <<"policy-violation">>}], _}, ecm_session:limit(1, More)).

more_than_may_wait_ends_the_session_test() ->
    Away = talk(#{}, [{1, {keeps, [a, b, c]}, []}]),
    ?assertEqual({[], Away}, ecm_session:limit(3, Away)),
    {[{over, <<"policy-violation">>}], Ended} = ecm_session:limit(2, Away),
    ?assertEqual(4, length(ecm_session:undelivered(Ended))),  % the features are not confirmed
    ?assertEqual({[], Ended}, ecm_session:limit(2, Ended)),
    {[{answer, here, 200, Told}], _} =
        ecm_session:request(#{rid => 2, els => []}, here, 2000, Ended),
    ?assertEqual({?TERMINATE("policy-violation"), []}, ecm_conversation:answer(Told)).

%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_stream_outbox_tests).

-include_lib("eunit/include/eunit.hrl").

what_comes_first_goes_first_test() ->
    Outbox = outbox([<<"a">>, <<"b">>, <<"c">>]),
    ?assertEqual([<<"a">>, <<"b">>, <<"c">>], ecm_stream_outbox:all(Outbox)),
    {<<"a">>, Rest} = ecm_stream_outbox:take(Outbox),
    {<<"b">>, One} = ecm_stream_outbox:take(ecm_stream_outbox:add(<<"d">>, Rest)),
    ?assertEqual([<<"c">>, <<"d">>], ecm_stream_outbox:all(One)).

an_empty_one_is_as_new_test() ->
    {<<"a">>, Rest} = ecm_stream_outbox:take(outbox([<<"a">>])),
    ?assertEqual(ecm_stream_outbox:new(), Rest),
    ?assert(ecm_stream_outbox:is_empty(Rest)),
    ?assertEqual(none, ecm_stream_outbox:take(Rest)),
    ?assertEqual([], ecm_stream_outbox:all(Rest)),
    ?assertNot(ecm_stream_outbox:exceeds(1, 1, Rest)).

both_limits_hold_test() ->
    Outbox = outbox([<<"ab">>, <<"cd">>, <<"ef">>]),
    ?assertNot(ecm_stream_outbox:exceeds(3, 6, Outbox)),
    ?assert(ecm_stream_outbox:exceeds(2, 6, Outbox)),
    ?assert(ecm_stream_outbox:exceeds(3, 5, Outbox)),
    {_, Rest} = ecm_stream_outbox:take(Outbox),
    ?assertNot(ecm_stream_outbox:exceeds(2, 4, Rest)).

outbox(Messages) ->
    lists:foldl(fun ecm_stream_outbox:add/2, ecm_stream_outbox:new(), Messages).

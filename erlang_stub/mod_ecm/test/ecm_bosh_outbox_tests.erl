%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_bosh_outbox_tests).

-include_lib("eunit/include/eunit.hrl").

outbox(Els) ->
    lists:foldl(fun ecm_bosh_outbox:add/2, ecm_bosh_outbox:new(), Els).

sums(Outbox) ->
    {ecm_bosh_outbox:count(Outbox), ecm_bosh_outbox:bytes(Outbox), ecm_bosh_outbox:els(Outbox)}.

an_empty_one_test() ->
    Empty = ecm_bosh_outbox:new(),
    ?assert(ecm_bosh_outbox:is_empty(Empty)),
    ?assertEqual({ok, [], Empty}, ecm_bosh_outbox:take(1, 1, 1, Empty)),
    ?assertEqual([], ecm_bosh_outbox:ending(100, Empty)).

elements_are_counted_as_they_come_and_go_test() ->
    Outbox = outbox([<<"a">>, <<"bb">>, <<"ccc">>]),
    ?assertEqual({3, 6, [<<"a">>, <<"bb">>, <<"ccc">>]}, sums(Outbox)),
    {ok, [<<"a">>, <<"bb">>], Rest} = ecm_bosh_outbox:take(2, 100, 100, Outbox),
    ?assertEqual({1, 3, [<<"ccc">>]}, sums(Rest)),
    More = ecm_bosh_outbox:add(<<"dddd">>, Rest),
    ?assertEqual({2, 7, [<<"ccc">>, <<"dddd">>]}, sums(More)),
    {ok, [<<"ccc">>, <<"dddd">>], Empty} = ecm_bosh_outbox:take(9, 7, 100, More),
    ?assertEqual({0, 0, []}, sums(Empty)),
    ?assert(ecm_bosh_outbox:is_empty(Empty)).

the_first_one_is_taken_if_it_has_room_alone_test() ->
    Outbox = outbox([<<"aaaa">>, <<"b">>]),
    ?assertMatch({ok, [<<"aaaa">>], _}, ecm_bosh_outbox:take(9, 3, 4, Outbox)),
    {too_long, <<"aaaa">>, Same} = ecm_bosh_outbox:take(9, 3, 3, Outbox),
    ?assertEqual(sums(Outbox), sums(Same)),
    Replaced = ecm_bosh_outbox:replace(<<"a">>, Same),
    ?assertEqual({2, 2, [<<"a">>, <<"b">>]}, sums(Replaced)).

%% An error of the stream wherever it is.
the_ending_has_the_error_test() ->
    Error = <<"<stream:error/>">>,
    Outbox = outbox([<<"aaa">>, <<"bb">>, Error, <<"c">>]),
    ?assertEqual([Error], ecm_bosh_outbox:errors(Outbox)),
    [?assertEqual({Room, Els}, {Room, ecm_bosh_outbox:ending(Room, Outbox)})
     || {Room, Els} <- [{21, [<<"aaa">>, <<"bb">>, <<"c">>, Error]},
                        {20, [<<"aaa">>, <<"bb">>, Error]},
                        {17, [Error]},
                        {14, []}]].

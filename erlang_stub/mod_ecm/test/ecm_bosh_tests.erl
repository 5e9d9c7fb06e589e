%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc BOSH sessions as conversations: requests are held, answered, put in order and repeated. Sections are
%% those of XEP-0124. Ends are in ecm_bosh_end_tests.

-module(ecm_bosh_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_conversation, [exchange/1, idle/1, options/0, send/2, talk/2]).

-define(ERROR, #{type => <<"error">>}).

%% Creation (7).

new(Attrs) ->
    Body = maps:merge(#{rid => 1, to => <<"localhost">>, wait => 60, hold => 1, els => []}, Attrs),
    ecm_bosh:new(Body, exchange(here), <<"SID">>, options(), 0).

creation_waits_for_the_first_thing_to_send_test() ->
    {[], New} = new(#{ver => <<"1.6">>}),
    ?assertEqual({[], New}, ecm_bosh:flush(1, New)),
    {[{answer, {here, here, _}, 200, Content}], _} =
        ecm_bosh:flush(2, send(<<"<features/>">>, New)),
    ?assertEqual({#{sid => <<"SID">>, wait => <<"60">>, requests => <<"2">>, hold => <<"1">>,
                    inactivity => <<"90">>, polling => <<"0">>, maxpause => <<"120">>,
                    from => <<"localhost">>,
                    ver => <<"1.6">>, 'xmpp:version' => <<"1.0">>,
                    'xmpp:restartlogic' => <<"true">>}, [features]},
                 ecm_conversation:answer(Content)).

creation_does_not_wait_longer_than_any_request_test() ->
    {[], New} = new(#{}),
    ?assertEqual(60000, ecm_bosh:deadline(New)),
    {[{answer, {here, here, _}, 200, Content}], _} = ecm_bosh:timeout(60000, New),
    ?assertMatch({#{sid := <<"SID">>}, []}, ecm_conversation:answer(Content)).

creation_waits_a_second_for_a_client_that_polls_test() ->
    {[], New} = new(#{wait => 0}),
    ?assertEqual(1000, ecm_bosh:deadline(New)).

creation_can_carry_elements_test() ->
    ?assertMatch({[{deliver, [auth]}], _}, new(#{els => [auth]})).

only_the_first_answer_creates_the_session_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {says, [a]}, [{2, [a]}]}]).

creation_without_a_host_test() ->
    ?assertMatch({error, {200, _}}, new(#{to => <<>>})),
    {error, {200, Content}} = new(#{to => <<>>}),
    ?assertEqual({#{type => <<"terminate">>, condition => <<"improper-addressing">>}, []},
                 ecm_conversation:answer(Content)).

creation_without_a_rid_test() ->
    Body = #{to => <<"localhost">>, els => []},
    ?assertMatch({error, {400, _}},
                 ecm_bosh:new(Body, exchange(here), <<"SID">>, options(), 0)),
    ?assertMatch({error, {200, _}},
                 ecm_bosh:new(Body#{ver => <<"1.6">>}, exchange(here), <<"SID">>, options(), 0)).

%% Holding (8).

a_request_is_held_until_there_is_something_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {50, {says, [a, b]}, [{2, [a, b]}]}]).

a_request_is_held_as_long_as_the_client_waits_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {61, time, [{2, []}]},
               {62, {asks, 3}, []},
               {122, time, [{3, []}]}]).

what_waits_is_answered_at_once_test() ->
    talk(#{}, [{1, {says, [a]}, []},
               {2, {asks, 2}, [{2, [a]}]}]).

content_is_delivered_as_it_comes_test() ->
    talk(#{}, [{1, {asks, 2, #{els => [x, y]}}, [{deliver, [x, y]}]}]).

a_second_request_relieves_the_first_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {asks, 3, #{els => [x]}}, [{deliver, [x]}, {2, []}]},
               {3, {says, [a]}, [{3, [a]}]}]).

what_waits_goes_to_the_request_that_is_relieved_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {keeps, [a]}, []},
               {3, {asks, 3}, [{2, [a]}]}]).

two_requests_are_held_for_who_wants_that_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {asks, 4}, [{2, []}]},
                        {4, {says, [a]}, [{3, [a]}]},
                        {5, {says, [b]}, [{4, [b]}]},
                        {6, {says, [c]}, []}]).

each_of_two_requests_waits_as_long_as_it_may_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {61, time, [{2, []}]},
                        {62, time, [{3, []}]}]).

an_answer_has_so_many_elements_at_most_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {says, [a, b, c, d, e, f, g]}, [{2, [a, b, c]}, {3, [d, e, f]}]},
                        {4, {asks, 4}, [{4, [g]}]}]).

a_restart_restarts_and_ignores_elements_test() ->
    talk(#{}, [{1, {asks, 2, #{restart => true, els => [x]}}, [restart]},
               {2, {says, [features]}, [{2, [features]}]}]).

%% Order (14.2).

the_next_request_overtakes_one_that_is_then_held_test() ->
    talk(#{}, [{1, {asks, 3, #{els => [y]}}, []},
               {2, {asks, 2, #{els => [x]}}, [{deliver, [x]}, {deliver, [y]}, {2, []}]},
               {3, {says, [a]}, [{3, [a]}]}]).

a_request_overtakes_one_that_is_answered_at_once_test() ->
    talk(#{}, [{1, {says, [a]}, []},
               {2, {asks, 3}, []},
               {3, {asks, 2}, [{2, [a]}]},
               {62, time, [{3, []}]}]).

requests_in_reverse_test() ->
    talk(#{hold => 2}, [{1, {asks, 4, #{els => [z]}}, []},
                        {2, {asks, 3, #{els => [y]}}, []},
                        {3, {asks, 2, #{els => [x]}},
                         [{deliver, [x]}, {deliver, [y]}, {deliver, [z]}, {2, []}]},
                        {4, {says, [a]}, [{3, [a]}]}]).

an_early_request_is_not_given_what_waits_test() ->
    talk(#{}, [{1, {asks, 3}, []},
               {2, {says, [a]}, []},
               {3, {asks, 2}, [{2, [a]}]}]).

%% An early request, when it has waited for long enough, and its client repeats both (17.3) ...
a_missing_request_is_asked_for_test() ->
    talk(#{}, [{1, {asks, 3, #{els => [y]}}, []},
               {61, time, [{3, ?ERROR, []}]},
               {62, {asks, 2, #{els => [x]}}, [{deliver, [x]}, {deliver, [y]}, {2, []}]},
               {63, {asks, 3, #{els => [y]}, again}, []},
               {64, {says, [a]}, [{again, [a]}]}]).

%% ... or first the second.
a_missing_request_comes_last_test() ->
    talk(#{}, [{1, {asks, 3, #{els => [y]}}, []},
               {61, time, [{3, ?ERROR, []}]},
               {62, {asks, 3, #{els => [y]}, again}, []},
               {63, {asks, 2, #{els => [x]}}, [{deliver, [x]}, {deliver, [y]}, {2, []}]},
               {64, {says, [a]}, [{again, [a]}]}]).

%% Repetition (14.3).

a_repeated_request_gets_the_same_answer_test() ->
    talk(#{}, [{1, {asks, 2, #{els => [x]}}, [{deliver, [x]}]},
               {2, {says, [a]}, [{2, [a]}]},
               {3, {asks, 2, #{els => [x]}, again}, [{again, [a]}]},
               {4, {asks, 3}, []},
               {5, {asks, 2, #{els => [x]}, once_more}, [{once_more, [a]}]},
               {6, {says, [b]}, [{3, [b]}]}]).

%% Another node, with another release, may have the session next.
a_frozen_session_has_its_answers_as_all_releases_know_them_test() ->
    Element = <<"<message>", (binary:copy(<<"a">>, 100))/binary, "</message>">>,
    Window = ecm_bosh_window:new(1, {{writer, 1, 1000}, 60}, 4),
    Answered = ecm_bosh_window:answer(Element, 1000, Window),
    ?assertEqual({answered, Element}, ecm_bosh_window:find(#{rid => 1}, Answered)),
    ?assertEqual(nomatch, binary:match(term_to_binary(Answered), Element)),
    ?assertNotEqual(nomatch, binary:match(term_to_binary(ecm_bosh_window:whole(Answered)), Element)).

more_answers_are_remembered_than_requests_may_be_made_at_once_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {says, [a]}, [{2, [a]}]},
               {3, {asks, 3}, []},
               {4, {says, [b]}, [{3, [b]}]},
               {5, {asks, 4}, []},
               {6, {asks, 5}, [{4, []}]},
               {7, {asks, 6}, [{5, []}]},
               {8, {asks, 2, #{}, again}, [{again, [a]}]},
               {9, {asks, 7}, [{6, []}]},
               {10, {asks, 3, #{}, again}, [{again, [b]}]},
               {11, {asks, 4, #{}, again}, [{again, []}]}]).

a_repeated_request_takes_the_place_of_one_that_is_held_test() ->
    talk(#{}, [{1, {asks, 2, #{els => [x]}}, [{deliver, [x]}]},
               {31, {asks, 2, #{els => [x]}, again}, [{2, ?ERROR, []}]},
               {61, time, [{again, []}]}]).

a_repeated_request_takes_its_own_place_among_two_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {asks, 3, #{}, again}, [{3, ?ERROR, []}]},
                        {4, {says, [a]}, [{2, [a]}]},
                        {5, {says, [b]}, [{again, [b]}]}]).

%% The older one has been repeated last, and must not be answered after the newer one.
each_is_answered_when_it_was_due_first_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {asks, 2, #{}, again}, [{2, ?ERROR, []}]},
                        {61, time, [{again, []}]},
                        {62, time, [{3, []}]}]).

a_repeated_early_request_takes_the_place_of_the_first_test() ->
    talk(#{}, [{1, {asks, 3, #{els => [y]}}, []},
               {2, {asks, 3, #{els => [y]}, again}, [{3, ?ERROR, []}]},
               {3, {asks, 2}, [{deliver, [y]}, {2, []}]},
               {4, {says, [a]}, [{again, [a]}]}]).

%% Clients that are gone.

a_client_that_vanished_repeats_its_request_test() ->
    talk(#{}, [{1, {asks, 2, #{els => [x]}}, [{deliver, [x]}]},
               {2, {vanishes, 2}, []},
               {3, {says, [a]}, []},
               {4, {asks, 2, #{els => [x]}, again}, [{again, [a]}]}]).

%% A client gives up when `wait' is over since it has made the request, not since it has repeated it.
a_repeated_request_is_answered_when_it_was_due_first_test_() ->
    [fun() -> talk(#{}, [{1, {asks, 2}, []},
                         {2, {vanishes, 2}, []},
                         {50, {asks, 2, #{}, again}, []},
                         {52, {asks, 2, #{}, once_more}, [{again, ?ERROR, []}]},
                         {61, time, [{once_more, []}]}])
     end,
     fun() -> talk(#{}, [{1, {asks, 2}, []},
                         {2, {vanishes, 2}, []},
                         {70, {asks, 2, #{}, again}, [{again, []}]}])
     end].

a_client_that_vanished_makes_its_next_request_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {vanishes, 2}, []},
               {3, {says, [a]}, []},
               {4, {asks, 3}, [{3, [a]}]},
               {5, {asks, 2, #{}, again}, [{again, []}]}]).

nothing_is_given_to_who_has_vanished_from_one_of_two_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {vanishes, 2}, []},
                        {4, {says, [a]}, [{3, [a]}]},
                        {5, {asks, 2, #{}, again}, [{again, []}]}]).

the_older_one_of_two_gets_what_waits_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {vanishes, 3}, []},
                        {4, {says, [a]}, [{2, [a]}]},
                        {5, {says, [b]}, []},
                        {6, {asks, 3, #{}, again}, [{again, [b]}]}]).

an_early_request_stays_without_its_client_test() ->
    talk(#{}, [{1, {asks, 3, #{els => [y]}}, []},
               {2, {vanishes, 3}, []},
               {3, {asks, 2}, [{deliver, [y]}, {2, []}]},
               {4, {says, [a]}, []},
               {5, {asks, 3, #{els => [y]}, again}, [{again, [a]}]}]).

%% Clients that half-close a connection.

who_has_closed_its_end_is_answered_with_nothing_that_waits_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {half_closes, 2}, [{2, []}]},
               {3, {says, [a]}, []},
               {4, {asks, 3}, [{3, [a]}]}]).

%% The content of its request counts as always.
who_repeats_a_request_that_was_answered_so_gets_the_same_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {half_closes, 2}, [{2, []}]},
               {3, {says, [a]}, []},
               {4, {asks, 2, #{}, 12}, [{12, []}]},
               {5, {asks, 3}, [{3, [a]}]}]).

who_has_closed_its_end_behind_another_request_is_answered_after_that_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {half_closes, 3}, [{2, []}, {3, []}]},
                        {4, {says, [a]}, []},
                        {5, {asks, 4}, [{4, [a]}]}]).

who_has_closed_its_end_before_another_request_is_answered_alone_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {half_closes, 2}, [{2, []}]},
                        {4, {says, [a]}, [{3, [a]}]}]).

who_has_closed_its_end_behind_a_client_that_has_gone_is_answered_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {vanishes, 2}, []},
                        {4, {half_closes, 3}, [{3, []}]}]).

who_has_closed_its_end_early_has_gone_test() ->
    talk(#{}, [{1, {asks, 3}, []},
               {2, {half_closes, 3}, []},
               {3, {half_closes, 7}, []},
               {4, {asks, 2}, [{2, []}]}]).

who_has_an_answer_can_vanish_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {says, [a]}, [{2, [a]}]},
               {3, {vanishes, 2}, []},
               {92, time, [{over, inactive}]}]).

%% Acknowledgement (9).

requests_are_acknowledged_test() ->
    talk(#{ack => 1}, [{1, {asks, 2}, []},
                       {2, {says, [a]}, [{2, [a]}]},
                       {3, {asks, 3}, []},
                       {4, {asks, 4}, [{3, #{ack => <<"4">>}, []}]},
                       {5, {asks, 3, #{}, again}, [{again, #{ack => <<"4">>}, []}]}]).

creation_is_acknowledged_test() ->
    {[], New} = new(#{ack => 1}),
    {[{answer, {here, here, _}, 200, Content}], _} =
        ecm_bosh:flush(2, send(<<"<features/>">>, New)),
    ?assertMatch({#{ack := <<"1">>}, [features]}, ecm_conversation:answer(Content)).

a_missed_answer_is_reported_test() ->
    talk(#{ack => 1}, [{1, {asks, 2}, []},
                       {2, {says, [a]}, [{2, [a]}]},
                       {3, {asks, 3, #{ack => 1}},
                        [{3, #{report => <<"2">>, time => <<"1000">>}, []}]},
                       {4, {asks, 4, #{ack => 2}}, []},
                       {4, left, []}]).

one_that_may_be_on_its_way_is_not_test() ->
    talk(#{ack => 1}, [{1, {asks, 2}, []},
                       {2, {says, [a]}, [{2, [a]}]},
                       {2.9, {asks, 3, #{ack => 1}}, []},
                       {4, {says, [b]}, [{3, [b]}]}]).

what_waits_goes_with_a_report_test() ->
    talk(#{ack => 1}, [{1, {asks, 2}, []},
                       {2, {says, [a]}, [{2, [a]}]},
                       {4, {keeps, [b]}, []},
                       {5, {asks, 3, #{ack => 1}},
                        [{3, #{report => <<"2">>, time => <<"3000">>}, [b]}]}]).

%% Answers that are kept.

%% A million sessions are like this one, with an exchange of four words.
an_idle_session_is_small_test() ->
    {[], Vanished} = ecm_bosh:gone(exchange(10), 11000, idle(10)),
    Exchange = {self(), 1 bsl 50, 1000000},
    {[], Held} = ecm_bosh:request(#{rid => 10, els => []}, Exchange, 12000, Vanished),
    [_Agreement | Own] = ecm_bosh:dehydrate(Held),
    ?assertEqual(13, erts_debug:flat_size(list_to_tuple(Own))),
    ?assertEqual(Held, ecm_bosh:rehydrate(ecm_bosh:dehydrate(Held))).

%% 100 bytes are an integer of 14 words, and two words are those of the answer in the tuple.
an_answer_that_is_kept_takes_little_more_than_its_bytes_test() ->
    {[], Told} = ecm_bosh:send(binary:copy(<<"<">>, 100), idle(10)),
    {[_], Answered} = ecm_bosh:flush(10500, Told),
    {[], Held} = ecm_bosh:request(#{rid => 11, els => []}, exchange(11), 11000, Answered),
    {[_], Empty} = ecm_bosh:request(#{rid => 11, els => []}, exchange(11), 11000, idle(10)),
    Size = fun(Session) -> erts_debug:flat_size(list_to_tuple(ecm_bosh:dehydrate(Session))) end,
    ?assertEqual(Held, ecm_bosh:rehydrate(ecm_bosh:dehydrate(Held))),
    ?assertEqual(14 + 2, Size(Held) - Size(Empty)).

%% Four answers after the one that created it.
soon_after_its_creation_it_is_as_small_test() ->
    ?assertEqual(erts_debug:flat_size(idle(10)), erts_debug:flat_size(idle(6))).


%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc BOSH sessions as conversations: the end by silence, by a fault, by the client and by this side; and
%% what is undelivered then. Sections are those of XEP-0124.

-module(ecm_bosh_end_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_conversation, [exchange/1, talk/2]).

-define(ERROR, #{type => <<"error">>}).
-define(TERMINATE, #{type => <<"terminate">>}).
-define(TERMINATE(Condition), #{type => <<"terminate">>, condition => <<Condition>>}).

%% Silence (10).

a_silent_client_is_gone_test() ->
    talk(#{}, [{90, time, [{over, inactive}]},
               {91, {asks, 2}, [{2, ?TERMINATE("item-not-found"), []}]}]).

silence_begins_with_the_last_answer_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {61, time, [{2, []}]},
               {151, time, [{over, inactive}]}]).

silence_begins_when_the_client_vanishes_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {20, {vanishes, 2}, []},
               {110, time, [{over, inactive}]}]).

silence_begins_anew_with_a_repeated_answer_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {says, [a]}, [{2, [a]}]},
               {50, {asks, 2, #{}, again}, [{again, [a]}]},
               {140, time, [{over, inactive}]}]).

who_has_a_request_held_is_not_silent_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {59, {asks, 3}, []},
                        {60, {vanishes, 2}, []},
                        {119, time, [{3, []}]},
                        {209, time, [{over, inactive}]}]).

who_has_an_early_request_is_not_silent_until_told_test() ->
    talk(#{}, [{40, {asks, 3}, []},
               {100, time, [{3, ?ERROR, []}]},
               {190, time, [{over, inactive}]}]).

who_polls_may_be_silent_for_longer_test() ->
    talk(#{hold => 0}, [{1, {asks, 2}, [{2, []}]},
                        {121, time, [{over, inactive}]}]).

%% Pause (10).

a_pause_is_answered_at_once_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {asks, 3, #{pause => 120}}, [{2, []}, {3, []}]},
               {122, time, [{over, inactive}]}]).

a_pause_may_be_short_test() ->
    talk(#{}, [{1, {asks, 2, #{pause => 10}}, [{2, []}]},
               {11, time, [{over, inactive}]}]).

%% Requests are answered at once, and the client may be silent, only if it is not (10).
a_pause_that_is_too_long_is_none_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {asks, 3, #{pause => 121}}, [{2, []}]},
               {62, time, [{3, []}]},
               {152, time, [{over, inactive}]}]),
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {asks, 5}, []},
                        {4, {asks, 6, #{pause => 121}}, [{6, ?TERMINATE("policy-violation"), []},
                                                         {2, ?TERMINATE("other-request"), []},
                                                         {3, ?TERMINATE("other-request"), []},
                                                         {5, ?TERMINATE("other-request"), []},
                                                         {over, <<"policy-violation">>}]}]).

nothing_goes_with_the_answer_to_a_pause_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {keeps, [a, b, c, d]}, []},
               {3, {asks, 3, #{pause => 120}}, [{2, [a, b, c]}, {3, []}]},
               {4, {asks, 4}, [{4, [d]}]}]).

the_next_request_ends_the_pause_test() ->
    talk(#{}, [{1, {asks, 2, #{pause => 120}}, [{2, []}]},
               {50, {asks, 3}, []},
               {51, {says, [a]}, [{3, [a]}]},
               {141, time, [{over, inactive}]}]).

a_repeated_pause_begins_anew_test() ->
    talk(#{}, [{1, {asks, 2, #{pause => 120}}, [{2, []}]},
               {50, {asks, 2, #{pause => 120}, again}, [{again, []}]},
               {170, time, [{over, inactive}]}]).

a_pause_delivers_its_content_test() ->
    talk(#{}, [{1, {asks, 2, #{pause => 120, els => [x]}}, [{deliver, [x]}, {2, []}]}]).

%% Faults (11, 12, 14).

a_rid_that_is_too_large_test() ->
    talk(#{}, [{1, {asks, 4}, [{4, ?TERMINATE("item-not-found"), []},
                               {over, <<"item-not-found">>}]}]).

a_rid_that_is_forgotten_test() ->
    talk(#{}, [{Rid, {asks, Rid}, [{Rid - 1, []} || Rid > 2]} || Rid <- [2, 3, 4, 5, 6, 7]]
              ++ [{8, {asks, 2}, [{2, ?TERMINATE("item-not-found"), []},
                                  {7, ?TERMINATE("other-request"), []},
                                  {over, <<"item-not-found">>}]}]).

a_rid_before_the_first_test() ->
    talk(#{}, [{1, {asks, 0}, [{0, ?TERMINATE("item-not-found"), []},
                               {over, <<"item-not-found">>}]}]).

no_rid_test() ->
    ?assertMatch({[{answer, {here, here, _}, 200, _}, {over, <<"bad-request">>}], _},
                 ecm_bosh:request(#{els => []}, exchange(here), 1000, talk(#{}, []))).

too_many_requests_at_once_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {asks, 5}, []},
                        {4, {asks, 6}, [{6, ?TERMINATE("policy-violation"), []},
                                        {2, ?TERMINATE("other-request"), []},
                                        {3, ?TERMINATE("other-request"), []},
                                        {5, ?TERMINATE("other-request"), []},
                                        {over, <<"policy-violation">>}]}]).

%% A request that has not arrived does not count.
one_that_is_missing_is_not_one_at_once_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {asks, 4, #{els => [y]}}, []},
               {3, {asks, 3, #{els => [x]}}, [{deliver, [x]}, {2, []}, {deliver, [y]}, {3, []}]}]).

one_request_more_to_pause_or_end_test() ->
    [talk(#{}, [{1, {asks, 2}, []},
                {2, {asks, 4}, []},
                {3, {asks, 5, More}, []},
                {4, {asks, 3}, Told}])
     || {More, Told} <- [{#{pause => 120}, [{2, []}, {3, []}, {4, []}, {5, []}]},
                         {#{type => terminate},
                          [{2, []}, {3, []}, {4, ?TERMINATE, []}, {5, []}, {over, terminated}]}]].

one_request_more_to_end_the_session_test() ->
    talk(#{hold => 0}, [{1, {asks, 3, #{type => terminate}}, []},
                        {2, {asks, 2}, [{2, []}, {3, ?TERMINATE, []}, {over, terminated}]}]).

but_not_two_test() ->
    talk(#{}, [{1, {asks, 5, #{type => terminate}}, [{5, ?TERMINATE("item-not-found"), []},
                                                     {over, <<"item-not-found">>}]}]).

%% Nobody waits any more for the request that was held.
a_vanished_client_does_not_count_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {vanishes, 2}, []},
               {3, {asks, 4}, []},
               {4, {asks, 3}, [{3, []}]}]).

polls_test() ->
    talk(#{hold => 0}, [{1, {asks, 2}, [{2, []}]},
                        {6, {asks, 3}, [{3, []}]},
                        {10.2, {asks, 4}, [{4, []}]}]).

polls_that_are_too_frequent_test() ->
    talk(#{wait => 0}, [{1, {asks, 2}, [{2, []}]},
                        {4.9, {asks, 3}, [{3, ?TERMINATE("policy-violation"), []},
                                          {over, <<"policy-violation">>}]}]).

requests_with_content_are_not_polls_test() ->
    talk(#{hold => 0}, [{1, {asks, 2}, [{2, []}]},
                        {2, {asks, 3, #{els => [x]}}, [{deliver, [x]}, {3, []}]},
                        {3, {asks, 4}, [{4, []}]},
                        {4, {asks, 5, #{restart => true}}, [restart, {5, []}]},
                        {5, {asks, 6}, [{6, []}]},
                        {6, {asks, 7, #{pause => 10}}, [{7, []}]},
                        {7, {asks, 8}, [{8, []}]},
                        {8, {asks, 9, #{type => terminate}}, [{9, ?TERMINATE, []},
                                                              {over, terminated}]}]).

polls_that_got_something_may_be_frequent_test() ->
    talk(#{hold => 0}, [{1, {says, [a, b, c, d]}, []},
                        {1, {asks, 2}, [{2, [a, b, c]}]},
                        {2, {asks, 3}, [{3, [d]}]},
                        {3, {asks, 4}, [{4, []}]}]).

a_repeated_poll_is_no_second_one_test() ->
    talk(#{hold => 0}, [{1, {asks, 2}, [{2, []}]},
                        {2, {asks, 2, #{}, again}, [{again, []}]}]).

polls_that_overtake_each_other_are_not_too_frequent_test() ->
    talk(#{wait => 0}, [{1, {asks, 2}, [{2, []}]},
                        {2, {asks, 4}, []},
                        {6, {asks, 3}, [{3, []}, {4, []}]}]).

others_may_make_empty_requests_as_they_like_test() ->
    talk(#{}, [{1, {asks, 2}, []}, {1, {asks, 3}, [{2, []}]}, {1, {asks, 4}, [{3, []}]}]).

%% A client that sends no `ver' knows no conditions (17.1).
old_clients_are_told_by_the_status_test() ->
    Old = #{ver => none},
    talk(Old, [{1, {asks, 4}, [{4, 404, ?TERMINATE("item-not-found"), []},
                               {over, <<"item-not-found">>}]}]),
    talk(Old, [{1, {asks, 2}, []},
               {2, {violates, <<"policy-violation">>, 3},
                [{3, 403, ?TERMINATE("policy-violation"), []},
                 {2, ?TERMINATE("other-request"), []},
                 {over, <<"policy-violation">>}]},
               {3, {violates, <<"bad-request">>, 4}, [{4, 403, ?TERMINATE("policy-violation"), []}]}]),
    talk(Old, [{1, {asks, 2}, []},
               {2, {closes, <<"policy-violation">>}, [{2, 403, ?TERMINATE("policy-violation"), []},
                                                      {over, closed}]},
               {3, {asks, 2, #{}, again}, [{again, 403, ?TERMINATE("policy-violation"), []}]}]).

%% Keys (15).

k(0) -> <<"seed">>;
k(N) -> string:lowercase(binary:encode_hex(crypto:hash(sha, k(N - 1)))).

a_sequence_of_keys_test() ->
    talk(#{newkey => k(5), hold => 2},
         [{1, {asks, 2, #{key => k(4)}}, []},
          {2, {asks, 2, #{key => k(4)}, again}, [{2, ?ERROR, []}]},
          {3, {asks, 4, #{key => k(2)}}, []},
          {4, {asks, 3, #{key => k(3)}}, [{again, []}]}]).

a_wrong_key_test() ->
    talk(#{newkey => k(5)}, [{1, {asks, 2, #{key => k(4)}}, []},
                             {2, {asks, 3, #{key => k(4), els => [x]}},
                              [{3, ?TERMINATE("item-not-found"), []},
                               {2, ?TERMINATE("other-request"), []},
                               {over, <<"item-not-found">>}]}]).

no_key_with_a_repeated_request_test() ->
    talk(#{newkey => k(5)}, [{1, {asks, 2, #{key => k(4)}}, []},
                             {2, {says, [a]}, [{2, [a]}]},
                             {3, {asks, 2}, [{2, ?TERMINATE("item-not-found"), []},
                                             {over, <<"item-not-found">>}]}]).

a_wrong_key_when_its_turn_comes_test() ->
    talk(#{newkey => k(5)}, [{1, {asks, 3, #{key => k(4), els => [y]}}, []},
                             {2, {asks, 2, #{key => k(4)}},
                              [{3, ?TERMINATE("item-not-found"), []},
                               {2, ?TERMINATE("other-request"), []},
                               {over, <<"item-not-found">>}]}]).

another_key_with_a_repeated_early_request_test() ->
    talk(#{newkey => k(5)}, [{1, {asks, 3, #{key => k(3)}}, []},
                             {2, {asks, 3, #{}, again}, [{again, ?TERMINATE("item-not-found"), []},
                                                         {3, ?TERMINATE("other-request"), []},
                                                         {over, <<"item-not-found">>}]}]).

%% The client ends the session (13).

the_oldest_request_is_told_of_the_end_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {asks, 3, #{type => terminate, els => [x]}},
                [{deliver, [x]}, {2, ?TERMINATE, []}, {3, []}, {over, terminated}]},
               {3, {asks, 2, #{}, again}, [{again, ?TERMINATE, []}]},
               {4, {asks, 3, #{}, again}, [{again, []}]},
               {5, {asks, 4}, [{4, ?TERMINATE("item-not-found"), []}]}]).

the_end_itself_is_told_if_nothing_is_held_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {vanishes, 2}, []},
               {3, {asks, 3, #{type => terminate}}, [{3, ?TERMINATE, []}, {over, terminated}]},
               {4, {asks, 2, #{}, again}, [{again, []}]}]).

nothing_waits_after_the_end_test() ->
    Over = talk(#{}, [{1, {asks, 2, #{type => terminate}}, [{2, ?TERMINATE, []},
                                                            {over, terminated}]},
                      {2, {says, [a]}, []},
                      {3, {vanishes, 2}, []},
                      {4, {closes, undefined}, []}]),
    ?assertEqual(infinity, ecm_bosh:deadline(Over)),
    ?assertEqual({[], Over}, ecm_bosh:timeout(1000000, Over)).

%% An early request is answered with the end, and only then.
early_requests_end_too_test() ->
    Over = talk(#{hold => 2}, [{1, {asks, 4}, []},
                               {2, {asks, 2, #{type => terminate}},
                                [{2, ?TERMINATE, []}, {4, []}, {over, terminated}]}]),
    ?assertEqual({[], Over}, ecm_bosh:timeout(1000000, Over)).

%% This side ends the session.

all_are_told_that_the_session_is_closed_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 4}, []},
                        {4, {closes, <<"system-shutdown">>},
                         [{2, ?TERMINATE("system-shutdown"), []},
                          {4, ?TERMINATE("system-shutdown"), []},
                          {over, closed}]},
                        {5, {asks, 2, #{}, again}, [{again, ?TERMINATE("system-shutdown"), []}]},
                        {6, {asks, 4, #{}, again}, [{again, ?TERMINATE("system-shutdown"), []}]},
                        {7, {asks, 5}, [{5, ?TERMINATE("system-shutdown"), []}]}]).

a_stream_error_is_told_after_what_waits_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {keeps, [a, b, c, d, error]}, []},
               {2, {closes, <<"remote-stream-error">>},
                [{2, ?TERMINATE("remote-stream-error"), [a, b, c, d, error]}, {over, closed}]},
               {3, {asks, 2, #{}, again},
                [{again, ?TERMINATE("remote-stream-error"), [a, b, c, d, error]}]},
               {4, left, [a, b, c, d, error]}]).

a_session_is_closed_without_a_reason_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {closes, undefined}, [{2, ?TERMINATE, []}, {over, closed}]},
               {3, {asks, 3}, [{3, ?TERMINATE, []}]}]).

the_next_request_is_told_if_none_is_held_test() ->
    talk(#{}, [{1, {keeps, [error]}, []},
               {1, {closes, <<"remote-stream-error">>}, []},
               {2, {asks, 2, #{els => [x]}},
                [{2, ?TERMINATE("remote-stream-error"), [error]}, {over, closed}]}]).

a_repeated_request_is_told_if_none_is_held_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {vanishes, 2}, []},
               {3, {closes, <<"system-shutdown">>}, []},
               {4, {asks, 2, #{}, again}, [{again, ?TERMINATE("system-shutdown"), []},
                                           {over, closed}]}]).

nobody_asks_to_be_told_test() ->
    talk(#{}, [{1, {closes, <<"system-shutdown">>}, []},
               {90, time, [{over, inactive}]}]).

what_waits_does_not_go_to_an_early_request_test() ->
    talk(#{}, [{1, {asks, 3}, []},
               {2, {says, [a]}, []},
               {3, {closes, undefined}, [{3, ?TERMINATE, []}, {over, closed}]},
               {4, left, [features, a]}]).

who_has_vanished_is_not_given_what_waits_test() ->
    talk(#{hold => 2}, [{1, {asks, 2}, []},
                        {2, {asks, 3}, []},
                        {3, {vanishes, 2}, []},
                        {4, {keeps, [a]}, []},
                        {5, {closes, undefined}, [{3, ?TERMINATE, [a]}, {over, closed}]},
                        {6, {asks, 2, #{}, again}, [{again, ?TERMINATE, []}]}]).

the_request_that_creates_a_session_is_told_test() ->
    Body = #{rid => 1, to => <<"nowhere">>, ver => <<"1.6">>, els => []},
    {[], New} = ecm_bosh:new(Body, exchange(here), <<"SID">>, ecm_conversation:options(), 0),
    {[{answer, {here, here, _}, 200, Content}, {over, closed}], _} =
        ecm_bosh:close(<<"host-unknown">>, 1, New),
    ?assertEqual({?TERMINATE("host-unknown"), []}, ecm_conversation:answer(Content)).

%% Undelivered elements.

what_waits_is_left_test() ->
    talk(#{}, [{1, {says, [a, b]}, []},
               {90, time, [{over, inactive}]},
               {91, left, [features, a, b]}]).

what_was_answered_and_not_confirmed_is_left_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {says, [a, b]}, [{2, [a, b]}]},
               {3, {says, [c]}, []},
               {92, time, [{over, inactive}]},
               {93, left, [a, b, c]}]).

the_next_request_confirms_what_was_answered_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {says, [a]}, [{2, [a]}]},
               {3, {asks, 2, #{}, again}, [{again, [a]}]},
               {4, left, [a]},
               {5, {asks, 3}, []},
               {6, left, []}]).

%% The client makes a request with a stanza beside the one that is held, and need not have the answer to that.
an_answer_that_crosses_a_request_is_not_confirmed_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {says, [a]}, [{2, [a]}]},
               {2.1, {asks, 3, #{els => [x]}}, [{deliver, [x]}]},
               {2.2, left, [a]},
               {2.3, {asks, 4}, [{3, []}]},
               {2.4, left, []}]).

an_answer_that_is_two_requests_back_has_come_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {says, [a]}, [{2, [a]}]},
               {2.1, {asks, 3, #{els => [x]}}, [{deliver, [x]}]},
               {2.2, {asks, 4, #{els => [y]}}, [{deliver, [y]}, {3, []}]},
               {2.3, left, []}]).

an_answer_is_not_on_its_way_for_ever_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {says, [a]}, [{2, [a]}]},
               {4, {asks, 3, #{els => [x]}}, [{deliver, [x]}]},
               {5, left, []}]).

a_client_that_acknowledges_answers_says_what_it_has_not_got_test() ->
    talk(#{ack => 1}, [{1, {asks, 2}, []},
                       {2, {says, [a]}, [{2, [a]}]},
                       {2.1, {asks, 3, #{els => [x]}}, [{deliver, [x]}]},
                       {2.2, left, []}]).

what_the_client_acknowledges_is_confirmed_test() ->
    talk(#{ack => 1, hold => 2}, [{1, {asks, 2}, []},
                                  {2, {asks, 3}, []},
                                  {3, {says, [a]}, [{2, #{ack => <<"3">>}, [a]}]},
                                  {4, {says, [b]}, [{3, [b]}]},
                                  {4.9, {asks, 4, #{ack => 2}}, []},
                                  {6, left, [b]},
                                  {7, {asks, 5}, []},
                                  {8, left, []}]).

%% The answer cannot be repeated any more, and its client is not known to have it.
what_was_in_an_answer_that_is_forgotten_is_left_test() ->
    talk(#{hold => 0}, [{1, {says, [a]}, []},
                        {1, {asks, 2}, [{2, [a]}]},
                        {1.9, {asks, 3, #{ack => 1}}, [{3, []}]},
                        {7, {asks, 4, #{ack => 1}},
                         [{4, #{report => <<"2">>, time => <<"6000">>}, []}]},
                        {8, left, [a]},
                        {12, {asks, 5, #{ack => 1}},
                         [{5, #{report => <<"2">>, time => <<"11000">>}, []}]},
                        {13, left, [a]},
                        {18, {asks, 2}, [{2, ?TERMINATE("item-not-found"), []},
                                         {over, <<"item-not-found">>}]},
                        {19, left, [a]}]).

what_waits_is_left_when_the_client_ends_the_session_test() ->
    talk(#{}, [{1, {asks, 2}, []},
               {2, {says, [a]}, [{2, [a]}]},
               {3, {says, [b]}, []},
               {4, {asks, 3, #{type => terminate}}, [{3, ?TERMINATE, []}, {over, terminated}]},
               {5, left, [b]}]).

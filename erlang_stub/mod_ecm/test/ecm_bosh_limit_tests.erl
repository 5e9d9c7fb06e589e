%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Limits of a BOSH session: on one request, on one answer, and on what it keeps for a client that does
%% not come or does not receive it. An element `{a, 50}' has 50 bytes.

-module(ecm_bosh_limit_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_conversation, [exchange/1, talk/3]).

-define(TERMINATE(Condition), #{type => <<"terminate">>, condition => <<Condition>>}).
-define(NOT_FOUND, ?TERMINATE("item-not-found")).

%% The size of a request (max_body, max_elements, max_stanzas).

%% The attributes of a request of so many bytes with this content, which has not been read.
sized(Bytes, Content) ->
    Text = iolist_to_binary(["<body rid='2' xmlns='http://jabber.org/protocol/httpbind'>", Content, "</body>"]),
    {ok, _, Unread} = ecm_bosh_body:head(Text),
    #{bytes => Bytes, els => {unread, Unread}}.

el(Name) -> {xmlel, Name, [], []}.

a_request_has_so_many_bytes_at_most_test() ->
    talk(#{max_body => 100}, #{},
         [{1, {asks, 2, sized(100, "<a/>")}, [{deliver, [el(<<"a">>)]}]},
          {2, {asks, 3, sized(101, "<a/>")}, [{exceeds, bytes}, {2, []}]},
          {3, {keeps, ['stream:error']}, []},
          {3, {closes, <<"remote-stream-error">>},
           [{3, ?TERMINATE("remote-stream-error"), ['stream:error']}, {over, closed}]}]).

%% It would not be well-formed.
nothing_of_it_is_read_test() ->
    talk(#{max_body => 100, max_elements => 3, counted => all}, #{},
         [{1, {asks, 2, sized(101, "<a><b></a>")}, [{exceeds, bytes}]},
          {2, {asks, 3, sized(100, "<a><b><c></d></x><e>")}, [{exceeds, elements}, {2, []}]},
          {3, {asks, 4, sized(100, "<a><b><c></d></x>")},
           [{4, ?TERMINATE("bad-request"), []}, {3, ?TERMINATE("other-request"), []},
            {over, <<"bad-request">>}]}]).

%% A body that comes early is dropped at once, and reported in its turn.
nothing_of_it_is_kept_test() ->
    Long = binary:copy(<<"<a/>">>, 10000),
    Early = talk(#{max_body => 100}, #{hold => 2}, [{1, {asks, 3, sized(40000, Long)}, []}]),
    ?assert(erts_debug:flat_size(Early) < 1000),
    ?assertEqual(nomatch, binary:match(term_to_binary(Early), <<"<a/><a/>">>)),
    {Actions, _} = ecm_bosh:request(#{rid => 2, els => []}, exchange(2), 2000, Early),
    ?assertMatch([{exceeds, bytes} | _], Actions).

%% Whoever knows no key cannot end the session so.
the_key_counts_first_test() ->
    talk(#{max_body => 100}, #{newkey => <<"a94a8fe5ccb19ba61c4c0873d391e987982fbbd3">>},
         [{1, {asks, 2, (sized(101, "<a/>"))#{key => <<"other">>}},
           [{2, ?NOT_FOUND, []}, {over, <<"item-not-found">>}]}]).

a_repeated_request_is_not_looked_at_test() ->
    talk(#{max_body => 100}, #{}, [{1, {asks, 2}, []},
                                   {2, {says, [a]}, [{2, [a]}]},
                                   {3, {asks, 2, sized(101, ""), again}, [{again, [a]}]}]).

%% The limit counts for what else is asked, too.
no_kind_of_request_may_be_longer_test_() ->
    [fun() -> talk(#{max_body => 100}, Attrs, [{1, {asks, 2, maps:merge(sized(101, ""), Asked)}, Expected}]) end
     || {Attrs, Asked, Expected} <-
            [{#{}, #{restart => true}, [{exceeds, bytes}]},
             {#{}, #{pause => 5}, [{exceeds, bytes}, {2, []}]},
             {#{hold => 0}, #{}, [{exceeds, bytes}, {2, []}]},
             {#{}, #{type => terminate},
              [{exceeds, bytes}, {2, #{type => <<"terminate">>}, []}, {over, terminated}]}]].

elements_are_counted_together_or_by_stanza_test() ->
    Two = sized(10, "<a><b/></a><c><d/></c>"),
    talk(#{max_elements => 4, counted => all}, #{}, [{1, {asks, 2, Two}, [{deliver, stanzas(2)}]}]),
    talk(#{max_elements => 3, counted => all}, #{}, [{1, {asks, 2, Two}, [{exceeds, elements}]}]),
    talk(#{max_elements => 2, counted => each}, #{}, [{1, {asks, 2, Two}, [{deliver, stanzas(2)}]}]),
    talk(#{max_elements => 1, counted => each}, #{}, [{1, {asks, 2, Two}, [{exceeds, elements}]}]).

stanzas(2) ->
    [{xmlel, <<"a">>, [], [el(<<"b">>)]}, {xmlel, <<"c">>, [], [el(<<"d">>)]}].

a_request_has_so_many_stanzas_at_most_test() ->
    talk(#{max_stanzas => 2}, #{},
         [{1, {asks, 2, sized(10, "<a><c/></a><b/>")},
           [{deliver, [{xmlel, <<"a">>, [], [el(<<"c">>)]}, el(<<"b">>)]}]},
          {2, {asks, 3, sized(10, "<a/><a/><a/>")}, [{exceeds, stanzas}, {2, []}]}]).

other_limits_hold_after_the_login_test() ->
    talk(#{max_body => 100, max_elements => 1, counted => all, max_stanzas => 1, max_waiting => 1}, #{},
         [{1, logs_in, []},
          {2, {asks, 2, sized(101, "<a/><b/>")}, [{deliver, [el(<<"a">>), el(<<"b">>)]}]},
          {3, {says, [a]}, [{2, [a]}]},
          {4, {keeps, [b, c]}, []},
          {5, {asks, 3}, [{3, [b, c]}]}]).

%% The size of an answer (max_answer, and the limit of the exchange).

%% Bytes of a body with so many bytes of elements.
body(Bytes) ->
    byte_size(iolist_to_binary(ecm_bosh_body:write([], [<<"<stream:">>]))) - 8 + Bytes.

an_answer_has_so_many_bytes_at_most_test() ->
    talk(#{max_answer => 100, max_concat => 9}, #{hold => 2},
         [{1, {asks, 2}, []},
          {2, {asks, 3}, []},
          {3, {says, [{a, 50}, {b, 50}, {c, 60}, {d, 41}, {e, 10}]}, [{2, [a, b]}, {3, [c]}]},
          {4, {asks, 4}, [{4, [d, e]}]}]).

one_element_may_be_longer_test() ->
    talk(#{max_answer => 100}, #{}, [{1, {says, [a, {b, 101}, c]}, []},
                                     {2, {asks, 2}, [{2, [a]}]},
                                     {3, {asks, 3}, [{3, [b]}]},
                                     {4, {asks, 4}, [{4, [c]}]}]).

an_answer_is_no_longer_than_its_exchange_can_carry_test() ->
    talk(#{max_concat => 9}, #{},
         [{1, {says, [{a, 60}, {b, 60}, {c, 100}, {d, 101}]}, []},
          {2, {asks, 2, #{}, {2, body(119)}}, [{2, [a]}]},
          {3, {asks, 3, #{}, {3, body(160)}}, [{3, [b, c]}]},
          {4, {asks, 4, #{}, {4, body(101)}}, [{4, [d]}]}]).

%% Attributes need room, too.
so_it_is_with_attributes_test() ->
    talk(#{max_concat => 9}, #{ack => 1, hold => 2},
         [{1, {asks, 2, #{}, {2, body(100)}}, []},
          {2, {asks, 3}, []},
          {3, {says, [{a, 50}, {b, 50}]}, [{2, #{ack => <<"3">>}, [a]}, {3, [b]}]}]),
    talk(#{max_concat => 9}, #{ack => 1, hold => 2},
         [{1, {asks, 2, #{}, {2, body(100)}}, []},
          {2, {asks, 3, #{}, {3, body(100)}}, []},
          {3, {says, [{a, 100}]}, [{2, #{ack => <<"3">>}, []}, {3, [a]}]}]).

%% The rest goes into the next answer, of a request that is held or comes later.
the_rest_is_left_test() ->
    talk(#{max_answer => 100}, #{}, [{1, {asks, 2}, []},
                                     {2, {says, [{a, 90}, {b, 90}, {c, 90}]}, [{2, [a]}]},
                                     {3, {asks, 3}, [{3, [b]}]},
                                     {4, {asks, 2, #{}, again}, [{again, [a]}]},
                                     {5, {asks, 3, #{}, again}, [{again, [b]}]},
                                     {6, left, [b, c]}]).

the_end_carries_what_has_room_before_the_error_test() ->
    Limit = body(150) + byte_size(<<" type='terminate' condition='remote-connection-failed'">>),
    talk(#{}, #{}, [{1, {asks, 2, #{}, {2, Limit}}, []},
                    {2, {keeps, [{a, 40}, {b, 40}, {c, 40}, {'stream:error', 60}, {d, 10}]}, []},
                    {2, {closes, <<"remote-stream-error">>},
                     [{2, ?TERMINATE("remote-stream-error"), [a, b, 'stream:error']}, {over, closed}]},
                    {3, left, [a, b, c, 'stream:error', d]}]).

the_end_is_told_without_an_error_that_has_no_room_test() ->
    talk(#{}, #{}, [{1, {asks, 2, #{}, {2, body(100)}}, []},
                    {2, {keeps, [a, {'stream:error', 200}]}, []},
                    {2, {closes, <<"remote-stream-error">>},
                     [{2, ?TERMINATE("remote-stream-error"), []}, {over, closed}]}]).

%% Stanzas that are too long.

what_is_too_long_is_bounced_at_once_test() ->
    Held = talk(#{max_stanza_to_client => 100}, #{}, [{1, {asks, 2}, []}]),
    Long = <<"<a id='1'>", (binary:copy(<<"x">>, 87))/binary, "</a>">>,
    {[{bounce, <<"<a id='1'/>">>, 101, 100}], Sent} = ecm_bosh:send(Long, Held),
    {[{answer, _, 200, Content}], Answered} = ecm_bosh:flush(1500, Sent),
    ?assertEqual({#{}, [a]}, ecm_conversation:answer(Content)),
    ?assertEqual([<<"<a id='1'/>">>], ecm_bosh:undelivered(Answered)).

what_no_answer_can_carry_is_bounced_when_its_turn_comes_test() ->
    talk(#{}, #{}, [{1, {says, [a, {b, 101}, c]}, []},
                    {2, {asks, 2, #{}, {2, body(100)}}, [{2, [a]}]},
                    {3, {asks, 3, #{}, {3, body(100)}}, [{bounce, b, 101}, {3, [b, c]}]},
                    {4, {asks, 3, #{}, again}, [{again, [b, c]}]}]).

%% But not if the next exchange can.
links_may_differ_test() ->
    talk(#{}, #{}, [{1, {says, [a, {b, 101}]}, []},
                    {2, {asks, 2, #{}, {2, body(100)}}, [{2, [a]}]},
                    {3, {asks, 3}, [{3, [b]}]}]).

an_answer_that_another_link_had_may_be_too_long_for_this_one_test() ->
    talk(#{}, #{}, [{1, {asks, 2}, []},
                    {2, {says, [{a, 100}]}, [{2, [a]}]},
                    {3, {asks, 2, #{}, {again, body(100)}}, [{again, [a]}]},
                    {4, {asks, 2, #{}, {again, body(99)}},
                     [{again, ?NOT_FOUND, []}, {over, <<"item-not-found">>}]},
                    {5, left, [a]}]).

%% Answers that are kept.

%% A client may repeat all of these, but not for any price.
the_oldest_answers_are_forgotten_where_they_are_too_long_together_test() ->
    talk(#{max_waiting_size => 100}, #{},
         [{1, {asks, 2}, []}, {1, {says, [{a, 40}]}, [{2, [a]}]},
          {2, {asks, 3}, []}, {2, {says, [{b, 40}]}, [{3, [b]}]},
          {3, {asks, 4}, []}, {3, {asks, 3, #{}, again}, [{again, [b]}]},
          {4, {says, [{c, 40}]}, [{4, [c]}]},
          {5, {asks, 3, #{}, again}, [{again, [b]}]},
          {6, {asks, 4, #{}, again}, [{again, [c]}]},
          {7, {asks, 2, #{}, again}, [{again, ?NOT_FOUND, []}, {over, <<"item-not-found">>}]}]).

the_last_one_is_remembered_in_any_case_test() ->
    talk(#{max_waiting_size => 100}, #{},
         [{1, {asks, 2}, []}, {1, {says, [{a, 101}]}, [{2, [a]}]},
          {2, {asks, 2, #{}, again}, [{again, [a]}]},
          {3, {asks, 3}, []}, {3, {asks, 4}, [{3, []}]},
          {4, {asks, 2, #{}, again}, [{again, [a]}]},
          {5, {says, [b]}, [{4, [b]}]},
          {6, {asks, 2, #{}, again}, [{again, ?NOT_FOUND, []}, {over, <<"item-not-found">>}]}]).

%% Elements that wait (max_waiting and max_waiting_size).

%% Many may be on their way to a client that is there.
more_than_may_wait_may_be_in_answers_test() ->
    Lags = talk(#{max_waiting => 2}, #{}, [{1, {keeps, [a, b, c]}, []},
                                           {2, {asks, 2}, [{2, [a, b, c]}]}]),
    ?assertEqual({[], Lags}, ecm_bosh:limit(Lags)).

more_than_may_be_kept_of_forgotten_answers_ends_the_session_test_() ->
    [fun() ->
             Lags = talk(Limits, #{hold => 0},
                         [{1, {says, [{a, 60}]}, []},
                          {1, {asks, 2}, [{2, [a]}]},
                          {1.9, {asks, 3, #{ack => 1}}, [{3, []}]},
                          {7, {asks, 4, #{ack => 1}},
                           [{4, #{report => <<"2">>, time => <<"6000">>}, []}]}]),
             ?assertEqual({[], Lags}, ecm_bosh:limit(Lags)),
             {[], More} = ecm_bosh:flush(8000, ecm_conversation:send(<<"<b></b>">>, Lags)),
             ?assertMatch({[{over, <<"policy-violation">>}], _}, ecm_bosh:limit(More))
     end || Limits <- [#{max_waiting => 1}, #{max_waiting_size => 66}]].

more_than_may_wait_ends_the_session_test_() ->
    [fun() ->
             Away = talk(Limits, #{}, [{1, {keeps, [{a, 60}, b]}, []}]),
             ?assertEqual({[], Away}, ecm_bosh:limit(Away)),
             More = ecm_conversation:send(<<"<c/>">>, Away),
             {[{over, <<"policy-violation">>}], Ended} = ecm_bosh:limit(More),
             ?assertEqual(4, length(ecm_bosh:undelivered(Ended))),  % the features, too
             ?assertEqual({[], Ended}, ecm_bosh:limit(Ended)),
             {[{answer, _, 200, Told}], _} =
                 ecm_bosh:request(#{rid => 2, els => []}, exchange(here), 2000, Ended),
             ?assertEqual({?TERMINATE("policy-violation"), []}, ecm_conversation:answer(Told))
     end || Limits <- [#{max_waiting => 2}, #{max_waiting_size => 64}]].

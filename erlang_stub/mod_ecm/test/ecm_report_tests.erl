%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What operators see of a node. The rest, with sessions, is in tests/system/test_insight.py.

-module(ecm_report_tests).

-include_lib("eunit/include/eunit.hrl").

sessions_are_held_or_away_test_() ->
    [?_assertEqual(Expected, sessions(InFlight, Streams, Pending, Online))
     || {InFlight, Streams, Pending, Online, Expected} <-
            [{0, 0, 0, 0, {0, 0, 0}},
             {7, 2, 1, 10, {8, 2, 1}},
             {0, 0, 3, 5, {0, 5, 3}},  % those that have not logged in wait for their turn
             {20, 0, 0, 10, {10, 0, 0}},  % some hold two
             {1, 0, 0, -1, {0, 0, 0}}]].

sessions(InFlight, Streams, Pending, Online) ->
    [{<<"sessions.held">>, Held}, {<<"sessions.away">>, Away}, {<<"sessions.pending">>, Waiting}] =
        ecm_report:stats_of(#{in_flight => InFlight, streams => Streams, pending => Pending,
                              counted => #{online => Online}}),
    {Held, Away, Waiting}.

numbers_have_names_test() ->
    Counted = maps:from_list([{Name, 7} || Name <- ecm_stats:names()]),
    Numbers = ecm_report:stats_of(#{in_flight => 0, streams => 0, pending => 0, counted => Counted}),
    [?assertEqual(7, proplists:get_value(Name, Numbers))
     || Name <- [<<"logins.ok">>, <<"logins.failed">>, <<"created.strophe">>, <<"created.websocket">>,
                 <<"ended.max_waiting">>, <<"errors.rid_gap.libpurple">>]],
    ?assertEqual(length(Numbers), length(lists:usort(Numbers))),
    ?assert(byte_size(iolist_to_binary([[Name, " 18446744073709551615\n"] || {Name, _} <- Numbers])) < 65536).

%% Links count as if there were none, where mod_ecm has not started.
the_body_has_a_number_on_each_line_test() ->
    ?assertMatch(<<"sessions.held 0\nsessions.away 0\nsessions.pending 0\n", _/binary>>,
                 iolist_to_binary(ecm_report:stats())).

questions_that_find_nothing_test_() ->
    {setup, fun() -> jids(), {ecm_link_table:new(), ecm_link_stream_table:new()} end,
     fun({InFlight, Streams}) ->
             [?_assertEqual(<<"inspected 1 why=", Why/binary, "\n">>,
                            iolist_to_binary(ecm_report:answer(<<"1">>, Asked, InFlight, Streams)))
              || {Asked, Why} <- [{#{}, <<"malformed">>},
                                  {#{<<"jid">> => <<"a">>, <<"id">> => 7}, <<"malformed">>},
                                  {#{<<"jid">> => <<"@">>}, <<"malformed">>},
                                  {#{<<"id">> => 7}, <<"not-here">>}]]
     end}.

%% Fields are text: no password, and nothing of a stanza, is among these.
facts_of_a_session_test() ->
    jids(),
    Jid = jid:make(<<"alice">>, <<"chat.example">>, <<"at home">>),
    State = #{jid => Jid, resource => <<"at home">>, ip => {{192, 0, 2, 7}, 51234}, sid => {{1700, 5, 0}, self()},
              mgmt_state => active, password => <<"secret">>},
    Facts = #{tag => 4711, transport => bosh, client => strophe, rid => 7, open => 1, window => 2, held => 2500,
              wait => 60000, waiting => 0, waiting_bytes => 0, id => [<<"17">>, $,, <<"18">>]},
    ?assertEqual(<<"jid=alice@chat.example/at%20home node=nonode@nohost tag=4711 transport=bosh client=strophe "
                   "state=held peer=192.0.2.7:51234 since=1700000005 id=17,18 rid=7 open=1 window=2 held=2 wait=60 "
                   "waiting=0 waiting-bytes=0 sm=active">>,
                 iolist_to_binary(ecm_link_message:write_fields(ecm_c2s_facts:of_session(Facts, State)))).

jids() ->
    [{ok, _} = application:ensure_all_started(Application) || Application <- [stringprep, xmpp]].

states_test_() ->
    [?_assertEqual(Expected, proplists:get_value(<<"state">>, ecm_c2s_facts:of_session(Facts, State)))
     || {Facts, State, Expected} <- [{#{}, #{}, <<"pending">>},
                                     {#{expires => 5}, #{resource => <<"r">>}, <<"away">>},
                                     {#{is_over => false}, #{resource => <<"r">>}, <<"held">>},
                                     {#{is_over => true}, #{resource => <<"r">>}, <<"away">>}]].

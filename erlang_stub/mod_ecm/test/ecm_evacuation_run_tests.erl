%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The order and the pace in which sessions leave a node.

-module(ecm_evacuation_run_tests).

-include_lib("eunit/include/eunit.hrl").

%% With one scheduler, 50 sessions move in a second, and 10 at a time.
new(Targets) -> ecm_evacuation_run:new(Targets, 1, 0).

begun(Sessions, Run) -> ecm_evacuation_run:begun(Sessions, 0, Run).

sessions(Number) -> [list_to_pid(lists:concat(["<0.", N, ".0>"])) || N <- lists:seq(1000, 999 + Number)].

%% Until all nodes have as many.
the_node_with_the_fewest_gets_the_next_test() ->
    {Launched, _} = ecm_evacuation_run:launch(1000, begun(sessions(7), new(#{a => 2, b => 0, c => 9}))),
    ?assertEqual([b, b, a, b, a, b, a], [Node || {_, Node} <- Launched]).

no_more_than_so_many_at_a_time_test() ->
    Begun = begun(sessions(100), new(#{a => 0})),
    {Launched, Run} = ecm_evacuation_run:launch(60000, Begun),
    ?assertEqual(10, length(Launched)),
    ?assertMatch({[], _}, ecm_evacuation_run:launch(120000, Run)).

no_more_than_so_many_in_a_second_test() ->
    Moved = fun(Now, {Sum, Run}) ->
                    {Launched, Next} = ecm_evacuation_run:launch(Now, Run),
                    Ended = lists:foldl(fun({Session, _}, R) -> ecm_evacuation_run:outcome(Session, ok, R) end,
                                        Next, Launched),
                    {Sum + length(Launched), Ended}
            end,
    {Sum, _} = lists:foldl(Moved, {0, begun(sessions(1000), new(#{a => 0}))}, lists:seq(0, 10000, 50)),
    ?assertEqual(500, Sum).

one_that_is_busy_is_tried_in_the_next_pass_test() ->
    [One, Two, Three] = Sessions = sessions(3),
    {[_, _, _], Run} = ecm_evacuation_run:launch(1000, begun(Sessions, new(#{a => 0}))),
    ?assertNot(ecm_evacuation_run:is_idle(Run)),
    Ended = outcomes([{One, {error, busy}}, {Two, {error, {unknown, key}}}, {Three, {error, ended}}], Run),
    ?assert(ecm_evacuation_run:is_idle(Ended)),
    ?assertMatch(#{moved := 0, to_go := 1, left := 1}, ecm_evacuation_run:progress(1000, 0, Ended)),
    {Launched, _} = ecm_evacuation_run:launch(2000, begun([One, Two], Ended)),
    ?assertEqual([{One, a}], Launched),
    ?assertEqual(#{moved => #{}, left => [{{unknown, key}, 1}]}, ecm_evacuation_run:report(Ended)).

outcomes(Outcomes, Run) ->
    lists:foldl(fun({Session, Outcome}, R) -> ecm_evacuation_run:outcome(Session, Outcome, R) end, Run, Outcomes).

a_node_that_is_lost_gets_none_test() ->
    Run = ecm_evacuation_run:lost_node(a, begun(sessions(2), new(#{a => 0, b => 5}))),
    ?assertMatch({[{_, b}, {_, b}], _}, ecm_evacuation_run:launch(1000, Run)),
    {[{One, b}, _], Moving} = ecm_evacuation_run:launch(1000, Run),
    ?assertEqual([], ecm_evacuation_run:targets(ecm_evacuation_run:outcome(One, {error, draining}, Moving))),
    None = ecm_evacuation_run:lost_node(b, Run),
    ?assertEqual([], ecm_evacuation_run:targets(None)),
    ?assertMatch({[], _}, ecm_evacuation_run:launch(1000, None)).

a_session_that_has_not_moved_does_not_count_test() ->
    {Launched, Run} = ecm_evacuation_run:launch(1000, begun(sessions(4), new(#{a => 0, b => 0}))),
    [Busy | _] = [Session || {Session, b} <- Launched],
    Ended = outcomes([{Session, ok} || {Session, _} <- Launched, Session =/= Busy] ++ [{Busy, {error, busy}}], Run),
    ?assertMatch({[{Busy, b}], _}, ecm_evacuation_run:launch(2000, begun([Busy], Ended))).

%% First as planned, then as it has gone.
the_estimate_test() ->
    Sessions = sessions(510),
    Begun = begun(Sessions, new(#{a => 0})),
    ?assertMatch(#{to_go := 510, seconds_to_go := 11}, ecm_evacuation_run:progress(0, 0, Begun)),
    {Launched, Run} = ecm_evacuation_run:launch(1000, Begun),
    Moved = outcomes([{Session, ok} || {Session, _} <- Launched], Run),
    ?assertMatch(#{moved := 10, to_go := 500, seconds := 2, seconds_to_go := 101},
                 ecm_evacuation_run:progress(2000, 0, Moved)),
    ?assertMatch(#{streams := 100, seconds_to_go := 103}, ecm_evacuation_run:progress(2000, 100, Moved)).

%% What operators read.

texts_test_() ->
    Counts = #{moved => 1, to_go => 0, left => 0, streams => 0, seconds => 3, seconds_to_go => 1},
    [{Expected, ?_assertEqual(Expected, unicode:characters_to_list(Text))}
     || {Expected, Text} <-
            [{"1 session has moved, 0 are to go, in some 1 seconds",
              ecm_evacuation_text:progress(Counts)},
             {"Sessions move to a@h, b@h: 1 session has moved, 4 are to go, in some 1 seconds; 2 cannot move.",
              ecm_evacuation_text:status({running, [b@h, a@h], Counts#{to_go := 4, left := 2}})},
             {"1 session has moved, 0 are to go, in some 1 seconds; 7 streams to close",
              ecm_evacuation_text:progress(Counts#{streams := 7})},
             {"This node is empty: 1 session has moved in 3 seconds. It takes no sessions until it is started again, "
              "or until `ecm_evacuate stop'. 7 streams closed: their clients connect to other nodes. "
              "To a@h: 1 session.",
              ecm_evacuation_text:status({over, emptied, Counts, #{moved => #{a@h => 1}, left => [], closed => 7}})},
             {"This node is empty: 1 session has moved in 3 seconds. It takes no sessions until it is started again, "
              "or until `ecm_evacuate stop'. To a@h: 1 session.",
              ecm_evacuation_text:status({over, emptied, Counts, #{moved => #{a@h => 1}, left => [], closed => 0}})},
             {"1 session has moved, and 2 sessions could not: these log in anew when this node stops. It takes no "
              "sessions until it is started again, or until `ecm_evacuate stop'.\n1 session cannot move: a module of "
              "ejabberd that mod_ecm does not know keeps something in `key' that cannot leave its process.",
              ecm_evacuation_text:status({over, emptied, Counts#{to_go := 1, left := 1},
                                          #{moved => #{}, left => [{{unknown, key}, 1}], closed => 0}})},
             {"a@h runs ejabberd 24.12, and this node 23.01: sessions move only between equal versions",
              ecm_evacuation_text:refusal(a@h, {version, {1, <<"23.01">>}, {1, <<"24.12">>}})},
             {"a@h runs another release of mod_ecm, which has sessions of another form: they cannot move there",
              ecm_evacuation_text:refusal(a@h, {version, {1, <<"23.01">>}, {2, <<"23.01">>}})},
             {"a@h is emptied itself, or stops, or has no listener of mod_ecm",
              ecm_evacuation_text:refusal(a@h, draining)},
             {"a@h does not run a mod_ecm that takes sessions: start or update mod_ecm there",
              ecm_evacuation_text:refusal(a@h, no_mod_ecm)},
             {"2 sessions of mod_ecm can move.\n"
              "Closed in the end: 5 streams of ECM (WebSocket, TCP). Their clients connect to other nodes, where they "
              "resume (XEP-0198) or log in.\n"
              "Cannot move: 1 session over c2s_tls, whose clients connect to this node themselves.\n"
              "Cannot move: 3 rooms of mod_muc, which end with this node. Those that are persistent open on another "
              "node when somebody enters.",
              ecm_evacuation_text:rest({2, #{rooms => 3, streams => 5, sessions => [{c2s_tls, 1}]}})}]].

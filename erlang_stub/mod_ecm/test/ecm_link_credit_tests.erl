%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Credit on a stream: an honest ECM is never wrong and never stuck, and one that is wrong is found out.

-module(ecm_link_credit_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [frequency/1, integer/2, list/1]).

a_message_counts_with_the_length_of_its_packet_test() ->
    Body = <<"<message/>">>,
    Packet = iolist_to_binary(ecm_link_packet:encode(7, ecm_link_message:write(message, [], [], Body))),
    ?assertEqual(byte_size(Packet), ecm_link_credit:cost(Body)),
    ?assertEqual(byte_size(Body), ecm_link_credit:longest(byte_size(Packet))).

a_window_that_is_not_told_is_the_usual_one_test() ->
    ?assertEqual(65536, ecm_link_credit:window(#{})),
    ?assertEqual(100, ecm_link_credit:window(#{<<"window">> => 100})).

the_last_message_may_go_beyond_the_window_test() ->
    Begun = ecm_link_credit:sent(<<0:59/unit:8>>, new(100, 100)),
    ?assert(ecm_link_credit:may_send(Begun)),
    ?assertNot(ecm_link_credit:may_send(ecm_link_credit:sent(<<0:100000/unit:8>>, Begun))),
    ?assertNot(ecm_link_credit:may_send(ecm_link_credit:sent(<<>>, Begun))).

less_than_half_a_window_is_not_given_back_test() ->
    {0, Taken} = ecm_link_credit:taken(ecm_link_credit:cost(<<0:9/unit:8>>), new(100, 1)),
    {89, Given} = ecm_link_credit:taken(ecm_link_credit:cost(<<>>), Taken),
    ?assertEqual(new(100, 1), Given).

no_more_comes_back_than_was_sent_test() ->
    Sent = ecm_link_credit:sent(<<>>, new(1, 100)),
    ?assertEqual(error, ecm_link_credit:returned(41, Sent)),
    {ok, Left} = ecm_link_credit:returned(40, Sent),
    ?assertEqual(error, ecm_link_credit:returned(1, Left)),
    ?assertEqual({ok, Left}, ecm_link_credit:returned(0, Left)).

an_honest_end_is_never_wrong_and_never_stuck_test_() ->
    Step = frequency([{3, {send, integer(0, 200)}}, {1, arrive}, {1, take}]),
    {timeout, 60, fun() ->
                          ecm_property:holds({integer(1, 300), list(Step)}, fun goes_on/1, 500, 220)
                  end}.

%% A session here sends to another one. In the end everything has arrived, and it may send.
goes_on({Window, Steps}) ->
    Table = ecm_link_stream_table:new(),
    true = ecm_link_stream_table:begin_one(7, Table),
    Begun = {new(1, Window), new(Window, 1), [], []},
    Ending = lists:append(lists:duplicate(length(Steps), [arrive, take])),
    {Sender, _, [], []} = lists:foldl(fun(Step, State) -> step(Step, Window, Table, State) end, Begun, Steps ++ Ending),
    ok = ecm_link_stream_table:delete(Table),
    ecm_link_credit:may_send(Sender).

step({send, Size}, _, _, {Sender, Receiver, OnTheWay, Waiting}) ->
    Body = <<0:Size/unit:8>>,
    case ecm_link_credit:may_send(Sender) of
        true -> {ecm_link_credit:sent(Body, Sender), Receiver, OnTheWay ++ [Body], Waiting};
        false -> {Sender, Receiver, OnTheWay, Waiting}
    end;
step(arrive, Window, Table, {Sender, Receiver, [Body | OnTheWay], Waiting}) ->
    {ok, _} = ecm_link_stream_table:received(7, ecm_link_credit:cost(Body), Window, Table),
    {Sender, Receiver, OnTheWay, Waiting ++ [Body]};
step(take, _, Table, {Sender, Receiver, OnTheWay, [Body | Waiting]}) ->
    {Bytes, Taken} = ecm_link_credit:taken(ecm_link_credit:cost(Body), Receiver),
    true = ecm_link_stream_table:given_back(7, Bytes, Table),
    {ok, Returned} = ecm_link_credit:returned(Bytes, Sender),
    {Returned, Taken, OnTheWay, Waiting};
step(_, _, _, State) ->
    State.

new(Own, Theirs) ->
    ecm_link_credit:new(#{own => Own, theirs => Theirs}).

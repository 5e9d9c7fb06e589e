%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc An exchange with a session made up for the test; the test stands for the writer.

-module(ecm_exchange_tests).

-include_lib("eunit/include/eunit.hrl").

-define(PEER, {{127, 0, 0, 1}, 51234}).
-define(FAILED, "ECM link from 127.0.0.1:51234: the session failed at a request on connection 7: ").

the_answer_has_the_id_of_the_request_test() ->
    Ask = fun(Body, Peer) -> [<<"asked by ">>, ecm_peer:name(Peer), $:, $\s, [Body]] end,
    ?assertEqual({packet(7, "asked by 127.0.0.1:51234: <body/>"), []}, exchange(Ask, 1000)).

a_held_request_holds_up_no_other_test() ->
    Test = self(),
    Ask = fun(Body, _) -> Test ! {asked, Body, self()}, receive answer -> Body end end,
    Handler = ecm_exchange:handler(Ask, 1000),
    First = Handler(1, <<"first">>, ?PEER, self()),
    Second = Handler(2, <<"second">>, ?PEER, self()),
    receive {asked, <<"first">>, First} -> ok end,
    receive {asked, <<"second">>, Second} -> ok end,
    Second ! answer,
    ?assertEqual(packet(2, <<"second">>), receive_packet()),
    First ! answer,
    ?assertEqual(packet(1, <<"first">>), receive_packet()).

a_session_that_fails_is_answered_and_logged_test_() ->
    [?_assertEqual({refusal(7), [{error, ?FAILED ++ Text}]}, exchange(Ask, 1000))
     || {Ask, Text} <-
            [{fun fails/2, "error:some_reason in ecm_exchange_tests:fails/2"},
             {fun exits/2, "exit:noproc in ecm_exchange_tests:exits/2"},
             {fun takes_none/2, "error:function_clause in ecm_exchange_tests:takes_none/2"},
             {fun fails_without_a_stack/2, "error:some_reason in an unknown place"},
             {fun gives_no_iodata/2, "error:badarg in erlang:iolist_size/1"}]].

fails(_, _) -> error(some_reason).

fails_without_a_stack(_, _) -> erlang:raise(error, some_reason, []).

exits(_, _) -> exit(noproc).

takes_none(Body, _) when is_atom(Body) -> ok.

gives_no_iodata(_, _) -> not_iodata.

%% The peer has a limit as well, and closes the link where a packet is above it.
an_answer_above_the_limit_is_refused_and_logged_test() ->
    Answer = binary:copy(<<"x">>, 969),
    Text = "ECM link from 127.0.0.1:51234: dropped an answer of 1001 bytes on connection 7: "
           "max_packet is 1000, raise it here and in ECM",
    ?assertEqual({refusal(7), [{warning, Text}]}, exchange(fun(_, _) -> Answer end, 1000)),
    ?assertEqual({packet(7, Answer), []}, exchange(fun(_, _) -> Answer end, 1001)).

an_answer_without_a_link_is_dropped_test() ->
    ecm_log:start(),
    {Writer, Monitor} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Monitor, _, _, _} -> ok end,
    Handler = ecm_exchange:handler(fun(Body, _) -> Body end, 1000),
    Exchange = monitor(process, Handler(7, <<"<body/>">>, ?PEER, Writer)),
    receive {'DOWN', Exchange, _, _, Reason} -> ?assert(lists:member(Reason, [normal, noproc])) end,
    ?assertEqual([], ecm_log:lines()).

%% The packet that one exchange hands to the writer, and what it logs.
exchange(Ask, MaxPacket) ->
    ecm_log:start(),
    Handler = ecm_exchange:handler(Ask, MaxPacket),
    Handler(7, <<"<body/>">>, ?PEER, self()),
    {receive_packet(), ecm_log:lines()}.

receive_packet() ->
    receive {packet, Packet} -> Packet end.

refusal(Id) ->
    packet(Id, ecm_bosh:terminate(<<"internal-server-error">>)).

packet(Id, Content) ->
    iolist_to_binary(ecm_packet:encode(Id, Content)).

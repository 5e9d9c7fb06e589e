%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc An exchange with a session made up for the test, and a real socket for the answer.

-module(ecm_exchange_tests).

-include_lib("eunit/include/eunit.hrl").

-define(PEER, {{127, 0, 0, 1}, 51234}).
-define(CLIENT, {{192, 0, 2, 7}, 40000}).
-define(FAILED, "ECM link from 127.0.0.1:51234: the session failed at a request on connection 7: ").

the_answer_has_the_id_of_the_request_test() ->
    Ask = fun(Body, Client) -> {200, [<<"asked by ">>, ecm_peer:name(Client), $\s, [Body]]} end,
    ?assertEqual({packet(7, "asked by 192.0.2.7:40000 <body/>"), []}, exchange(Ask, #{})).

a_typed_link_has_the_status_as_well_test() ->
    Ask = fun(Body, _) -> {403, Body} end,
    ?assertEqual({packet(7, "answer 403\n<body/>"), []}, exchange(Ask, #{form => typed})),
    ?assertEqual({packet(7, "<body/>"), []}, exchange(Ask, #{form => plain})).

a_held_request_holds_up_no_other_test() ->
    {{Peer, _}, _} = Opened = open(),
    Test = self(),
    Ask = fun(Body, _) -> Test ! {asked, Body, self()}, receive answer -> {200, Body} end end,
    {First, _} = start(1, <<"first">>, Ask, link(Opened, #{})),
    {Second, _} = start(2, <<"second">>, Ask, link(Opened, #{})),
    receive {asked, <<"first">>, First} -> ok end,
    receive {asked, <<"second">>, Second} -> ok end,
    Second ! answer,
    ?assertEqual(packet(2, <<"second">>), ecm_socket_pair:receive_packet(Peer)),
    First ! answer,
    ?assertEqual(packet(1, <<"first">>), ecm_socket_pair:receive_packet(Peer)),
    close(Opened).

a_session_that_fails_is_answered_and_logged_test_() ->
    [?_assertEqual({refusal(7), [{error, ?FAILED ++ Text}]}, exchange(Ask, #{}))
     || {Ask, Text} <-
            [{fun fails/2, "error:some_reason in ecm_exchange_tests:fails/2"},
             {fun exits/2, "exit:noproc in ecm_exchange_tests:exits/2"},
             {fun takes_none/2, "error:function_clause in ecm_exchange_tests:takes_none/2"},
             {fun fails_without_a_stack/2, "error:some_reason in an unknown place"},
             {fun gives_no_iodata/2, "error:badarg in erlang:iolist_size/1"}]].

fails(_, _) -> error(some_reason).

fails_without_a_stack(_, _) -> erlang:raise(error, some_reason, []).

exits(_, _) -> exit(noproc).

takes_none(Body, _) when is_atom(Body) -> {200, <<>>}.

gives_no_iodata(_, _) -> {200, not_iodata}.

%% The peer has a limit as well, and closes the link where a packet is above it.
an_answer_above_the_limit_is_refused_and_logged_test() ->
    Answer = binary:copy(<<"x">>, 969),
    Ask = fun(_, _) -> {200, Answer} end,
    Text = "ECM link from 127.0.0.1:51234: dropped an answer of 1001 bytes on connection 7: "
           "max_packet is 1000, raise it here and in ECM",
    ?assertEqual({refusal(7), [{warning, Text}]}, exchange(Ask, #{max_packet => 1000})),
    ?assertEqual({packet(7, Answer), []}, exchange(Ask, #{max_packet => 1001})).

the_limit_counts_the_line_of_a_typed_link_test() ->
    Answer = binary:copy(<<"x">>, 957),
    Ask = fun(_, _) -> {200, Answer} end,
    Exchange = fun(Limit) -> exchange(Ask, #{form => typed, max_packet => Limit}) end,
    ?assertEqual({packet(7, ["answer 200\n", Answer]), []}, Exchange(1000)),
    {Refused, [{warning, _}]} = Exchange(999),
    Refusal = ecm_bosh:terminate(<<"internal-server-error">>),
    ?assertEqual(packet(7, ["answer 200\n", Refusal]), Refused).

an_answer_without_a_link_is_dropped_test() ->
    ecm_log:start(),
    Opened = open(),
    close(Opened),
    {_, Monitor} = start(7, <<"<body/>">>, fun(Body, _) -> {200, Body} end, link(Opened, #{})),
    ?assertEqual(normal, receive {'DOWN', Monitor, _, _, Reason} -> Reason end),
    ?assertEqual([], ecm_log:lines()).

%% The packet that comes of one exchange, and what it logs.
exchange(Ask, Changes) ->
    ecm_log:start(),
    {{Peer, _}, _} = Opened = open(),
    {_, Monitor} = start(7, <<"<body/>">>, Ask, link(Opened, Changes)),
    ?assertEqual(normal, receive {'DOWN', Monitor, _, _, Reason} -> Reason end),
    Packet = ecm_socket_pair:receive_packet(Peer),
    close(Opened),
    {Packet, ecm_log:lines()}.

start(Id, Body, Ask, Link) ->
    ecm_exchange:start(Id, Body, ?CLIENT, Ask, Link).

%% In `Changes' is what differs from the usual.
link({_, Writer}, Changes) ->
    maps:merge(#{form => plain, max_packet => 10000, writer => Writer, peer => ?PEER}, Changes).

open() ->
    process_flag(trap_exit, true),
    {_, Ours} = Pair = ecm_socket_pair:open(),
    {Pair, ecm_writer:start_link(ecm_socket:tcp(Ours))}.

close({Pair, Writer}) ->
    Pid = ecm_writer:pid(Writer),
    exit(Pid, shutdown),
    receive {'EXIT', Pid, shutdown} -> ok end,
    ecm_socket_pair:close(Pair).

refusal(Id) ->
    packet(Id, ecm_bosh:terminate(<<"internal-server-error">>)).

packet(Id, Content) ->
    iolist_to_binary(ecm_packet:encode(Id, Content)).

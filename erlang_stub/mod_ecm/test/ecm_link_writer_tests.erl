%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The writer on a real socket. `inet:getstat' counts its writes.

-module(ecm_link_writer_tests).

-include_lib("eunit/include/eunit.hrl").

-define(BATCH_SIZE, 262144).

-define(PEER, {{192, 0, 2, 7}, 5290}).

packets_are_written_in_order_test() ->
    {{Peer, _} = Pair, Writer} = start([]),
    Packets = [integer_to_binary(N) || N <- lists:seq(1, 10000)],
    send_all(Writer, Packets),
    Expected = iolist_to_binary(Packets),
    ?assertEqual({ok, Expected}, gen_tcp:recv(Peer, byte_size(Expected))),
    stop(Pair, Writer).

waiting_packets_leave_in_one_write_test() ->
    {{Peer, Ours} = Pair, Writer} = start([]),
    Packets = [binary:copy(<<"x">>, 100) || _ <- lists:seq(1, 1000)],
    send_at_once(Writer, Packets),
    {ok, _} = gen_tcp:recv(Peer, 100000),
    ?assertEqual({ok, [{send_cnt, 1}]}, inet:getstat(Ours, [send_cnt])),
    stop(Pair, Writer).

a_write_is_bounded_test() ->
    {{Peer, Ours} = Pair, Writer} = start([]),
    Packets = [binary:copy(<<"x">>, 1000) || _ <- lists:seq(1, 2000)],
    send_at_once(Writer, Packets),
    {ok, _} = gen_tcp:recv(Peer, 2000000),
    {ok, [{send_max, Largest}]} = inet:getstat(Ours, [send_max]),
    ?assert(Largest < ?BATCH_SIZE + 1000),
    stop(Pair, Writer).

%% A write searches the mailbox for its reply: no packets must wait there.
the_mailbox_is_empty_during_a_write_test() ->
    {Pair, Writer} = start([{sndbuf, 4096}]),
    send_at_once(Writer, [binary:copy(<<"x">>, 100000) || _ <- lists:seq(1, 200)]),
    Pid = ecm_link_writer:pid(Writer),
    ecm_link_pair:await(fun() -> process_info(Pid, message_queue_len) =:= {message_queue_len, 0} end),
    stop(Pair, Writer).

a_failed_write_ends_the_writer_test() ->
    {{_, Ours} = Pair, Writer} = start([]),
    ok = gen_tcp:close(Ours),
    ecm_link_writer:send(Writer, <<"x">>),
    ?assertEqual({shutdown, {send_failed, closed}}, reason_of_exit(Writer)),
    ecm_socket_pair:close(Pair).

%% It tells its reader, and counts no longer what is lost with the connection.
a_failed_write_does_not_end_a_link_that_resumes_test() ->
    {{Peer, Ours} = Pair, Writer} = start([]),
    Token = ecm_link_tokens:new(),
    up(Writer, #{resumption => #{token => Token, terms => none, grace => 1000}}),
    {0, <<"resume ", _/binary>>} = ecm_link_pair:receive_content(Peer),
    ok = gen_tcp:close(Ours),
    ecm_link_writer:say(Writer, iolist_to_binary(ecm_link_packet:encode(0, <<"ping">>))),
    receive {ecm_link_writer, {send_failed, closed}} -> ok end,
    ?assertEqual(ok, await_none_waiting(Writer)),
    stop(Pair, Writer).

%% Nothing is written behind the end, and nobody else knows of it.
what_a_session_says_behind_the_end_is_given_back_test() ->
    {{Peer, _} = Pair, Writer} = start([]),
    up(Writer, #{resumption => #{token => ecm_link_tokens:new(), terms => none, grace => 1000}, in_message => 10000}),
    true = ecm_link_stream_table:begin_one(7, ecm_link_writer:streams(Writer)),
    at_once(Writer, fun() ->
                            say_on_stream(Writer, <<"before">>),
                            ecm_link_writer:finish(Writer),
                            say_on_stream(Writer, <<"behind">>)
                    end),
    ?assertEqual(normal, reason_of_exit(Writer)),
    ?assertEqual({ecm_stream, {unsent, [<<"before">>, <<"behind">>]}}, receive {ecm_stream, _} = Event -> Event end),
    {0, <<"resume ", _/binary>>} = ecm_link_pair:receive_content(Peer),
    ?assertEqual({7, <<"message\nbefore">>}, ecm_link_pair:receive_content(Peer)),
    ?assertEqual({error, timeout}, gen_tcp:recv(Peer, 1, 0)),
    ecm_socket_pair:close(Pair).

%% The writer has been told to end, and others do not know that yet.
what_a_session_says_before_the_writer_ends_is_given_back_test_() ->
    [{Name, fun() -> is_given_back_behind(End) end}
     || {Name, End} <- [{"fault", fun ecm_link_writer:end_soon/1},
                        {"given up", fun(Writer) -> ecm_link_writer:pid(Writer) ! {over, self(), make_ref()} end}]].

is_given_back_behind(End) ->
    {Pair, Writer} = start([]),
    up(Writer, #{resumption => #{token => ecm_link_tokens:new(), terms => none, grace => 1000}, in_message => 10000}),
    true = ecm_link_stream_table:begin_one(7, ecm_link_writer:streams(Writer)),
    at_once(Writer, fun() ->
                            say_on_stream(Writer, <<"before">>),
                            End(Writer),
                            say_on_stream(Writer, <<"behind">>)
                    end),
    ?assertEqual({shutdown, over}, reason_of_exit(Writer)),
    ?assertEqual([<<"before">>, <<"behind">>], receive {ecm_stream, {unsent, Messages}} -> Messages end),
    ecm_socket_pair:close(Pair).

say_on_stream(Writer, Text) ->
    ecm_link_stream:message(Text, {ecm_link_writer:pid(Writer), 7, 10000}).

a_peer_that_does_not_read_ends_the_writer_test() ->
    {Pair, Writer} = start([{send_timeout, 50}, {sndbuf, 4096}]),
    send_at_once(Writer, [binary:copy(<<"x">>, 1000000) || _ <- lists:seq(1, 20)]),
    ?assertEqual({shutdown, {send_failed, timeout}}, reason_of_exit(Writer)),
    ecm_socket_pair:close(Pair).

%% Also where they are more than one write takes.
what_has_been_handed_over_is_written_before_the_end_test() ->
    {{Peer, _} = Pair, Writer} = start([]),
    Packets = [binary:copy(<<"x">>, 100000) || _ <- lists:seq(1, 20)],
    at_once(Writer, fun() ->
                            send_all(Writer, Packets),
                            ecm_link_writer:finish(Writer),
                            ecm_link_writer:send(Writer, <<"too late">>)
                    end),
    Expected = iolist_to_binary(Packets),
    ?assertEqual({ok, Expected}, gen_tcp:recv(Peer, byte_size(Expected))),
    ?assertEqual(normal, reason_of_exit(Writer)),
    ?assertEqual({error, timeout}, gen_tcp:recv(Peer, 1, 0)),
    ecm_socket_pair:close(Pair).

what_waits_is_counted_test() ->
    {{Peer, _} = Pair, Writer} = start([]),
    ?assertEqual(0, ecm_link_writer:waiting(Writer)),
    at_once(Writer, fun() ->
                            send_all(Writer, [<<"four">>, <<"sixsix">>]),
                            ?assertEqual(10 + 2 * 1024, ecm_link_writer:waiting(Writer))
                    end),
    ?assertEqual({ok, <<"foursixsix">>}, gen_tcp:recv(Peer, 10)),
    ?assertEqual(ok, await_none_waiting(Writer)),
    stop(Pair, Writer).

await_none_waiting(Writer) ->
    ecm_link_pair:await(fun() -> ecm_link_writer:waiting(Writer) =:= 0 end).

a_writer_that_has_ended_has_nothing_waiting_test() ->
    {{_, Ours} = Pair, Writer} = start([]),
    ok = gen_tcp:close(Ours),
    ecm_link_writer:send(Writer, <<"x">>),
    _ = reason_of_exit(Writer),
    ?assertEqual(0, ecm_link_writer:waiting(Writer)),
    ecm_socket_pair:close(Pair).

an_answer_is_a_packet_and_no_more_in_flight_test_() ->
    [fun() -> answered(Form, Content) end
     || {Form, Content} <- [{plain, <<"<body/>">>}, {typed, <<"answer 403\n<body/>">>}]].

answered(Form, Content) ->
    {{Peer, _} = Pair, Writer} = start([]),
    InFlight = up(Writer, Form, 10000),
    ecm_link_table:add(7, self(), InFlight),
    ecm_link_table:add(8, self(), InFlight),
    ecm_link_writer:answer(ecm_link_writer:pid(Writer), 7, 403, <<"<body/>">>),
    ?assertEqual({7, Content}, ecm_link_pair:receive_content(Peer)),
    ?assertEqual([{8, self()}], ecm_link_table:all(InFlight)),
    stop(Pair, Writer).

many_answers_leave_together_test() ->
    {{Peer, Ours} = Pair, Writer} = start([]),
    up(Writer, plain, 10000),
    Ids = lists:seq(1, 1000),
    at_once(Writer, fun() -> answer_all(Writer, Ids, <<"<body/>">>) end),
    ?assertEqual([{Id, <<"<body/>">>} || Id <- Ids],
                 [ecm_link_pair:receive_content(Peer) || _ <- Ids]),
    ?assertEqual({ok, [{send_cnt, 1}]}, inet:getstat(Ours, [send_cnt])),
    stop(Pair, Writer).

%% The reason to close a link. The first answer is in the kernel and the driver, and the writer waits until
%% it can write the second. So it cannot see the others, but they are counted.
answers_for_a_peer_that_does_not_read_are_counted_test() ->
    {{Peer, Ours} = Pair, Writer} = start([]),
    up(Writer, plain, 10000000),
    Long = binary:copy(<<"x">>, 9000000),
    Size = 32 + byte_size(Long),
    Ids = lists:seq(3, 5002),
    answer_all(Writer, [1], Long),
    ecm_link_pair:await(fun() -> is_unsent(Ours) end),
    answer_all(Writer, [2], Long),
    ecm_link_pair:await(fun() -> ecm_link_writer:waiting(Writer) =:= Size andalso waits(Writer) end),
    answer_all(Writer, Ids, <<"<body/>">>),
    ?assertEqual(Size + 5000 * 1024, ecm_link_writer:waiting(Writer)),
    [?assertEqual({Id, Long}, ecm_link_pair:receive_content(Peer)) || Id <- [1, 2]],
    ?assertEqual([{Id, <<"<body/>">>} || Id <- Ids],
                 [ecm_link_pair:receive_content(Peer) || _ <- Ids]),
    ?assertEqual(ok, await_none_waiting(Writer)),
    stop(Pair, Writer).

waits(Writer) ->
    {status, Status} = process_info(ecm_link_writer:pid(Writer), status),
    lists:member(Status, [waiting, suspended]).

is_unsent(Socket) ->
    {ok, [{send_pend, Bytes}]} = inet:getstat(Socket, [send_pend]),
    Bytes > 0.

a_request_whose_session_has_ended_is_dropped_test_() ->
    [fun() -> dropped(Form, Content) end
     || {Form, Content} <- [{plain, ecm_link_pair:refusal()}, {typed, <<"close failed">>}]].

dropped(Form, Content) ->
    ecm_log:start(),
    {{Peer, _} = Pair, Writer} = start([]),
    InFlight = up(Writer, Form, 10000),
    ecm_link_table:add(7, self(), InFlight),
    ecm_link_writer:drop(Writer, [{7, self()}]),
    ?assertEqual({7, Content}, ecm_link_pair:receive_content(Peer)),
    ?assertEqual([], ecm_link_table:all(InFlight)),
    ?assertEqual([{warning, "ECM link from 192.0.2.7:5290: dropped 1 requests, the first one on connection 7: their "
                            "sessions have ended without an answer"}], ecm_log:lines()),
    stop(Pair, Writer).

many_requests_that_are_dropped_are_one_line_test() ->
    ecm_log:start(),
    {{Peer, _} = Pair, Writer} = start([]),
    InFlight = up(Writer, typed, 10000),
    Ids = lists:seq(1, 450),
    [ecm_link_table:add(Id, self(), InFlight) || Id <- Ids],
    ecm_link_writer:drop(Writer, [{Id, self()} || Id <- Ids]),
    [?assertEqual({Id, <<"close failed">>}, ecm_link_pair:receive_content(Peer)) || Id <- Ids],
    ?assertMatch([{warning, "ECM link from 192.0.2.7:5290: dropped 450 requests" ++ _}], ecm_log:lines()),
    stop(Pair, Writer).

%% An answer is already there; and the connection has another request by now.
what_is_answered_is_not_dropped_test() ->
    {{Peer, _} = Pair, Writer} = start([]),
    InFlight = up(Writer, plain, 10000),
    Other = spawn(fun() -> ok end),
    ecm_link_table:add(7, self(), InFlight),
    ecm_link_table:add(8, Other, InFlight),
    at_once(Writer, fun() ->
                            ecm_link_writer:answer(ecm_link_writer:pid(Writer), 7, 200, <<"<body/>">>),
                            ecm_link_writer:drop(Writer, [{7, self()}, {8, self()}]),
                            ecm_link_writer:send(Writer, packet(<<"end">>))
                    end),
    ?assertEqual({7, <<"<body/>">>}, ecm_link_pair:receive_content(Peer)),
    ?assertEqual({0, <<"end">>}, ecm_link_pair:receive_content(Peer)),
    ?assertEqual([{8, Other}], ecm_link_table:all(InFlight)),
    stop(Pair, Writer).

packet(Content) ->
    iolist_to_binary(ecm_link_packet:encode(0, Content)).

the_writer_ends_with_its_link_test() ->
    {_, Ours} = Pair = ecm_socket_pair:open(),
    Test = self(),
    Link = spawn(fun() ->
                         Test ! {writer, ecm_link_writer:start(ecm_link_socket:tcp(Ours))},
                         receive stop -> exit(down) end
                 end),
    {ok, Writer} = receive {writer, Started} -> Started end,
    Monitor = monitor(process, ecm_link_writer:pid(Writer)),
    Link ! stop,
    ?assertEqual({shutdown, over}, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual(ok, ecm_link_writer:send(Writer, <<"dropped">>)),
    ecm_socket_pair:close(Pair).

%% Those of others pass between its parts.
a_long_answer_does_not_delay_others_test() ->
    {{Peer, _} = Pair, Writer} = start([]),
    up(Writer, typed, 4000, 1000000),
    Long = binary:copy(<<"x">>, 100000),
    at_once(Writer, fun() -> answer_all(Writer, [1], Long), answer_all(Writer, [2, 3], <<"y">>) end),
    ?assertMatch({2, <<"answer 200\ny">>}, ecm_link_pair:receive_content(Peer)),
    ?assertMatch({3, <<"answer 200\ny">>}, ecm_link_pair:receive_content(Peer)),
    ?assertEqual({25, Long}, parts(1, Peer, 1, [])),
    ?assertEqual(ok, await_none_waiting(Writer)),
    stop(Pair, Writer).

parts(Id, Peer, Number, Parts) ->
    case ecm_link_pair:receive_content(Peer) of
        {Id, <<"part\n", Part/binary>>} -> parts(Id, Peer, Number + 1, [Parts, Part]);
        {Id, <<"answer 200\n", Last/binary>>} -> {Number, iolist_to_binary([Parts, Last])}
    end.

%% It counts from the moment at which it is passed to the writer.
a_long_answer_that_waits_is_counted_test() ->
    {{Peer, Ours} = Pair, Writer} = start([]),
    up(Writer, typed, 1000000, 20000000),
    answer_all(Writer, [1], <<0:(8 * 20000000)>>),
    ecm_link_pair:await(fun() -> is_unsent(Ours) andalso ecm_link_writer:waiting(Writer) > 5000000 end),
    {_, Body} = parts(1, Peer, 1, []),
    ?assertEqual(20000000, byte_size(Body)),
    ?assertEqual(ok, await_none_waiting(Writer)),
    stop(Pair, Writer).

%% A client that repeats its request and does not read has many of them.
long_answers_that_are_too_many_are_none_test() ->
    {{Peer, _} = Pair, Writer} = start([]),
    up(Writer, typed, 1000000, 20000000),
    Ids = lists:seq(1, 9),
    at_once(Writer, fun() -> answer_all(Writer, Ids, <<0:(8 * 20000000)>>) end),
    Said = [ecm_link_pair:receive_content(Peer) || _ <- Ids],
    ?assertEqual([8, 9], [Id || {Id, <<"close failed">>} <- Said]),
    stop(Pair, Writer).

%% The same with answers that fit in a packet: the link stays, for everybody else. Short ones pass.
answers_that_are_too_many_are_none_test() ->
    {{Peer, _} = Pair, Writer} = start([]),
    up(Writer, typed, 2000000, 2000000),
    Ids = lists:seq(1, 140),
    at_once(Writer, fun() ->
                            answer_all(Writer, Ids, <<0:(8 * 1000000)>>),
                            answer_all(Writer, [141], <<"short">>)
                    end),
    Said = [ecm_link_pair:receive_content(Peer) || _ <- [short | Ids]],
    ?assertEqual(lists:seq(136, 140), [Id || {Id, <<"close failed">>} <- Said]),
    ?assertEqual({141, <<"answer 200\nshort">>}, lists:last(Said)),
    ?assertEqual(ok, await_none_waiting(Writer)),
    stop(Pair, Writer).

a_client_that_goes_gets_no_more_of_a_long_answer_test() ->
    {{Peer, Ours} = Pair, Writer} = start([]),
    up(Writer, typed, 1000000, 20000000),
    answer_all(Writer, [1], <<0:(8 * 20000000)>>),
    ecm_link_pair:await(fun() -> is_unsent(Ours) end),
    ecm_link_writer:forget(Writer, 1),
    ecm_link_writer:send(Writer, packet(<<"end">>)),
    ?assert(packets_until(<<"end">>, Peer, 0) < 20000000 div 65536),
    ?assertEqual(ok, await_none_waiting(Writer)),
    stop(Pair, Writer).

packets_until(End, Peer, Number) ->
    case ecm_link_pair:receive_content(Peer) of
        {0, End} -> Number;
        {1, <<"part\n", _/binary>>} -> packets_until(End, Peer, Number + 1)
    end.

%% Also where the end comes before its first part.
a_long_answer_is_written_before_the_end_test() ->
    {{Peer, _} = Pair, Writer} = start([]),
    up(Writer, typed, 4000, 1000000),
    at_once(Writer, fun() ->
                            answer_all(Writer, [1], <<0:(8 * 50000)>>),
                            ecm_link_writer:finish(Writer),
                            answer_all(Writer, [2], <<0:(8 * 50000)>>)
                    end),
    ?assertMatch({13, <<0:(8 * 50000)>>}, parts(1, Peer, 1, [])),
    ?assertEqual(normal, reason_of_exit(Writer)),
    ?assertEqual({error, timeout}, gen_tcp:recv(Peer, 1, 0)),
    ecm_socket_pair:close(Pair).

%% No session makes one. Its client is not told that the session has ended.
an_answer_that_no_link_takes_is_none_test_() ->
    #{retry := Recoverable} = ecm_link_pair:substitutes(),
    [fun() -> is_none(Form, Content) end
     || {Form, Content} <- [{plain, Recoverable}, {typed, <<"close failed">>}]].

is_none(Form, Content) ->
    ecm_log:start(),
    {{Peer, _} = Pair, Writer} = start([]),
    up(Writer, Form, 1000, 1000),
    answer_all(Writer, [7], <<0:(8 * 1001)>>),
    ?assertEqual({7, Content}, ecm_link_pair:receive_content(Peer)),
    ?assertEqual([{error, "ECM link from 192.0.2.7:5290: connection 7: dropped an answer of 1001 bytes, "
                          "the link carries 1000"}], ecm_log:lines()),
    stop(Pair, Writer).

start(Options) ->
    {_, Ours} = Pair = ecm_socket_pair:open(Options),
    ok = ecm_services:ensure(),
    {ok, Writer} = ecm_link_writer:start(ecm_link_socket:tcp(Ours)),
    _ = monitor(process, ecm_link_writer:pid(Writer)),
    {Pair, Writer}.

%% Returns the table of its link.
up(Writer, Form, InPacket) ->
    up(Writer, Form, InPacket, InPacket).

up(Writer, Form, InPacket, Longest) ->
    up(Writer, #{form => Form, in_packet => InPacket, longest => Longest}).

up(Writer, Link) ->
    Usual = #{form => typed, in_packet => 10000, longest => 10000, peer => ?PEER,
              substitutes => ecm_link_pair:substitutes(), max_waiting => 1000000,
              gone => fun(_, _, _) -> ok end},
    ecm_link_writer:up(Writer, maps:merge(Usual, Link)),
    ecm_link_writer:in_flight(Writer).

answer_all(Writer, Ids, Body) ->
    [ecm_link_writer:answer(ecm_link_writer:pid(Writer), Id, 200, Body) || Id <- Ids].

stop(Pair, Writer) ->
    exit(ecm_link_writer:pid(Writer), shutdown),
    ?assertEqual(shutdown, reason_of_exit(Writer)),
    ecm_socket_pair:close(Pair).

send_all(Writer, Packets) ->
    lists:foreach(fun(Packet) -> ecm_link_writer:send(Writer, Packet) end, Packets).

%% All are in the mailbox before the writer sees the first.
send_at_once(Writer, Packets) ->
    at_once(Writer, fun() -> send_all(Writer, Packets) end).

at_once(Writer, Do) ->
    true = erlang:suspend_process(ecm_link_writer:pid(Writer)),
    Do(),
    true = erlang:resume_process(ecm_link_writer:pid(Writer)).

reason_of_exit(Writer) ->
    Pid = ecm_link_writer:pid(Writer),
    receive {'DOWN', _, process, Pid, Reason} -> Reason end.

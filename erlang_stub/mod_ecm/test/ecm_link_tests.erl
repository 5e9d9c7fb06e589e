%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A link on a real socket: its beginning, its stream, and its end.

-module(ecm_link_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_link_pair, [answers/1, close/1, gives/1, log_since_up/0, open/1, open/2,
                        reason_of_exit/1, send/2, send/3, stop/1]).

%% So requests of one session do not overtake each other.
requests_of_one_segment_go_to_their_sessions_in_order_test() ->
    Opened = open(#{request => gives(self())}),
    Bodies = [integer_to_binary(N) || N <- lists:seq(1, 1000)],
    send(Opened, [ecm_link_packet:encode(N, Body) || {N, Body} <- lists:enumerate(Bodies)]),
    Given = [receive {request, Body, {_, N, _}} -> {N, Body} end || _ <- Bodies],
    ?assertEqual(lists:enumerate(Bodies), Given),
    stop(Opened).

the_log_names_the_peer_test() ->
    {{Peer, _}, _} = Opened = open(#{}),
    {ok, Name} = inet:sockname(Peer),
    send(Opened, 1, <<"first">>),
    ecm_socket_pair:receive_packet(Peer),
    stop(Opened),
    Prefix = unicode:characters_to_list(["ECM link from ", ecm_peer:name(Name)]),
    ?assertEqual([{info, Prefix ++ " is up: plain"}, {info, Prefix ++ " is down: shutdown"}],
                 ecm_log:lines()).

%% More reads than a socket is asked for at once.
reading_goes_on_test() ->
    {{Peer, _}, _} = Opened = open(#{}),
    [begin
         Packet = iolist_to_binary(ecm_link_packet:encode(N, <<"again">>)),
         send(Opened, Packet),
         ?assertEqual(Packet, ecm_socket_pair:receive_packet(Peer))
     end || N <- lists:seq(1, 300)],
    stop(Opened).

the_client_is_the_peer_of_the_connection_test() ->
    {{Peer, _}, _} = Opened = open(#{request => answers(fun client/2)}),
    {ok, Name} = inet:sockname(Peer),
    send(Opened, 1, <<>>),
    ?assertEqual({1, term_to_binary(Name)}, ecm_link_pair:receive_content(Peer)),
    stop(Opened).

the_client_is_the_peer_of_the_proxy_protocol_test() ->
    Proxied = {{192, 0, 2, 7}, 51234},
    {{Peer, _}, _} = Opened = open(#{request => answers(fun client/2), peer => Proxied}),
    send(Opened, 1, <<>>),
    ?assertEqual({1, term_to_binary(Proxied)}, ecm_link_pair:receive_content(Peer)),
    stop(Opened).

client(_, Client) -> {200, term_to_binary(Client)}.

a_unix_socket_is_a_link_as_well_test() ->
    {{Peer, _}, Link} = Opened = ecm_link_pair:over(ecm_socket_pair:open_local(), #{}),
    send(Opened, 1, <<"<body/>">>),
    ?assertEqual({1, <<"<body/>">>}, ecm_link_pair:receive_content(Peer)),
    ok = gen_tcp:close(Peer),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    ?assertEqual([{info, "is down: closed"}], log_since_up()).

an_unexpected_message_does_not_matter_test() ->
    {_, Link} = Opened = open(#{}),
    Link ! something,
    ?assertEqual({error, badarg}, gen_server:call(Link, something)),
    ?assertEqual([{warning, "unexpected message something"}], ecm_link_pair:lines()),
    stop(Opened).

a_protocol_error_closes_the_link_test() ->
    {{Peer, _}, Link} = Opened = open(#{}),
    Request = "POST /\"\\ HTTP/1.1\r\nHost: chat.example\r\n",
    send(Opened, [ecm_link_packet:encode(1, <<"before">>), Request]),
    ?assertMatch({_, closed}, ecm_socket_pair:receive_all(Peer)),
    ok = gen_tcp:close(Peer),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    ?assertEqual([{warning, "is down: malformed: length-not-decimal; received "
                            "\"POST /\\\"\\\\ HTTP/1.1\\x0d\\x0aHost: chat.example\\x0d\\x0a\""}],
                 log_since_up()).

closing_between_packets_is_no_fault_test() ->
    {{Peer, _}, Link} = Opened = open(#{request => gives(self())}),
    send(Opened, 1, <<"last">>),
    ok = gen_tcp:shutdown(Peer, write),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    receive {request, <<"last">>, _} -> ok end,
    ?assertEqual([{info, "is down: closed"}], log_since_up()),
    close(Opened).

closing_in_mid_packet_is_logged_test() ->
    {{Peer, _}, Link} = Opened = open(#{}),
    send(Opened, binary:part(iolist_to_binary(ecm_link_packet:encode(1, <<"last">>)), 0, 34)),
    ok = gen_tcp:shutdown(Peer, write),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    ?assertEqual([{warning, "is down: closed in mid-packet, after 34 bytes of it"}],
                 ecm_link_pair:lines()),
    close(Opened).

%% However its bytes come.
a_packet_that_is_not_completed_ends_the_link_test_() ->
    [{Name, {timeout, 20, fun() -> is_given_up(Begin, Said, Text) end}}
     || {Name, Begin, Said, Text} <-
            [{"plain", ecm_link_packet:encode(1, <<"first">>), "|first", "a packet was not complete"},
             {"nothing before", [], "", "a packet was not complete"},
             {"typed", ecm_link_packet:encode(0, ecm_link_pair:hello(4096)), "|error silent ",
              "silent: a packet was not complete"}]].

is_given_up(Begin, Said, Text) ->
    {{Peer, _}, Link} = Opened = open(#{connection => #{link_timeout => 2000}}),
    send(Opened, Begin),
    Packet = iolist_to_binary(ecm_link_packet:encode(1, binary:copy(<<"x">>, 1000))),
    Received = drip(Packet, <<>>, Peer),
    ok = gen_tcp:close(Peer),
    _ = reason_of_exit(Link),
    ?assertNotEqual(nomatch, string:find(Received, Said)),
    {warning, Last} = lists:last(ecm_link_pair:lines()),
    ?assertEqual("is down: " ++ Text, lists:sublist(Last, length("is down: " ++ Text))).

%% Sends one byte after the other until the link ends, and returns what has come.
drip(<<Byte, Rest/binary>> = Bytes, Received, Peer) ->
    case gen_tcp:recv(Peer, 0, 50) of
        {ok, Data} ->
            drip(Bytes, <<Received/binary, Data/binary>>, Peer);
        {error, timeout} ->
            ok = gen_tcp:send(Peer, <<Byte>>),
            drip(Rest, Received, Peer);
        {error, closed} ->
            Received
    end.

%% Its socket must be closed as well, with all that waits in it: nobody else will ever close it.
a_peer_that_does_not_read_loses_its_link_test() ->
    {{Peer, Ours}, Link} = Opened = open(answers_much(), [{send_timeout, 50}]),
    ask_much(Opened),
    ?assertEqual({shutdown, {send_failed, timeout}}, reason_of_exit(Link)),
    ?assertEqual(undefined, erlang:port_info(Ours)),
    ?assertMatch({_, closed}, ecm_socket_pair:receive_all(Peer)),
    ?assertEqual([{info, "is down: {send_failed,timeout}"}], log_since_up()),
    close(Opened).

%% The same after the end of the link: the last messages cannot leave, and are not waited for.
%% The link gives such a peer three seconds.
a_peer_that_does_not_end_test_() ->
    [{Name, {timeout, 60, Test}}
     || {Name, Test} <- [{"does not read", fun a_peer_that_does_not_read_at_the_end/0},
                         {"does not close", fun a_peer_that_does_not_close_at_the_end/0}]].

a_peer_that_does_not_read_at_the_end() ->
    {{Peer, Ours}, Link} = Opened = open(answers_much(), [{send_timeout, 60000}]),
    ask_much(Opened),
    await_unsent(Ours),
    send(Opened, <<"no packet: nothing of this is one">>),
    ?assertEqual({shutdown, linger_timeout}, reason_of_exit(Link)),
    ?assertEqual(undefined, erlang:port_info(Ours)),
    ?assertMatch({_, closed}, ecm_socket_pair:receive_all(Peer)),
    ?assertMatch([{warning, "is down: malformed: length-not-decimal" ++ _}], log_since_up()),
    close(Opened).

a_peer_that_does_not_close_at_the_end() ->
    {{Peer, _}, Link} = Opened = open(#{}),
    ok = inet:setopts(Peer, [{exit_on_close, false}]),
    send(Opened, <<"no packet: nothing of this is one">>),
    ?assertEqual({<<>>, closed}, ecm_socket_pair:receive_all(Peer)),
    ok = gen_tcp:send(Peer, <<"this is not read any more">>),
    ?assertEqual({shutdown, linger_timeout}, reason_of_exit(Link)),
    close(Opened).

%% Long before its write has failed.
what_waits_for_a_peer_is_bounded_test_() ->
    {timeout, 60, fun what_waits_for_a_peer_is_bounded/0}.

what_waits_for_a_peer_is_bounded() ->
    {{_, Ours}, Link} = Opened = open((answers_much())#{max_waiting => 5000000},
                                      [{send_timeout, 60000}]),
    ask_much(Opened),
    await_unsent(Ours),
    send(Opened, [ecm_link_packet:encode(Id, <<"little">>) || Id <- lists:seq(101, 5100)]),
    ?assertEqual({shutdown, unread}, reason_of_exit(Link)),
    ?assertEqual(undefined, erlang:port_info(Ours)),
    [{warning, Text}] = log_since_up(),
    {ok, [Bytes], _} = io_lib:fread("is down: ~d bytes wait, because ECM does not read", Text),
    ?assert(Bytes > 5000000 andalso Bytes =< 20 * 1000032 + 5020 * 1024),
    close(Opened).

%% One that has something to write may find before that its socket has gone.
the_writer_ends_with_the_link_test() ->
    {{Peer, Ours}, Link} = Opened = open(#{}),
    send(Opened, 1, <<>>),
    {1, <<>>} = ecm_link_pair:receive_content(Peer),
    {links, Linked} = process_info(Link, links),
    ?assert(lists:member(Ours, Linked)),
    Writer = writer_of(Link),
    Monitor = monitor(process, Writer),
    {monitored_by, Watching} = process_info(Writer, monitored_by),  % it has the monitor before its end
    ?assert(lists:member(self(), Watching)),
    stop(Opened),
    ?assertEqual({shutdown, over}, receive {'DOWN', Monitor, process, _, Reason} -> Reason end).

writer_of(Link) ->
    {monitors, [{process, Writer}]} = process_info(Link, monitors),
    Writer.

what_has_been_written_still_leaves_at_a_shutdown_test() ->
    {{Peer, Ours}, Link} = Opened = open(#{connection => #{max_packet => 10000000}}),
    Packet = iolist_to_binary(ecm_link_packet:encode(1, binary:copy(<<"x">>, 5000000))),
    send(Opened, Packet),
    await_unsent(Ours),
    exit(Link, shutdown),
    ?assertEqual({Packet, closed}, ecm_socket_pair:receive_all(Peer)),
    ?assertEqual(shutdown, reason_of_exit(Link)),
    close(Opened).

%% An empty request asks for much, another for little.
answers_much() ->
    #{request => answers(fun(<<>>, _) -> {200, binary:copy(<<"x">>, 1000000)};
                            (Body, _) -> {200, Body}
                         end),
      max_waiting => 100000000,
      connection => #{max_packet => 2000000}}.

ask_much(Opened) ->
    [send(Opened, Id, <<>>) || Id <- lists:seq(1, 20)].

%% Returns once the kernel has not taken all that was written.
await_unsent(Socket) ->
    ecm_link_pair:await(fun() ->
                                {ok, [{send_pend, Bytes}]} = inet:getstat(Socket, [send_pend]),
                                Bytes > 0
                        end).

%% Whatever the reason: all clients on the link are gone.
sessions_are_told_at_the_end_of_a_link_test_() ->
    [{Name, fun() -> told_at_the_end(End) end}
     || {Name, End} <-
            [{"closed", fun({{Peer, _}, _}) -> ok = gen_tcp:close(Peer) end},
             {"fault", fun fail/1},
             {"shutdown", fun({_, Link}) -> exit(Link, shutdown) end},
             {"kill", fun({_, Link}) -> exit(Link, kill) end},
             {"writer", fun({_, Link}) -> exit(writer_of(Link), kill) end}]].

told_at_the_end(End) ->
    {{Peer, _}, Link} = Opened = open(#{request => gives(self())}),
    send(Opened, [ecm_link_packet:encode(Id, <<>>) || Id <- [1, 2, 3]]),
    Exchanges = [receive {request, _, {_, Id, _} = Exchange} -> Exchange end || Id <- [1, 2, 3]],
    [First | Held] = Exchanges,
    {Writer, 1, _} = First,
    ecm_link_writer:answer(Writer, 1, 200, <<"first">>),
    ?assertEqual({1, <<"first">>}, ecm_link_pair:receive_content(Peer)),
    End(Opened),
    _ = reason_of_exit(Link),
    ?assertEqual(Held, lists:sort([receive {gone, Exchange} -> Exchange end || _ <- Held])),
    receive {gone, Another} -> error(Another) after 0 -> ok end,
    close(Opened).

fail({{Peer, _}, _} = Opened) ->
    send(Opened, <<"no packet: nothing of this is one">>),
    ok = gen_tcp:shutdown(Peer, write).

%% A session that has answered before it ended has left nothing to look for.
what_was_answered_before_the_session_ended_is_not_dropped_test() ->
    Session = spawn(fun() ->
                            receive {request, Body, {Writer, Id, _}} ->
                                    ecm_link_writer:answer(Writer, Id, 200, Body)
                            end
                    end),
    {{Peer, _}, Link} = Opened = open(#{request => gives(Session)}),
    Monitor = monitor(process, Session),
    send(Opened, 7, <<"last">>),
    receive {'DOWN', Monitor, process, _, _} -> ok end,
    ecm_link_pair:look(Opened),
    ?assertEqual({7, <<"last">>}, ecm_link_pair:receive_content(Peer)),
    ?assertMatch(#{in_flight := 0}, ecm_link:info(Link)),
    stop(Opened),
    ?assertEqual([{info, "is down: shutdown"}], log_since_up()).

a_connection_that_has_gone_gets_no_link_test() ->
    {_, Ours} = Pair = ecm_socket_pair:open(),
    ok = gen_tcp:close(Ours),
    ?assertEqual(ignore, ecm_link:start(Ours, ecm_link_pair:options(#{}))),
    ecm_socket_pair:close(Pair).

a_connection_that_goes_before_it_is_accepted_test() ->
    process_flag(trap_exit, true),
    ok = ecm_services:ensure(),
    {Peer, Ours} = Pair = ecm_socket_pair:open(),
    {ok, Link} = ecm_link:start_link(Ours, ecm_link_pair:options(#{})),
    ok = gen_tcp:controlling_process(Ours, Link),
    ok = gen_tcp:close(Peer),
    ok = ecm_link:accept(Link),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    ecm_socket_pair:close(Pair).

a_socket_that_cannot_be_read_ends_the_link_test() ->
    process_flag(trap_exit, true),
    ok = ecm_services:ensure(),
    {_, Ours} = Pair = ecm_socket_pair:open(),
    {ok, Link} = ecm_link:start_link(Ours, ecm_link_pair:options(#{})),
    ok = gen_tcp:close(Ours),
    ok = ecm_link:accept(Link),
    ?assertEqual({shutdown, einval}, reason_of_exit(Link)),
    ecm_socket_pair:close(Pair).

%% The log must not have the shared secret.
the_secret_is_not_shown_test() ->
    {_, Link} = Opened = open(#{connection => #{secret => <<"0123456789abcdef">>}}),
    Shown = lists:flatten(io_lib:format("~0p", [sys:get_status(Link)])),
    ?assertEqual(nomatch, re:run(Shown, "0123456789abcdef")),
    stop(Opened).

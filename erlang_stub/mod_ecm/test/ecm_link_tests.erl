%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A link on a real socket. The handler gives each packet to the test, with the writer.

-module(ecm_link_tests).

-include_lib("eunit/include/eunit.hrl").

-define(MAX_PACKET, 1000).

packets_are_handed_on_in_order_test() ->
    {Pair, Link} = accepted(#{}),
    Contents = [integer_to_binary(N) || N <- lists:seq(1, 1000)],
    send(Pair, [ecm_packet:encode(7, Content) || Content <- Contents]),
    ?assertEqual([{7, Content} || Content <- Contents], [receive_packet() || _ <- Contents]),
    stop(Pair, Link).

the_log_names_the_peer_test() ->
    {{Peer, _} = Pair, Link} = accepted(#{}),
    {ok, Name} = inet:sockname(Peer),
    stop(Pair, Link),
    Prefix = unicode:characters_to_list(["ECM link from ", ecm_peer:name(Name)]),
    ?assertEqual([{info, Prefix ++ " is up"}, {info, Prefix ++ " is down: shutdown"}],
                 ecm_log:lines()).

%% More reads than a socket is asked for at once.
reading_goes_on_test() ->
    {{Peer, _} = Pair, Link} = accepted(#{handler => fun echo/4}),
    [begin
         Packet = iolist_to_binary(ecm_packet:encode(N, <<"again">>)),
         send(Pair, Packet),
         ?assertEqual(Packet, ecm_socket_pair:receive_packet(Peer))
     end || N <- lists:seq(1, 300)],
    stop(Pair, Link).

the_peer_is_that_of_the_connection_test() ->
    {{Peer, _} = Pair, Link} = accepted(#{handler => peer_handler()}),
    send(Pair, ecm_packet:encode(1, <<>>)),
    {ok, Name} = inet:sockname(Peer),
    ?assertEqual(Name, receive {peer, Told} -> Told end),
    stop(Pair, Link).

the_peer_is_that_of_the_proxy_protocol_test() ->
    Proxied = {{192, 0, 2, 7}, 51234},
    {Pair, Link} = accepted(#{handler => peer_handler(), peer => Proxied}),
    send(Pair, ecm_packet:encode(1, <<>>)),
    ?assertEqual(Proxied, receive {peer, Told} -> Told end),
    stop(Pair, Link).

connection_0_is_ignored_test() ->
    {Pair, Link} = accepted(#{}),
    send(Pair, [ecm_packet:encode(0, <<"hello">>), ecm_packet:encode(1, <<"after">>)]),
    ?assertEqual({1, <<"after">>}, receive_packet()),
    ?assertEqual([{debug, "ignored 5 bytes on connection 0"}], log_since_up()),
    stop(Pair, Link).

an_unexpected_message_does_not_matter_test() ->
    {Pair, Link} = accepted(#{}),
    Link ! something,
    ?assertEqual({error, badarg}, gen_server:call(Link, something)),
    ?assertEqual([{warning, "unexpected message something"}], log_since_up()),
    stop(Pair, Link).

a_protocol_error_closes_the_link_test() ->
    {{Peer, _} = Pair, Link} = accepted(#{}),
    Request = "POST /\"\\ HTTP/1.1\r\nHost: chat.example\r\n",
    send(Pair, [ecm_packet:encode(1, <<"before">>), Request]),
    ?assertEqual({shutdown, 'length-not-decimal'}, reason_of_exit(Link)),
    ?assertEqual({1, <<"before">>}, receive_packet()),
    ?assertMatch({<<>>, _}, ecm_socket_pair:receive_all(Peer)),
    ?assertEqual([{warning, "protocol error length-not-decimal, closing the link; received "
                            "\"POST /\\\"\\\\ HTTP/1.1\\x0d\\x0aHost: chat.example\\x0d\\x0a\""},
                  {info, "is down: 'length-not-decimal'"}], log_since_up()),
    ecm_socket_pair:close(Pair).

the_limit_is_obeyed_test() ->
    {Pair, Link} = accepted(#{}),
    send(Pair, ecm_packet:encode(1, binary:copy(<<"x">>, ?MAX_PACKET - 32 + 1))),
    ?assertEqual({shutdown, 'length-too-large'}, reason_of_exit(Link)),
    ecm_socket_pair:close(Pair).

closing_between_packets_is_no_fault_test() ->
    {{Peer, _} = Pair, Link} = accepted(#{}),
    send(Pair, ecm_packet:encode(1, <<"last">>)),
    ok = gen_tcp:shutdown(Peer, write),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    ?assertEqual({1, <<"last">>}, receive_packet()),
    ?assertEqual([{info, "is down: closed"}], log_since_up()),
    ecm_socket_pair:close(Pair).

closing_in_mid_packet_is_logged_test() ->
    {{Peer, _} = Pair, Link} = accepted(#{}),
    send(Pair, binary:part(iolist_to_binary(ecm_packet:encode(1, <<"last">>)), 0, 34)),
    ok = gen_tcp:shutdown(Peer, write),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    ?assertEqual([{warning, "closed in mid-packet, after 34 bytes of it"},
                  {info, "is down: closed"}], log_since_up()),
    ecm_socket_pair:close(Pair).

%% Its socket has to go as well, with all that waits in it: nobody else will ever close it.
a_peer_that_does_not_read_loses_its_link_test() ->
    {{Peer, Ours} = Pair, Link} = accepted(#{handler => fun answer_much/4}, [{send_timeout, 50}]),
    send(Pair, ecm_packet:encode(1, <<>>)),
    ?assertEqual({shutdown, {send_failed, timeout}}, reason_of_exit(Link)),
    ?assertEqual(undefined, erlang:port_info(Ours)),
    ?assertMatch({_, closed}, ecm_socket_pair:receive_all(Peer)),
    ?assertEqual([{info, "is down: {send_failed,timeout}"}], log_since_up()),
    ecm_socket_pair:close(Pair).

the_writer_ends_with_the_link_test() ->
    {Pair, Link} = accepted(#{}),
    send(Pair, ecm_packet:encode(1, <<>>)),
    Writer = receive {packet, _, _, Pid} -> monitor(process, Pid) end,
    stop(Pair, Link),
    ?assertEqual(shutdown, receive {'DOWN', Writer, process, _, Reason} -> Reason end).

what_has_been_written_still_leaves_at_a_shutdown_test() ->
    {{Peer, Ours} = Pair, Link} = accepted(#{handler => fun echo/4, max_packet => 10000000}),
    Packet = iolist_to_binary(ecm_packet:encode(1, binary:copy(<<"x">>, 5000000))),
    send(Pair, Packet),
    await_unsent(Ours),
    exit(Link, shutdown),
    ?assertEqual({Packet, closed}, ecm_socket_pair:receive_all(Peer)),
    ?assertEqual(shutdown, reason_of_exit(Link)),
    ecm_socket_pair:close(Pair).

%% Returns once the kernel has not taken all that was written.
await_unsent(Socket) ->
    case inet:getstat(Socket, [send_pend]) of
        {ok, [{send_pend, 0}]} -> timer:sleep(1), await_unsent(Socket);
        {ok, [{send_pend, _}]} -> ok
    end.

a_connection_that_has_gone_gets_no_link_test() ->
    {_, Ours} = Pair = ecm_socket_pair:open(),
    ok = gen_tcp:close(Ours),
    ?assertEqual(ignore, ecm_link:start(Ours, options(#{}))),
    ecm_socket_pair:close(Pair).

a_connection_that_goes_before_it_is_accepted_test() ->
    {{Peer, _} = Pair, Link} = started(#{}, []),
    ok = gen_tcp:close(Peer),
    ok = ecm_link:accept(Link),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    ecm_socket_pair:close(Pair).

a_socket_that_cannot_be_read_ends_the_link_test() ->
    process_flag(trap_exit, true),
    {_, Ours} = Pair = ecm_socket_pair:open(),
    {ok, Link} = ecm_link:start_link(Ours, options(#{})),
    ok = gen_tcp:close(Ours),
    ok = ecm_link:accept(Link),
    ?assertEqual({shutdown, einval}, reason_of_exit(Link)),
    ecm_socket_pair:close(Pair).

%% A link that has its socket, and is up. In `Changes' is what differs from options/0.
accepted(Changes) ->
    accepted(Changes, []).

accepted(Changes, SocketOptions) ->
    {Pair, Link} = started(Changes, SocketOptions),
    ok = ecm_link:accept(Link),
    {Pair, Link}.

started(Changes, SocketOptions) ->
    process_flag(trap_exit, true),
    ecm_log:start(),
    {_, Ours} = Pair = ecm_socket_pair:open(SocketOptions),
    {ok, Link} = ecm_link:start_link(Ours, options(Changes)),
    ok = gen_tcp:controlling_process(Ours, Link),
    {Pair, Link}.

stop(Pair, Link) ->
    exit(Link, shutdown),
    ?assertEqual(shutdown, reason_of_exit(Link)),
    ecm_socket_pair:close(Pair).

options(Changes) ->
    Test = self(),
    Handler = fun(Id, Content, _, Writer) -> Test ! {packet, Id, Content, Writer} end,
    maps:merge(#{handler => Handler, max_packet => ?MAX_PACKET}, Changes).

peer_handler() ->
    Test = self(),
    fun(_, _, Peer, _) -> Test ! {peer, Peer} end.

echo(Id, Content, _, Writer) ->
    ecm_writer:send(Writer, iolist_to_binary(ecm_packet:encode(Id, Content))).

answer_much(_, _, _, Writer) ->
    [ecm_writer:send(Writer, binary:copy(<<"x">>, 1000000)) || _ <- lists:seq(1, 20)].

send({Peer, _}, Bytes) ->
    ok = gen_tcp:send(Peer, Bytes).

receive_packet() ->
    receive {packet, Id, Content, _} -> {Id, Content} end.

reason_of_exit(Link) ->
    receive {'EXIT', Link, Reason} -> Reason end.

%% What was logged after the line that the link is up, without the name of the link.
log_since_up() ->
    [{info, Up} | Lines] = [{Level, without_name(Text)} || {Level, Text} <- ecm_log:lines()],
    ?assertEqual("is up", Up),
    Lines.

without_name(Text) ->
    re:replace(Text, "^ECM link from 127\\.0\\.0\\.1:[0-9]+:? ", "", [{return, list}]).

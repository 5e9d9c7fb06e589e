%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A link with TLS, made by ssl at both ends.

-module(ecm_link_tls_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_link_pair, [close/1, lines/0, reason_of_exit/1]).

tls_test_() ->
    {setup, fun() -> {ok, _} = application:ensure_all_started(ssl) end,
     [fun() -> ecm_scratch:with_certificate(Test) end
      || Test <- [fun requests_are_answered/1, fun reading_goes_on/1, fun last_words_arrive/1,
                  fun a_peer_that_closes/1, fun a_peer_that_does_not_read/1,
                  fun a_shutdown/1]]}.

requests_are_answered(CertFile) ->
    {Opened, Tls} = open(CertFile, #{}),
    Packet = iolist_to_binary(ecm_link_packet:encode(7, binary:copy(<<"x">>, 9000))),
    ok = ssl:send(Tls, [Packet, Packet]),
    ?assertEqual({ok, <<Packet/binary, Packet/binary>>}, ssl:recv(Tls, 2 * byte_size(Packet))),
    ecm_link_pair:stop(Opened),
    ?assertEqual([{info, "is up: plain"}, {info, "is down: shutdown"}], lines()).

%% More reads than a socket is asked for at once.
reading_goes_on(CertFile) ->
    {Opened, Tls} = open(CertFile, #{}),
    [begin
         Packet = iolist_to_binary(ecm_link_packet:encode(N, <<"again">>)),
         ok = ssl:send(Tls, Packet),
         ?assertEqual({ok, Packet}, ssl:recv(Tls, byte_size(Packet)))
     end || N <- lists:seq(1, 100)],
    ecm_link_pair:stop(Opened).

last_words_arrive(CertFile) ->
    {{_, Link} = Opened, Tls} = open(CertFile, #{connection => #{protocol => typed}}),
    ok = ssl:send(Tls, ecm_link_packet:encode(1, <<>>)),
    Text = "error unexpected hello must come first",
    Expected = iolist_to_binary(ecm_link_packet:encode(0, Text)),
    ?assertEqual({ok, Expected}, ssl:recv(Tls, byte_size(Expected))),
    ?assertEqual({error, closed}, ssl:recv(Tls, 0)),
    ok = ssl:close(Tls),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    close(Opened),
    ?assertEqual([{warning, "is down: unexpected: hello must come first"}], lines()).

a_peer_that_closes(CertFile) ->
    {{_, Link} = Opened, Tls} = open(CertFile, #{}),
    ok = ssl:close(Tls),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    close(Opened),
    ?assertEqual([{info, "is down: closed"}], lines()).

%% Its socket must be closed as well, with all that waits in it.
a_peer_that_does_not_read(CertFile) ->
    Answer = binary:copy(<<"x">>, 1000000),
    {{{_, Ours}, Link} = Opened, Tls} =
        open(CertFile, #{request => ecm_link_pair:answers(fun(_, _) -> {200, Answer} end),
                         max_waiting => 100000000, connection => #{max_packet => 2000000}},
             [{send_timeout, 50}]),
    [ok = ssl:send(Tls, ecm_link_packet:encode(Id, <<>>)) || Id <- lists:seq(1, 20)],
    ?assertMatch({shutdown, {send_failed, _}}, reason_of_exit(Link)),
    ?assertEqual(undefined, erlang:port_info(Ours)),
    close(Opened).

a_shutdown(CertFile) ->
    {Opened, Tls} = open(CertFile, #{}),
    ecm_link_pair:stop(Opened),
    ?assertEqual({error, closed}, ssl:recv(Tls, 0)).

open(CertFile, Changes) ->
    open(CertFile, Changes, []).

open(CertFile, Changes, SocketOptions) ->
    {{Peer, _}, _} = Opened =
        ecm_link_pair:open(Changes#{tls => reads(CertFile)}, SocketOptions),
    {ok, Tls} = ssl:connect(Peer, [{verify, verify_none}, {active, false}, binary]),
    {Opened, Tls}.

reads(CertFile) ->
    fun() -> ecm_link_certificate:read(CertFile) end.

what_is_no_tls_ends_the_link_test() ->
    ecm_scratch:with_certificate(
      fun(CertFile) -> refused(reads(CertFile), "is down: no TLS: TLS server: In state ") end).

without_a_certificate_there_is_no_link_test() ->
    refused(fun() -> {error, "there is none"} end, "is down: no TLS: there is none").

refused(Tls, Text) ->
    {ok, _} = application:ensure_all_started(ssl),
    {{Peer, _}, Link} = Opened = ecm_link_pair:open(#{tls => Tls}),
    %% A link without a certificate may be closed already.
    _ = gen_tcp:send(Peer, ecm_link_packet:encode(1, <<"<body/>">>)),
    ?assertEqual({shutdown, no_tls}, reason_of_exit(Link)),
    [{warning, Logged}] = lines(),
    ?assertEqual(Text, string:slice(Logged, 0, length(Text))),
    close(Opened).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a typed link does with the events of ecm_link_connection, on a real socket.

-module(ecm_link_typed_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_link_pair, [answers/1, close/1, gives/1, lines/0, open/1, reason_of_exit/1,
                        receive_content/1, send/3, stop/1, typed/1]).

-define(SECRET, <<"0123456789abcdef">>).
-define(UP, {info, "is up: typed, version 1, instance web1:4711"}).

a_typed_link_is_logged_with_the_name_of_its_ecm_test() ->
    Opened = typed(#{}),
    stop(Opened),
    ?assertEqual([?UP, {info, "is down: shutdown"}], lines()).

what_ecm_calls_itself_is_ascii_in_the_log_test() ->
    {{Peer, _}, _} = Opened = open(#{}),
    [Before, After] = string:split(ecm_link_pair:hello(4096), "web1:4711"),
    send(Opened, 0, [Before, "w%C3%A9b1", After]),
    receive_content(Peer),
    stop(Opened),
    ?assertMatch([{info, "is up: typed, version 1, instance w\\xc3\\xa9b1"}, _], lines()).

an_answer_has_its_status_test() ->
    {{Peer, _}, _} = Opened = typed(#{request => answers(fun(Body, _) -> {403, Body} end)}),
    send(Opened, 7, "request\n<body/>"),
    ?assertEqual({7, <<"answer 403\n<body/>">>}, receive_content(Peer)),
    stop(Opened).

the_client_is_that_of_the_request_test() ->
    {{Peer, _}, _} = Opened = typed(#{request => answers(fun client/2)}),
    {ok, {_, Port}} = inet:sockname(Peer),
    [begin
         send(Opened, Id, Request),
         ?assertEqual({Id, <<"answer 200\n", (iolist_to_binary(Name))/binary>>},
                      receive_content(Peer))
     end || {Id, Request, Name} <-
                [{1, "request peer=192.0.2.7:51234 secure=1\n", "192.0.2.7:51234"},
                 {2, "request peer=[2001:db8::7]:51234\n", "[2001:db8::7]:51234"},
                 {3, "request\n", ["127.0.0.1:", integer_to_list(Port)]}]],
    stop(Opened).

client(_, Client) -> {200, iolist_to_binary(ecm_peer:name(Client))}.

whether_its_connection_is_encrypted_comes_with_it_test() ->
    Self = self(),
    Request = fun(_, {_, Id, _}, _, Secure, _) -> Self ! {Id, Secure} end,
    Opened = typed(#{request => Request}),
    [begin
         send(Opened, Id, [Line, "\n"]),
         ?assertEqual({Id, Secure}, receive {Id, _} = Given -> Given end)
     end || {Id, Line, Secure} <- [{1, "request peer=192.0.2.7:51234 secure=1", true},
                                   {2, "request secure=1 peer=192.0.2.7:51234", true},
                                   {3, "request peer=192.0.2.7:51234 secure=0", false},
                                   {4, "request", false}]],
    stop(Opened).

%% What the router does not pass on goes back as it came, once. An address that is not known is left out.
a_request_for_another_node_goes_back_test() ->
    Request = fun(Body, {Writer, Id, _}, _, _, _) ->
                      case Body of
                          {reaching, [<<"ejabberd@b">>], _} -> {elsewhere, <<"ejabberd@b">>};
                          Text -> ecm_link_writer:answer(Writer, Id, 200, Text)
                      end
              end,
    {{Peer, _}, _} = Opened = typed(#{request => Request}),
    send(Opened, 0, "nodes\nejabberd@b"),
    [begin
         send(Opened, 7, [Line, "\nbody"]),
         ?assertEqual({7, iolist_to_binary([Back, "\nbody"])}, receive_content(Peer))
     end || {Line, Back} <-
                [{"request peer=192.0.2.7:51234 secure=1",
                  "misdirected node=ejabberd@b peer=192.0.2.7:51234 secure=1"},
                 {"request peer=[2001:db8::7]:51234", "misdirected node=ejabberd@b peer=[2001:db8::7]:51234 secure=0"},
                 {"request", "misdirected node=ejabberd@b secure=0"},
                 {"request secure=1 redirected=1", "answer 200"}]],
    send(Opened, 0, "nodes\n"),
    send(Opened, 7, "request\nbody"),
    ?assertEqual({7, <<"answer 200\nbody">>}, receive_content(Peer)),
    stop(Opened).

%% An ECM that may choose between nodes learns how busy this one is.
the_load_is_told_to_who_asks_several_nodes_test() ->
    {{Peer, _}, _} = Opened = typed(#{}),
    send(Opened, 0, "ping 1"),
    ?assertEqual({0, <<"pong 1">>}, receive_content(Peer)),
    send(Opened, 0, "nodes\n"),
    send(Opened, 0, "ping 2"),
    {0, <<"pong 2 load=", Told/binary>>} = receive_content(Peer),
    [Load, <<"cluster=0123456789abcdef">>] = binary:split(Told, <<" ">>),
    ?assert(binary_to_integer(Load) > 10),
    stop(Opened).

%% The limit of hello, or our own.
the_smaller_limit_holds_for_answers_test() ->
    {{Peer, _}, _} = Opened = typed(#{request => answers(fun sized/2)}),
    Longest = ecm_link_answer:max_body(4096),
    send(Opened, 7, ["request\n", integer_to_binary(Longest)]),
    ?assertEqual({7, answer(Longest)}, receive_content(Peer)),
    send(Opened, 7, ["request\n", integer_to_binary(Longest + 1)]),
    ?assertEqual({7, <<"close failed">>}, receive_content(Peer)),
    stop(Opened),
    ?assertEqual([?UP, {error, "connection 7: dropped an answer of 3656 bytes, the link carries 3655"},
                  {info, "is down: shutdown"}], lines()).

sized(Size, _) -> {200, binary:copy(<<0>>, binary_to_integer(Size))}.

answer(Size) -> <<"answer 200\n", 0:Size/unit:8>>.

%% As much as either takes.
a_long_answer_comes_in_parts_test_() ->
    [{Name, fun() -> in_parts(Own, Theirs, Longest) end}
     || {Name, Own, Theirs, Longest} <- [{"ours is less", 100000, 200000, 100000},
                                         {"theirs is less", 200000, 100000, 100000}]].

in_parts(Own, Theirs, Longest) ->
    Self = self(),
    Request = fun(Body, {_, _, Limit} = Exchange, Client, Secure, InFlight) ->
                      Self ! {limit, Limit},
                      (answers(fun sized/2))(Body, Exchange, Client, Secure, InFlight)
              end,
    {{Peer, _}, _} = Opened = open(#{request => Request, connection => #{max_content => Own}}),
    send(Opened, 0, ecm_link_pair:hello_for_parts(4096, Theirs)),
    {0, _} = receive_content(Peer),
    send(Opened, 7, ["request\n", integer_to_binary(Longest)]),
    ?assertEqual(Longest, receive {limit, Limit} -> Limit end),
    ?assertEqual(answer(Longest), joined(Peer, <<>>)),
    send(Opened, 7, ["request\n", integer_to_binary(Longest + 1)]),
    ?assertEqual({7, <<"close failed">>}, receive_content(Peer)),
    stop(Opened).

joined(Peer, Parts) ->
    case receive_content(Peer) of
        {7, <<"part\n", Part/binary>>} -> joined(Peer, <<Parts/binary, Part/binary>>);
        {7, <<"answer 200\n", Last/binary>>} -> <<"answer 200\n", Parts/binary, Last/binary>>
    end.

what_is_known_of_a_link_test() ->
    {{Peer, _}, Link} = Opened = typed(#{request => gives(self()),
                                         connection => #{ping_interval => 1}}),
    {ok, Name} = inet:sockname(Peer),
    {0, <<"ping ", Token/binary>>} = receive_content(Peer),
    ?assertMatch(#{peer := Name, form := typed, instance := <<"web1:4711">>,
                   round_trip := unknown, in_flight := 0}, ecm_link:info(Link)),
    send(Opened, 0, ["pong ", Token]),
    send(Opened, 7, "request\nheld"),
    ecm_link_pair:await(fun() -> maps:get(in_flight, ecm_link:info(Link)) =:= 1 end),
    #{round_trip := RoundTrip} = ecm_link:info(Link),
    ?assert(is_integer(RoundTrip) andalso RoundTrip >= 0 andalso RoundTrip < 5000),
    stop(Opened).

what_is_known_of_a_link_that_has_not_begun_test() ->
    {_, Link} = Opened = open(#{}),
    ?assertMatch(#{form := unknown, instance := unknown}, ecm_link:info(Link)),
    stop(Opened).

an_answered_request_is_in_flight_no_more_test() ->
    {{Peer, _}, Link} = Opened = typed(#{request => gives(self())}),
    send(Opened, 7, "request\n"),
    {Writer, 7, _} = receive {request, _, Exchange} -> Exchange end,
    ?assertMatch(#{in_flight := 1}, ecm_link:info(Link)),
    ecm_link_writer:answer(Writer, 7, 200, <<>>),
    receive_content(Peer),
    ?assertMatch(#{in_flight := 0}, ecm_link:info(Link)),
    stop(Opened).

a_client_that_has_gone_is_told_to_its_session_test() ->
    Opened = typed(#{request => gives(self())}),
    send(Opened, 7, "request\n"),
    Exchange = receive {request, <<>>, Given} -> Given end,
    send(Opened, 8, "close gone"),
    send(Opened, 7, "close gone"),
    send(Opened, 7, "close gone"),
    ?assertEqual(Exchange, receive {gone, Gone} -> Gone end),
    stop(Opened),
    ?assertMatch([?UP, {debug, "connection 8: the client is gone: gone"},
                  {debug, "connection 7: the client is gone: gone"},
                  {debug, "connection 7: the client is gone: gone"}, _], lines()),
    receive {gone, _} = Another -> error(Another) after 0 -> ok end.

%% It still waits, and may go later.
a_client_that_has_closed_its_end_is_told_to_its_session_test() ->
    Opened = typed(#{request => gives(self())}),
    send(Opened, 7, "request\n"),
    Exchange = receive {request, <<>>, Given} -> Given end,
    send(Opened, 8, "close half-closed"),
    send(Opened, 7, "close half-closed"),
    send(Opened, 7, "close gone"),
    ?assertEqual(Exchange, receive {half_closed, Half} -> Half end),
    ?assertEqual(Exchange, receive {gone, Gone} -> Gone end),
    stop(Opened),
    receive {half_closed, _} = Another -> error(Another) after 0 -> ok end.

%% As by a session that has not heard of it yet. ECM drops it.
what_is_answered_to_a_client_that_has_gone_is_carried_test() ->
    {{Peer, _}, _} = Opened = typed(#{request => gives(self())}),
    send(Opened, 7, "request\n"),
    {Writer, 7, _} = receive {request, _, Exchange} -> Exchange end,
    send(Opened, 7, "close gone"),
    receive {gone, _} -> ok end,
    ecm_link_writer:answer(Writer, 7, 200, <<"nobody's">>),
    ?assertEqual({7, <<"answer 200\nnobody's">>}, receive_content(Peer)),
    stop(Opened).

a_request_is_answered_for_when_its_session_is_killed_test_() ->
    [fun() -> killed(Open, Request, Answer) end
     || {Open, Request, Answer} <-
            [{fun ecm_link_pair:typed/1, "request\n<body/>", <<"close failed">>},
             {fun ecm_link_pair:open/1, "<body/>", ecm_link_pair:refusal()}]].

killed(Open, Request, Answer) ->
    Session = spawn(fun() -> receive never -> ok end end),
    {{Peer, _}, Link} = Opened = Open(#{request => gives(Session)}),
    send(Opened, 7, Request),
    ecm_link_pair:await(fun() -> maps:get(in_flight, ecm_link:info(Link)) =:= 1 end),
    Monitor = monitor(process, Session),
    exit(Session, kill),
    receive {'DOWN', Monitor, process, _, _} -> ok end,
    ecm_link_pair:look(Opened),
    ?assertEqual({7, Answer}, receive_content(Peer)),
    ?assertMatch(#{in_flight := 0}, ecm_link:info(Link)),
    stop(Opened),
    ?assertMatch([_, {warning, "dropped 1 requests, the first one on connection 7: their sessions" ++ _}, _],
                 lines()).

%% Nobody who does not know it makes us do anything, and what is said at last arrives.
a_wrong_secret_is_logged_and_asks_nothing_test() ->
    {{Peer, _}, Link} = Opened = open(#{request => gives(self()),
                                        connection => #{secret => ?SECRET}}),
    send(Opened, 0, ecm_link_pair:hello(4096)),
    {0, <<"hello ", _/binary>>} = receive_content(Peer),
    send(Opened, 0, ["proof ", binary:copy(<<"0">>, 64)]),
    send(Opened, 7, "request\n<body/>"),
    ?assertMatch({0, <<"error unproven ", _/binary>>}, receive_content(Peer)),
    ?assertEqual({<<>>, closed}, ecm_socket_pair:receive_all(Peer)),
    ok = gen_tcp:close(Peer),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    ?assertMatch([{warning, "is down: unproven: the proof is wrong" ++ _}], lines()),
    receive {request, _, _} = Request -> error(Request) after 0 -> ok end.

the_right_secret_test() ->
    {{Peer, _}, _} = Opened = open(#{connection => #{secret => ?SECRET}}),
    send(Opened, 0, ecm_link_pair:hello(4096)),
    {0, Hello} = receive_content(Peer),
    {match, [Nonce]} = re:run(Hello, " nonce=([0-9a-f]{32})", [{capture, [1], binary}]),
    send(Opened, 0, ["proof ", proof(["ecm:000102030405060708090a0b0c0d0e0f:", Nonce])]),
    send(Opened, 7, "request\n<body/>"),
    ?assertEqual({7, <<"answer 200\n<body/>">>}, receive_content(Peer)),
    stop(Opened),
    ?assertMatch([?UP, _], lines()).

proof(Text) ->
    Mac = crypto:mac(hmac, sha256, ?SECRET, Text),
    string:lowercase(binary:encode_hex(Mac)).

a_nonce_is_of_one_link_test() ->
    ?assertNotEqual(hello_of_link(), hello_of_link()).

hello_of_link() ->
    {{Peer, _}, _} = Opened = open(#{}),
    send(Opened, 0, ecm_link_pair:hello(4096)),
    {0, Hello} = receive_content(Peer),
    stop(Opened),
    Hello.

a_peer_that_says_nothing_is_left_test() ->
    {{Peer, _}, Link} = Opened = typed(#{connection => #{link_timeout => 1}}),
    ?assertMatch({0, <<"error silent ", _/binary>>}, receive_content(Peer)),
    ok = gen_tcp:close(Peer),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    close(Opened),
    ?assertMatch([?UP, {warning, "is down: silent: " ++ _}], lines()).

what_is_not_understood_is_logged_test() ->
    {{Peer, _}, _} = Opened = typed(#{}),
    send(Opened, 7, "opened websocket"),
    ?assertMatch({7, <<"error unknown-type ", _/binary>>}, receive_content(Peer)),
    stop(Opened),
    ?assertMatch([?UP, {warning, "connection 7: unknown-type: " ++ _}, _], lines()).

an_ecm_that_stops_is_logged_test() ->
    {{Peer, _}, Link} = Opened = typed(#{}),
    send(Opened, 0, "drain"),
    ok = gen_tcp:shutdown(Peer, write),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    close(Opened),
    ?assertEqual([?UP, {info, "ECM drains: it takes no new clients"},
                  {info, "is down: closed"}], lines()).

%% Requests in flight are still answered.
when_ejabberd_stops_ecm_is_told_test() ->
    Watched = watched(),
    {{Peer, _}, _} = Opened = typed(#{request => gives(self()), watched => [Watched]}),
    send(Opened, 7, "request\n"),
    {Writer, 7, _} = receive {request, _, Exchange} -> Exchange end,
    exit(whereis(Watched), shutdown),
    ?assertEqual({0, <<"drain">>}, receive_content(Peer)),
    ecm_link_writer:answer(Writer, 7, 200, <<"<body/>">>),
    ?assertEqual({7, <<"answer 200\n<body/>">>}, receive_content(Peer)),
    stop(Opened).

what_fails_and_starts_again_does_not_stop_test() ->
    Watched = watched(),
    {{Peer, _}, Link} = Opened = typed(#{watched => [Watched]}),
    exit(whereis(Watched), failed),
    ecm_link_pair:await(fun() -> whereis(Watched) =:= undefined end),
    #{} = ecm_link:info(Link),
    send(Opened, 7, "request\n"),
    ?assertEqual({7, <<"answer 200\n">>}, receive_content(Peer)),
    stop(Opened).

a_link_that_comes_too_late_is_refused_test() ->
    {{Peer, _}, Link} = open(#{watched => [has_been_stopped_before]}),
    ?assertMatch({_, closed}, ecm_socket_pair:receive_all(Peer)),
    ok = gen_tcp:close(Peer),
    ?assertEqual({shutdown, closed}, reason_of_exit(Link)),
    ?assertMatch([{warning, "is down: " ++ _}], lines()).

watched() ->
    Pid = spawn(fun() -> receive never -> ok end end),
    true = register(ecm_link_watched, Pid),
    ecm_link_watched.

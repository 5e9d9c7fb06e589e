%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A link that outlives its connections, on real sockets: what its ECM and its sessions see.

-module(ecm_link_resume_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_link_pair, [close/1, gives/1, lines/0, reason_of_exit/1, receive_content/1, send/3]).

-define(UNKNOWN, binary:copy(<<"0">>, 32)).

%% Its sessions hear of nothing, and their answers cross the next connection.
a_link_goes_on_after_its_connection_test() ->
    {First, Token} = first(#{}),
    {Writer, 7, _} = Seventh = ask(7, First),
    ok = cut(First),
    ecm_link_writer:answer(Writer, 7, 200, <<"late">>),
    Second = again(Token, 0, 1, #{}),
    ?assertEqual({7, <<"answer 200\nlate">>}, receive_content(peer(Second))),
    {Writer, 8, _} = Eighth = ask(8, Second),
    none_is_gone([Seventh, Eighth]),
    over(Second).

what_was_not_acknowledged_comes_again_in_order_test() ->
    {First, Token} = first(#{}),
    Exchanges = [ask(Id, First) || Id <- lists:seq(1, 9)],
    ok = answer([1, 2, 3], Exchanges),
    _ = [receive_content(peer(First)) || _ <- [1, 2, 3]],
    send(First, 0, "ack 1"),
    ok = cut(First),
    ok = answer([4, 5], Exchanges),
    Second = again(Token, 2, 9, #{}),
    ok = answer([6], Exchanges),
    ?assertEqual([3, 4, 5, 6], [element(1, receive_content(peer(Second))) || _ <- lists:seq(3, 6)]),
    ok = cut(Second),
    Third = again(Token, 2, 9, #{}),
    ?assertEqual([3, 4, 5, 6], [element(1, receive_content(peer(Third))) || _ <- lists:seq(3, 6)]),
    over(Third),
    ?assertMatch([{info, "is up: typed" ++ _}, {info, "is down: closed"},
                  {info, "is kept for 30 seconds, with 6 requests in flight"},
                  {info, "is resumed by instance web1:4711, 1 packets are sent again"},
                  {info, "is down: closed"}, {info, "is kept for 30 seconds, with 3 requests in flight"},
                  {info, "is resumed by instance web1:4711, 4 packets are sent again"} | _], lines()).

what_is_in_the_making_goes_on_with_its_next_part_test() ->
    {First, Token} = first(#{}),
    {Writer, 7, _} = ask(7, First),
    Body = rand:bytes(900000),
    ecm_link_writer:answer(Writer, 7, 200, Body),
    {7, <<"part\n", Begin/binary>>} = receive_content(peer(First)),
    ok = cut(First),
    Second = again(Token, 1, 1, #{}),
    ?assertEqual(Body, rest(Begin, peer(Second))),
    over(Second).

rest(Begin, Peer) ->
    case receive_content(Peer) of
        {7, <<"part\n", Part/binary>>} -> rest(<<Begin/binary, Part/binary>>, Peer);
        {7, <<"answer 200\n", Last/binary>>} -> <<Begin/binary, Last/binary>>
    end.

%% However it ends, and whatever of a packet has come.
a_broken_link_is_kept_test_() ->
    [{Name, fun() -> is_kept(Break) end}
     || {Name, Break} <-
            [{"closed", fun cut/1},
             {"reset", fun({{Peer, _}, _} = Opened) ->
                               ok = inet:setopts(Peer, [{linger, {true, 0}}]),
                               cut(Opened)
                       end},
             {"in mid-packet", fun(Opened) -> ecm_link_pair:send(Opened, <<"00000">>), cut(Opened) end},
             {"ECM has heard nothing", fun(Opened) ->
                                               send(Opened, 0, "error silent nothing came"),
                                               ?assertMatch({_, closed}, ecm_socket_pair:receive_all(peer(Opened))),
                                               cut(Opened)
                                       end},
             {"killed", fun({_, Link}) ->
                                exit(Link, kill),
                                killed = reason_of_exit(Link),
                                ok
                        end}]].

is_kept(Break) ->
    {First, Token} = first(#{}),
    Exchange = ask(7, First),
    ok = Break(First),
    Second = again(Token, 0, 1, #{}),
    ok = answer([7], [Exchange]),
    ?assertEqual({7, <<"answer 200\n7">>}, receive_content(peer(Second))),
    none_is_gone([Exchange]),
    over(Second).

%% Everybody is told at once.
a_link_that_is_over_test_() ->
    [{Name, {timeout, 20, fun() -> is_over(Changes, End, Text) end}}
     || {Name, Changes, End, Text} <-
            [{"malformed", #{}, fun(Opened) -> ecm_link_pair:send(Opened, binary:copy(<<"x">>, 32)) end, "malformed"},
             {"error", #{}, fun(Opened) -> send(Opened, 0, "error malformed bad-word") end, ""},
             {"resume", #{}, fun(Opened) -> send(Opened, 0, "resume") end, "unexpected resume came twice"},
             {"too many", #{}, fun(Opened) -> send(Opened, 0, "ack 1") end, "unexpected ECM acknowledges"},
             {"drain", #{}, fun(Opened) -> send(Opened, 0, "drain"), cut(Opened) end, closed},
             {"killed writer", #{}, fun(Opened) -> exit(writer_of(Opened), kill) end, closed},
             {"crash", #{}, fun({_, Link}) -> exit(Link, shutdown) end, closed},
             {"grace", #{link_grace => 1}, fun cut/1, closed}]].

is_over(Changes, End, Text) ->
    {First, Token} = first(Changes),
    Exchange = ask(7, First),
    End(First),
    told(Text, peer(First)),
    is_gone(Exchange),
    close(First),
    Second = hello(Changes),
    send(Second, 0, ["resume got=0 link=", Token]),
    {New, 0} = resume(Second),
    ?assertNotEqual(Token, New),
    over(Second).

told(closed, _) ->
    ok;
told(Text, Peer) ->
    {Said, closed} = ecm_socket_pair:receive_all(Peer),
    ?assertNotEqual(nomatch, string:find(Said, Text)).

less_than_before_cannot_be_acknowledged_test() ->
    {First, Token} = first(#{}),
    Exchanges = [ask(Id, First) || Id <- [1, 2, 3]],
    ok = answer([1, 2], Exchanges),
    _ = [receive_content(peer(First)) || _ <- [1, 2]],
    send(First, 0, "ack 2"),
    send(First, 0, "ping 1"),
    {0, <<"pong 1">>} = receive_content(peer(First)),
    ok = cut(First),
    Second = hello(#{}),
    send(Second, 0, ["resume got=1 link=", Token]),
    ?assertMatch({0, <<"error unexpected ECM acknowledges", _/binary>>}, receive_content(peer(Second))),
    Last = lists:last(Exchanges),
    is_gone(Last),
    close(Second).

%% The older connection may be half-open.
the_newer_connection_wins_test() ->
    {{_, Link} = First, Token} = first(#{}),
    Exchange = ask(7, First),
    Second = again(Token, 0, 1, #{}),
    ?assertEqual({shutdown, replaced}, reason_of_exit(Link)),
    ok = answer([7], [Exchange]),
    ?assertEqual({7, <<"answer 200\n7">>}, receive_content(peer(Second))),
    ?assertMatch({_, closed}, ecm_socket_pair:receive_all(peer(First))),
    none_is_gone([Exchange]),
    over(Second).

%% Nothing that a suspended reader has not read counts.
the_older_reader_has_ended_before_anything_is_counted_test() ->
    {{_, Link} = First, Token} = first(#{}),
    _ = ask(7, First),
    true = erlang:suspend_process(Link),
    send(First, 8, "request\nunread"),
    Second = again(Token, 0, 1, #{}),
    receive {request, <<"unread">>, _} = Request -> error(Request) after 0 -> ok end,
    send(Second, 8, "request\nread"),
    receive {request, <<"read">>, _} -> ok end,
    over(Second).

%% Its clients repeat their requests over the new link. A copy that was read after that would get the answer.
nothing_is_read_of_a_link_that_is_given_up_test_() ->
    [{Name, fun() -> is_given_up(Changes, Resume) end}
     || {Name, Changes, Resume} <-
            [{"over", #{}, fun(Token) -> ["resume over=", Token] end},
             {"other limits", #{connection => #{max_packet => 9999}},
              fun(Token) -> ["resume got=0 link=", Token] end}]].

is_given_up(Changes, Resume) ->
    {{_, Link} = First, Token} = first(#{}),
    Exchange = ask(7, First),
    true = erlang:suspend_process(Link),
    send(First, 8, "request\nunread"),
    Second = hello(Changes),
    send(Second, 0, Resume(Token)),
    {New, 0} = resume(Second),
    ?assertNotEqual(Token, New),
    is_gone(Exchange),
    receive {request, <<"unread">>, _} = Request -> error(Request) after 0 -> ok end,
    _ = ask(7, Second),
    over(Second),
    close(First).

an_unknown_link_may_be_given_up_test() ->
    Opened = hello(#{}),
    send(Opened, 0, ["resume over=", ?UNKNOWN]),
    ?assertMatch({_, 0}, resume(Opened)),
    over(Opened).

%% It may have reached its session, or not. If it came again, it could come twice.
a_reader_that_is_killed_with_a_request_in_its_hands_ends_its_link_test_() ->
    [{Name, fun() -> in_its_hands(Kill) end}
     || {Name, Kill} <- [{"killed", fun(Link) -> exit(Link, kill), reason_of_exit(Link) end},
                         {"replaced", fun(_) -> ok end}]].

in_its_hands(Kill) ->
    Gives = gives(self()),
    Never = fun(Body, Exchange, Client, Secure, InFlight) ->
                    Gives(Body, Exchange, Client, Secure, InFlight),
                    receive never -> ok end
            end,
    {{_, Link} = First, Token} = first(#{request => Never}),
    Exchange = ask(7, First),
    Kill(Link),
    Second = hello(#{}),
    send(Second, 0, ["resume got=0 link=", Token]),
    {New, 0} = resume(Second),
    ?assertNotEqual(Token, New),
    is_gone(Exchange),
    receive {request, _, _} = Request -> error(Request) after 0 -> ok end,
    ?assertMatch([_], [over || {warning, "is over: its reader was killed" ++ _} <- lines()]),
    close(First),
    over(Second).

%% At any moment: either the number of packets that have come is that of the requests that have reached their
%% sessions, or the link is over.
a_reader_that_is_killed_leaves_the_right_number_test_() ->
    {timeout, 60, fun() -> [leaves_the_right_number(After) || After <- lists:seq(0, 180, 3)] end}.

leaves_the_right_number(After) ->
    {{_, Link} = First, Token} = first(#{connection => #{max_packet => 100000}}),
    ecm_link_pair:send(First, [ecm_link_packet:encode(Id, "request\nx") || Id <- lists:seq(1, 200)]),
    [receive {request, <<"x">>, _} -> ok end || _ <- lists:seq(1, After)],
    exit(Link, kill),
    _ = reason_of_exit(Link),
    Reached = After + reached(),
    Second = hello(#{connection => #{max_packet => 100000}}),
    send(Second, 0, ["resume got=0 link=", Token]),
    case resume(Second) of
        {Token, Got} -> ?assertEqual(Reached, Got);
        {_, 0} -> ok
    end,
    close(First),
    over(Second).

%% A reader that has ended sends no more.
reached() ->
    receive {request, <<"x">>, _} -> 1 + reached() after 0 -> 0 end.

%% As many at once as there may be workers that mix up their tokens.
many_connections_want_the_same_link_test() ->
    {First, Token} = first(#{}),
    Exchange = ask(7, First),
    Others = [hello(#{}) || _ <- lists:seq(1, 10)],
    [send(Other, 0, ["resume got=0 link=", Token]) || Other <- Others],
    Last = last([First | Others]),
    ?assertEqual({Token, 1}, resume(Last)),
    ok = answer([7], [Exchange]),
    ?assertEqual({7, <<"answer 200\n7">>}, receive_content(peer(Last))),
    none_is_gone([Exchange]),
    [close(Each) || Each <- [First | Others]].

%% The connection that none of the others has replaced.
last([Last]) ->
    Last;
last(Opened) ->
    receive {'EXIT', Link, {shutdown, replaced}} -> last(lists:keydelete(Link, 2, Opened)) end.

%% Its writer waits for a peer that does not read, and the kernel keeps the socket. What has not been read comes
%% again.
a_link_goes_on_whose_writer_waits_test_() ->
    [{Name, {timeout, 30, fun() -> goes_on(End, Most) end}}
     || {Name, End, Most} <- [{"replaced", fun(_) -> ok end, 2000},
                              {"hangs", fun(Link) -> true = erlang:suspend_process(Link) end, 4500},
                              {"killed", fun(Link) -> exit(Link, kill), reason_of_exit(Link) end, 20000}]].

%% Within so many milliseconds: gen_tcp itself needs five seconds to see that a socket is gone. A reader that hangs has
%% two before it is killed.
goes_on(End, Most) ->
    {{{_, Ours}, Link} = First, Token} = first(#{max_waiting => 100000000}),
    Exchanges = [ask(Id, First) || Id <- lists:seq(1, 20)],
    [ecm_link_writer:answer(Writer, Id, 200, binary:copy(<<"x">>, 1000000)) || {Writer, Id, _} <- Exchanges],
    ecm_link_pair:await(fun() -> {ok, [{send_pend, Bytes}]} = inet:getstat(Ours, [send_pend]), Bytes > 0 end),
    Began = erlang:monotonic_time(millisecond),
    End(Link),
    Second = again(Token, 0, 20, #{max_waiting => 100000000}),
    ?assertEqual(lists:duplicate(20, 1000000), sizes(20, peer(Second), #{})),
    ?assert(erlang:monotonic_time(millisecond) - Began < Most),
    over(Second),
    close(First).

sizes(0, _, Sizes) ->
    maps:values(Sizes);
sizes(Left, Peer, Sizes) ->
    {Id, Content} = receive_content(Peer),
    [Line, Body] = binary:split(Content, <<"\n">>),
    Taken = Sizes#{Id => maps:get(Id, Sizes, 0) + byte_size(Body)},
    case Line of
        <<"part">> -> sizes(Left, Peer, Taken);
        <<"answer 200">> -> sizes(Left - 1, Peer, Taken)
    end.

other_limits_are_another_link_test() ->
    {First, Token} = first(#{}),
    Exchange = ask(7, First),
    ok = cut(First),
    Second = hello(#{connection => #{max_packet => 9999}}),
    send(Second, 0, ["resume got=0 link=", Token]),
    {New, 0} = resume(Second),
    ?assertNotEqual(Token, New),
    is_gone(Exchange),
    over(Second).

an_unknown_token_is_a_new_link_test() ->
    {Other, _} = first(#{}),
    Opened = hello(#{}),
    send(Opened, 0, ["resume got=5 link=", ?UNKNOWN]),
    ?assertMatch({_, 0}, resume(Opened)),
    _ = ask(7, Opened),
    over(Opened),
    over(Other).

what_has_come_is_acknowledged_test() ->
    {Opened, _} = first(#{}),
    [send(Opened, Id, "request\n") || Id <- lists:seq(1, 128)],
    ?assertEqual({0, <<"ack 128">>}, receive_content(peer(Opened))),
    send(Opened, 200, "nonsense"),
    {200, <<"error unknown-type", _/binary>>} = receive_content(peer(Opened)),
    {_, Link} = Opened,
    Link ! tick,
    ?assertEqual({0, <<"ack 129">>}, receive_content(peer(Opened))),
    over(Opened).

a_long_request_is_acknowledged_at_once_test() ->
    {Opened, _} = first(#{connection => #{max_packet => 100000}}),
    send(Opened, 7, ["request\n", binary:copy(<<"x">>, 70000)]),
    ?assertEqual({0, <<"ack 1">>}, receive_content(peer(Opened))),
    over(Opened).

%% Whoever restarts the heir meanwhile.
a_kept_link_has_the_new_heir_test() ->
    {First, Token} = first(#{}),
    Exchange = ask(7, First),
    Writer = writer_of(First),
    ok = cut(First),
    Heir = ecm_services:kill(ecm_link_heir),
    ecm_link_pair:await(fun() -> heirs(Writer) =:= [Heir] end),
    exit(Writer, kill),
    is_gone(Exchange),
    Second = hello(#{}),
    send(Second, 0, ["resume link=", Token]),
    ?assertNotMatch({Token, _}, resume(Second)),
    over(Second).

%% The supervisor takes all links with it, and their sessions are told.
links_end_with_their_supervisor_test() ->
    {First, _} = first(#{}),
    {Second, _} = first(#{}),
    Exchanges = [ask(7, First), ask(8, Second)],
    ok = cut(First),
    Sup = whereis(ecm_link_sup),
    Monitor = monitor(process, Sup),
    exit(Sup, kill),
    receive {'DOWN', Monitor, process, Sup, _} -> ok end,
    lists:foreach(fun is_gone/1, Exchanges),
    ?assertMatch({_, closed}, ecm_socket_pair:receive_all(peer(Second))),
    close(Second).

%% An ECM without memory comes again and again.
links_that_are_kept_are_bounded_test_() ->
    {timeout, 60,
     fun() ->
             {First, Token} = first(#{}),
             Exchange = ask(7, First),
             ok = cut(First),
             [begin {Each, _} = first(#{}), ok = cut(Each) end || _ <- lists:seq(1, 256)],
             is_gone(Exchange),
             Again = hello(#{}),
             send(Again, 0, ["resume link=", Token]),
             ?assertNotMatch({Token, _}, resume(Again)),
             over(Again),
             ok = ecm_services:start()
     end}.

%% Nobody else looks at a link without a connection.
what_waits_for_an_ecm_that_is_not_there_is_bounded_test() ->
    {First, _} = first(#{max_waiting => 20000}),
    Exchanges = [ask(Id, First) || Id <- [1, 2, 3]],
    ok = cut(First),
    [ecm_link_writer:answer(Writer, Id, 200, binary:copy(<<"x">>, 9000))
     || {Writer, Id, _} <- [hd(Exchanges), hd(Exchanges), hd(Exchanges)]],
    lists:foreach(fun is_gone/1, tl(Exchanges)),
    ?assertMatch({warning, "is over: 27" ++ _}, lists:last(lines())).

%% Helpers. ECM is this test.

%% Returns a new link, and its token.
first(Changes) ->
    Opened = say_hello(ecm_link_pair:open(options(Changes))),
    send(Opened, 0, "resume"),
    {Token, 0} = resume(Opened),
    {Opened, Token}.

%% A connection on which the link goes on. ECM has got so many packets, and mod_ecm the others.
again(Token, Got, Others, Changes) ->
    Opened = hello(Changes),
    send(Opened, 0, ["resume link=", Token, " got=", integer_to_binary(Got)]),
    ?assertEqual({Token, Others}, resume(Opened)),
    Opened.

hello(Changes) ->
    say_hello(ecm_link_pair:beside(options(Changes))).

options(Changes) ->
    Connection = maps:merge(#{resume => true}, maps:get(connection, Changes, #{})),
    maps:merge(#{request => gives(self())}, Changes#{connection => Connection}).

say_hello(Opened) ->
    send(Opened, 0, [ecm_link_pair:hello(4096), " max-content=1000000 features=parts,resume"]),
    {0, <<"hello ", Said/binary>>} = receive_content(peer(Opened)),
    ?assertNotEqual(nomatch, string:find(Said, "features=parts,resume")),
    Opened.

resume({{Peer, _}, _}) ->
    {0, Said} = receive_content(Peer),
    {match, [Token, Got]} = re:run(Said, "^resume link=([0-9a-f]{32}) got=([0-9]+)$", [{capture, [1, 2], binary}]),
    {Token, binary_to_integer(Got)}.

ask(Id, Opened) ->
    send(Opened, Id, "request\n<body/>"),
    receive {request, <<"<body/>">>, {_, Id, _} = Exchange} -> Exchange end.

answer(Ids, Exchanges) ->
    [ecm_link_writer:answer(Writer, Id, 200, integer_to_binary(Id)) || {Writer, Id, _} <- Exchanges,
                                                                       lists:member(Id, Ids)],
    ok.

cut({{Peer, _}, Link}) ->
    ok = gen_tcp:close(Peer),
    _ = reason_of_exit(Link),
    ok.

over({_, Link} = Opened) ->
    exit(Link, shutdown),
    _ = reason_of_exit(Link),
    close(Opened).

peer({{Peer, _}, _}) -> Peer.

%% Those of its tables, which it names when it is asked to.
heirs(Writer) ->
    lists:usort([ets:info(Table, heir) || Table <- ets:all(), ets:info(Table, owner) =:= Writer]).

writer_of({_, Link}) ->
    {monitors, [{process, Writer}]} = process_info(Link, monitors),
    Writer.

%% What links of earlier tests had in flight may be gone only now.
is_gone(Exchange) ->
    receive {gone, Exchange} -> ok end.

none_is_gone(Exchanges) ->
    [receive {gone, Exchange} -> error({gone, Exchange}) after 0 -> ok end || Exchange <- Exchanges].

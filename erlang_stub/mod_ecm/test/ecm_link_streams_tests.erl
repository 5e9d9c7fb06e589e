%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Streams on real sockets: the conversations of typed.json, and what becomes of the sessions.

-module(ecm_link_streams_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_link_pair, [close/1, lines/0, reason_of_exit/1, receive_content/1, send/3, stop/1]).

-define(OPEN, "open websocket peer=192.0.2.7:51234 secure=1").

%% The conversations. Those in which mod_ecm is wrong are ECM's.

conversations_test_() ->
    [{Name, fun() -> replay(Conversation) end}
     || #{<<"name">> := Name} = Conversation <- maps:get(<<"streams">>, ecm_vectors:read("typed.json")),
        maps:get(<<"wrong">>, Conversation, none) =/= <<"ejabberd">>].

replay(#{<<"steps">> := [EcmHello, OwnHello | Steps]} = Conversation) ->
    #{<<"content">> := Own} = OwnHello,
    {match, [Window]} = re:run(Own, " window=([0-9]+)", [{capture, all_but_first, binary}]),
    Reads = maps:get(<<"reads">>, Conversation, true),
    Leaves = string:find(Own, ",leave") =/= nomatch,
    {{Peer, _}, _} = Opened = ecm_link_pair:open(options(binary_to_integer(Window), Leaves, Reads)),
    tell(EcmHello, Opened),
    {0, Hello} = receive_content(Peer),
    ?assertEqual(without_nonce(Own), without_nonce(Hello)),
    _ = lists:foldl(fun(Step, Session) -> step(Step, Session, Opened) end, none, Steps),
    send(Opened, 0, "ping 1"),
    ?assertEqual({0, <<"pong 1">>}, receive_content(Peer)),
    stop(Opened).

options(Window, Leaves, Reads) ->
    #{open => opener(Reads), connection => #{max_packet => 1048576, window => Window, leave => Leaves},
      request => ecm_link_pair:answers(fun(_, _) ->
                                               {200, <<"<body xmlns='http://jabber.org/protocol/httpbind'/>">>}
                                       end)}.

without_nonce(Hello) ->
    re:replace(Hello, "nonce=[0-9a-f]+", "", [{return, binary}]).

tell(#{<<"id">> := Id, <<"content">> := Content}, Opened) ->
    send(Opened, binary_to_integer(Id), ecm_vectors:bytes(Content)).

%% A session says what mod_ecm says, until it hears that its stream has ended.
step(#{<<"from">> := <<"ecm">>, <<"content">> := Content} = Step, Session, Opened) ->
    tell(Step, Opened),
    heard(Content, Session);
step(#{<<"content">> := <<"message\n", _/binary>>}, closed, _) ->
    closed;
step(#{<<"content">> := Content} = Step, Session, {{Peer, _}, _}) ->
    said(Content, Session),
    ?assertEqual(packet(Step), receive_content(Peer)),
    Session.

heard(<<"open carrier-pigeon", _/binary>>, none) ->
    receive {refuses, _} -> closed end;
heard(<<"open ", _/binary>>, none) ->
    receive {opens, Session, _} -> Session end;
heard(<<"message\n", Body/binary>>, Session) when is_pid(Session) ->
    Bytes = ecm_vectors:bytes(Body),
    receive
        {Session, {message, Bytes}} -> Session;
        {Session, {closed, failed}} -> closed
    end;
heard(<<"leave">>, Session) ->
    receive {Session, half_close} -> Session end;
heard(<<"close gone">>, Session) ->
    receive {Session, {closed, gone}} -> closed end;
heard(_, Session) ->
    Session.

said(<<"message\n", Body/binary>>, Session) -> Session ! {say, ecm_vectors:bytes(Body)};
said(<<"left">>, Session) -> Session ! leaves;
said(<<"close end">>, Session) -> Session ! stop;
said(_, _) -> ok.

packet(#{<<"id">> := Id, <<"content">> := Content}) ->
    {binary_to_integer(Id), ecm_vectors:bytes(Content)}.

%% Sessions for the tests, which are told what they hear. One that does not read gives nothing back.

opener(Reads) ->
    Test = self(),
    fun(_, #{kind := <<"carrier-pigeon">>} = Open) ->
            Test ! {refuses, Open},
            {refused, kind};
       (Stream, #{windows := Windows} = Open) ->
            Session = spawn(fun() -> session(Test, Stream, Reads, ecm_link_credit:new(Windows)) end),
            Test ! {opens, Session, Open},
            {ok, Session}
    end.

session(Test, Stream, Reads, Credit) ->
    receive
        {ecm_stream, Event} ->
            Next = event(Event, Stream, Reads, Credit),
            Test ! {self(), Event},
            _ = Next =:= closed orelse session(Test, Stream, Reads, Next);
        {say, Body} ->
            ecm_link_stream:message(Body, Stream),
            session(Test, Stream, Reads, ecm_link_credit:sent(Body, Credit));
        leaves ->
            ecm_link_stream:left(Stream),
            session(Test, Stream, Reads, Credit);
        stop ->
            ecm_link_stream:close('end', none, Stream)
    end.

event({message, Body}, Stream, true, Credit) ->
    {Bytes, Taken} = ecm_link_credit:taken(ecm_link_credit:cost(Body), Credit),
    _ = Bytes > 0 andalso ecm_link_stream:more(Bytes, Stream),
    Taken;
event({message, _}, _, false, Credit) ->
    Credit;
event({more, Bytes}, Stream, _, Credit) ->
    case ecm_link_credit:returned(Bytes, Credit) of
        {ok, Returned} -> Returned;
        error -> ecm_link_stream:wrong(Stream), closed
    end;
event(half_close, _, _, Credit) ->
    Credit;
event({unsent, _}, _, _, Credit) ->
    Credit;
event({closed, _}, _, _, _) ->
    closed.

%% Each rule alone.

hello(Opened, More) ->
    send(Opened, 0, [ecm_link_pair:hello(10000), " window=1000 features=streams", More]).

typed(Changes) ->
    {{Peer, _}, _} = Opened = ecm_link_pair:open(maps:merge(options(1000, true, true), Changes)),
    hello(Opened, ""),
    {0, <<"hello ", _/binary>>} = receive_content(Peer),
    Opened.

opened(Id, Opened) ->
    send(Opened, Id, ?OPEN),
    receive {opens, Session, _} -> Session end.

what_a_session_is_told_of_its_stream_test() ->
    {{Peer, _}, _} = Opened = typed(#{}),
    {ok, Own} = inet:sockname(Peer),
    Windows = #{own => 1000, theirs => 1000},
    [begin
         send(Opened, Id, Content),
         ?assertEqual(Open#{windows => Windows}, receive {opens, _, Told} -> Told end)
     end || {Id, Content, Open} <-
                [{1, ?OPEN, #{kind => <<"websocket">>, peer => {{192, 0, 2, 7}, 51234}, secure => true, fields => #{}}},
                 {2, "open tcp ring=17",
                  #{kind => <<"tcp">>, peer => Own, secure => false, fields => #{<<"ring">> => <<"17">>}}}]],
    stop(Opened).

an_open_on_the_id_of_a_stream_ends_that_test() ->
    {{Peer, _}, _} = Opened = typed(#{}),
    Session = opened(7, Opened),
    send(Opened, 7, ?OPEN),
    ?assertEqual({7, <<"error unexpected open came twice">>}, receive_content(Peer)),
    receive {Session, {closed, failed}} -> ok end,
    stop(Opened),
    ?assertEqual([{warning, "connection 7: unexpected: open came twice"}], [Line || {warning, _} = Line <- lines()]).

what_is_not_understood_ends_a_stream_test_() ->
    [{Said, fun() ->
                    {{Peer, _}, _} = Opened = typed(#{}),
                    Session = opened(7, Opened),
                    send(Opened, 7, Said),
                    _ = Told =:= none orelse ?assertEqual({7, Told}, receive_content(Peer)),
                    receive {Session, {closed, failed}} -> ok end,
                    stop(Opened)
            end}
     || {Said, Told} <- [{"frobnicate", <<"error unknown-type there is no frobnicate">>},
                         {"more", <<"error malformed bad-word">>},
                         {"answer 200\n", <<"error unexpected answer does not belong here">>},
                         {"error credit a message beyond the window", none}]].

others_go_on_when_one_is_wrong_test() ->
    {{Peer, _}, _} = Opened = typed(#{open => opener(false)}),
    Wrong = opened(7, Opened),
    Right = opened(8, Opened),
    send(Opened, 7, ["message\n", <<0:1000/unit:8>>]),
    send(Opened, 7, "message\nx"),
    ?assertEqual({7, <<"error credit a message beyond the window">>}, receive_content(Peer)),
    receive {Wrong, {closed, failed}} -> ok end,
    send(Opened, 8, "message\nx"),
    receive {Right, {message, <<"x">>}} -> ok end,
    receive {Wrong, {message, <<"x">>}} -> error(passed_on) after 0 -> ok end,
    stop(Opened).

%% It may be opened before ECM has heard of it.
no_stream_is_opened_while_ejabberd_stops_test() ->
    Gate = spawn(fun() -> receive stop -> exit(shutdown) end end),
    true = register(ecm_link_streams_tests, Gate),
    {{Peer, _}, _} = Opened = typed(#{watched => [ecm_link_streams_tests]}),
    Session = opened(7, Opened),
    Gate ! stop,
    ?assertEqual({0, <<"drain">>}, receive_content(Peer)),
    send(Opened, 8, ?OPEN),
    ?assertEqual({8, <<"close refused">>}, receive_content(Peer)),
    send(Opened, 7, "message\nx"),
    receive {Session, {message, <<"x">>}} -> ok end,
    Session ! {say, <<"y">>},
    ?assertEqual({7, <<"message\ny">>}, receive_content(Peer)),
    stop(Opened).

%% Neither the link nor another stream notices.
a_session_that_cannot_begin_ends_its_stream_alone_test() ->
    ecm_log:start(),
    Opens = opener(true),
    Fails = fun(_, #{kind := <<"tcp">>}) -> error(broken);
               (Stream, Open) -> Opens(Stream, Open)
            end,
    {{Peer, _}, _} = Opened = typed(#{open => Fails}),
    send(Opened, 8, "open tcp secure=0"),
    ?assertEqual({8, <<"close failed">>}, receive_content(Peer)),
    send(Opened, 8, "message\nx"),
    send(Opened, 9, ?OPEN),
    receive {refuses, _} -> error(refused); {opens, _, _} -> ok end,
    [{error, Line}] = [Logged || {error, _} = Logged <- ecm_log:lines()],
    ?assertMatch({match, _}, re:run(Line, "connection 8: the session of a stream could not begin.*broken", [dotall])),
    stop(Opened).

what_a_session_says_at_once_is_not_lost_test() ->
    Open = fun(Stream, _) ->
                   ecm_link_stream:message(<<"early">>, Stream),
                   ecm_link_stream:close(failed, 1008, Stream),
                   {ok, spawn(fun() -> ok end)}
           end,
    {{Peer, _}, _} = Opened = typed(#{open => Open}),
    send(Opened, 7, ?OPEN),
    ?assertEqual([{7, <<"message\nearly">>}, {7, <<"close failed status=1008">>}],
                 [receive_content(Peer) || _ <- [1, 2]]),
    stop(Opened).

%% Its session is told once, and what it says then is dropped.
a_stream_that_has_ended_test() ->
    {{Peer, _}, _} = Opened = typed(#{}),
    Session = opened(7, Opened),
    send(Opened, 7, "close gave-up"),
    receive {Session, {closed, gone}} -> ok end,
    {_, Link} = Opened,
    #{streams := 0} = ecm_link:info(Link),
    Stream = {writer(Opened), 7, 100},
    ok = ecm_link_stream:message(<<"late">>, Stream),
    ok = ecm_link_stream:more(1000, Stream),
    ok = ecm_link_stream:close('end', none, Stream),
    send(Opened, 7, "message\nlate"),
    send(Opened, 7, "more 1"),
    send(Opened, 7, "close gone"),
    send(Opened, 0, "ping 1"),
    ?assertEqual({0, <<"pong 1">>}, receive_content(Peer)),
    stop(Opened).

writer({_, Link}) ->
    {monitors, [{process, Writer}]} = process_info(Link, monitors),
    Writer.

a_message_that_is_too_long_ends_its_stream_test() ->
    {{Peer, _}, _} = Opened = typed(#{}),
    Session = opened(7, Opened),
    Session ! {say, <<0:9960/unit:8>>},
    ?assertEqual({7, <<"message\n", 0:9960/unit:8>>}, receive_content(Peer)),
    Session ! {say, <<0:9961/unit:8>>},
    ?assertEqual({7, <<"close failed">>}, receive_content(Peer)),
    receive {Session, {closed, failed}} -> ok end,
    stop(Opened),
    ?assertEqual([{error, "connection 7: a message of 9961 bytes ends its stream, the link carries 9960"}],
                 [Line || {error, _} = Line <- lines()]).

%% As with answers, it is the long ones that are not added: both ends of the stream are told.
a_long_message_on_top_of_very_much_ends_its_stream_test_() ->
    [{integer_to_list(Size),
      fun() ->
              Full = lists:foldl(fun ecm_link_backlog:add/2, ecm_link_backlog:new(),
                                 lists:duplicate(129, binary:copy(<<0>>, 1048576))),
              Table = ecm_link_stream_table:new(),
              true = ecm_link_stream_table:begin_one(7, Table),
              Body = binary:copy(<<"x">>, Size),
              Options = #{in_message => 100000, peer => {{127, 0, 0, 1}, 1}},
              Said = ecm_link_stream_replies:say(7, {message, Body}, Table, Options, Full),
              ?assertEqual(Bytes, ecm_link_backlog:bytes(Said) - ecm_link_backlog:bytes(Full)),
              ?assertEqual(IsKept, ecm_link_stream_table:has(7, Table)),
              ?assertEqual(not IsKept, receive {ecm_stream, {closed, failed}} -> true after 0 -> false end)
      end}
     || {Size, Bytes, IsKept} <- [{16384, 16424, true}, {16385, 44, false}]].

the_sessions_of_a_link_that_ends_are_told_test_() ->
    [{Name, fun() ->
                    Opened = typed(#{}),
                    Sessions = [opened(Id, Opened) || Id <- [7, 8]],
                    End(Opened),
                    [receive {Session, {closed, gone}} -> ok end || Session <- Sessions],
                    close(Opened)
            end}
     || {Name, End} <- [{"stopped", fun({_, Link}) -> exit(Link, shutdown), reason_of_exit(Link) end},
                        {"killed", fun(Opened) -> exit(writer(Opened), kill) end},
                        {"closed", fun({{Peer, _}, Link}) -> gen_tcp:close(Peer), reason_of_exit(Link) end}]].

a_session_that_is_killed_leaves_no_client_waiting_test() ->
    {{Peer, _}, _} = Opened = typed(#{}),
    Session = opened(7, Opened),
    exit(Session, kill),
    ecm_link_pair:look(Opened),
    ?assertEqual({7, <<"close failed">>}, receive_content(Peer)),
    stop(Opened).

without_sessions_there_are_no_streams_test() ->
    {{Peer, _}, _} = Opened = ecm_link_pair:open(#{}),
    hello(Opened, ""),
    {0, Hello} = receive_content(Peer),
    ?assertEqual(nomatch, re:run(Hello, "window|streams")),
    send(Opened, 7, ?OPEN),
    ?assertEqual({7, <<"error unexpected open came without the feature streams">>}, receive_content(Peer)),
    stop(Opened).

%% A link that resumes keeps them.

streams_outlive_the_connection_of_their_link_test() ->
    {First, Token} = resuming(#{}),
    Session = opened(7, First),
    {{Peer, _}, Link} = First,
    ok = gen_tcp:close(Peer),
    {shutdown, closed} = reason_of_exit(Link),
    Session ! {say, <<"while it is broken">>},
    {{Again, _}, _} = Second = greeted(fun ecm_link_pair:beside/1, #{}),
    send(Second, 0, ["resume got=0 link=", Token]),
    ?assertEqual({0, <<"resume link=", Token/binary, " got=1">>}, receive_content(Again)),
    ?assertEqual({7, <<"message\nwhile it is broken">>}, receive_content(Again)),
    send(Second, 7, "message\nback"),
    receive {Session, {message, <<"back">>}} -> ok end,
    ?assertMatch([{info, "is kept for 30 seconds, with 0 requests and 1 streams in flight"}],
                 [Line || {info, "is kept" ++ _} = Line <- lines()]),
    stop(Second),
    receive {Session, {closed, gone}} -> ok end.

%% Nobody else looks at a link without a connection.
what_waits_for_an_ecm_that_is_not_there_is_bounded_test() ->
    {First, _} = resuming(#{max_waiting => 20000}),
    Session = opened(7, First),
    {{Peer, _}, Link} = First,
    ok = gen_tcp:close(Peer),
    {shutdown, closed} = reason_of_exit(Link),
    [Session ! {say, <<0:9000/unit:8>>} || _ <- [1, 2, 3]],
    receive {Session, {closed, gone}} -> ok end,
    ?assertMatch({warning, "is over: 27" ++ _}, lists:last(lines())),
    close(First).

%% Not what it has acknowledged.
what_an_ecm_that_does_not_come_back_has_not_got_is_given_back_test_() ->
    [{Name, fun() -> is_given_back(Changes, Resume) end}
     || {Name, Changes, Resume} <-
            [{"over", #{}, fun(Token) -> ["resume over=", Token] end},
             {"other limits", #{connection => #{max_packet => 1048576, window => 999}},
              fun(Token) -> ["resume got=0 link=", Token] end}]].

is_given_back(Changes, Resume) ->
    {First, Token} = resuming(#{}),
    [Session, Other] = [opened(Id, First) || Id <- [7, 8]],
    _ = unacknowledged(Session, First),
    Session ! {say, <<"three">>},
    {{Again, _}, _} = Second = greeted(fun ecm_link_pair:beside/1, Changes),
    send(Second, 0, Resume(Token)),
    {0, <<"resume link=", _/binary>>} = receive_content(Again),
    ?assertEqual([{unsent, [<<"two">>, <<"three">>]}, {closed, gone}], [told(Session), told(Session)]),
    ?assertEqual({closed, gone}, told(Other)),
    stop(Second).

%% It ends while nobody knows whether ECM comes back. If it does, it gets all of it.
a_session_asks_for_what_ecm_has_not_got_test() ->
    {First, Token} = resuming(#{}),
    Session = opened(7, First),
    Writer = unacknowledged(Session, First),
    ?assertEqual([<<"two">>], ecm_link_writer:unsent(Writer, 7)),
    Session ! {say, <<"three">>},
    ecm_link_pair:await(fun() -> ecm_link_writer:unsent(Writer, 7) =:= [<<"two">>, <<"three">>] end),
    ?assertEqual([], ecm_link_writer:unsent(Writer, 8)),
    {{Again, _}, _} = Second = greeted(fun ecm_link_pair:beside/1, #{}),
    send(Second, 0, ["resume got=1 link=", Token]),
    {0, _} = receive_content(Again),
    ?assertEqual([{7, <<"message\ntwo">>}, {7, <<"message\nthree">>}],
                 [receive_content(Again), receive_content(Again)]),
    ?assertEqual(over, ecm_link_writer:unsent(Writer, 7)),
    stop(Second).

%% What ECM has got, and not acknowledged by then, comes twice.
what_is_on_a_link_that_ends_is_given_back_test_() ->
    [{Name, fun() -> is_given_back_by(End) end}
     || {Name, End} <- [{"malformed", fun(Opened) -> ecm_link_pair:send(Opened, binary:copy(<<"x">>, 32)) end},
                        {"error", fun(Opened) -> send(Opened, 0, "error malformed bad-word") end},
                        {"too many", fun(Opened) -> send(Opened, 0, "ack 9") end},
                        {"drains", fun({{Peer, _}, _} = Opened) ->
                                           send(Opened, 0, "drain"),
                                           ok = gen_tcp:close(Peer)
                                   end},
                        {"unread", fun({_, Link}) -> ok = gen_server:stop(Link, {shutdown, unread}, infinity) end}]].

is_given_back_by(End) ->
    {Opened, _} = resuming(#{}),
    [Session, Other] = [opened(Id, Opened) || Id <- [7, 8]],
    partly_acknowledged(Session, Opened),
    End(Opened),
    ?assertEqual([{unsent, [<<"two">>]}, {closed, gone}], [told(Session), told(Session)]),
    ?assertEqual({closed, gone}, told(Other)),
    close(Opened).

what_is_on_a_link_that_makes_way_for_others_is_given_back_test_() ->
    {timeout, 60,
     fun() ->
             {First, _} = resuming(#{}),
             Session = opened(7, First),
             _ = unacknowledged(Session, First),
             [broken() || _ <- lists:seq(1, 256)],
             ?assertEqual([{unsent, [<<"two">>]}, {closed, gone}], [told(Session), told(Session)]),
             ok = ecm_services:start()
     end}.

%% Makes a link without a connection.
broken() ->
    {{Peer, _}, Link} = Opened = greeted(fun ecm_link_pair:beside/1, #{}),
    send(Opened, 0, "resume"),
    {0, <<"resume link=", _/binary>>} = receive_content(Peer),
    ok = gen_tcp:close(Peer),
    {shutdown, closed} = reason_of_exit(Link).

%% Its connection has ended, and the writer has not been told of it: it is told before or behind the question.
a_session_asks_a_writer_that_knows_less_test_() ->
    [{Name, fun() -> asks_a_writer_that_knows_less(Break) end}
     || {Name, Break} <- [{"before", fun(Break, Ask) -> Break(), Ask() end},
                          {"behind", fun(Break, Ask) -> Ask(), Break() end}]].

asks_a_writer_that_knows_less(InOrder) ->
    {{{Peer, _}, Link} = First, _} = resuming(#{}),
    Session = opened(7, First),
    Writer = writer(First),
    partly_acknowledged(Session, First),
    true = erlang:suspend_process(Writer),
    InOrder(fun() -> ok = gen_tcp:close(Peer), {shutdown, closed} = reason_of_exit(Link) end,
            fun() -> Writer ! {{unsent, 7}, self(), asked} end),
    ?assert(ecm_link_tokens:is_broken(Writer)),
    true = erlang:resume_process(Writer),
    ?assertEqual([<<"two">>], receive {asked, Unsent} -> Unsent end),
    exit(Writer, {shutdown, over}),
    receive {Session, {closed, gone}} -> ok end,
    close(First).

%% Has a session say two things, of which ECM acknowledges the first, and breaks the link. Returns its writer.
unacknowledged(Session, {{Peer, _}, Link} = Opened) ->
    Writer = writer(Opened),
    partly_acknowledged(Session, Opened),
    ok = gen_tcp:close(Peer),
    {shutdown, closed} = reason_of_exit(Link),
    ecm_link_pair:await(fun() -> ecm_link_tokens:is_broken(Writer) end),
    Writer.

partly_acknowledged(Session, {{Peer, _}, _} = Opened) ->
    [begin Session ! {say, Text}, {7, _} = receive_content(Peer) end || Text <- [<<"one">>, <<"two">>]],
    send(Opened, 0, "ack 1"),
    send(Opened, 0, "ping 1"),
    {0, <<"pong 1">>} = receive_content(Peer).

told(Session) ->
    receive {Session, Event} -> Event end.

another_window_is_another_link_test() ->
    {First, Token} = resuming(#{}),
    Session = opened(7, First),
    {{Peer, _}, Link} = First,
    ok = gen_tcp:close(Peer),
    {shutdown, closed} = reason_of_exit(Link),
    Second = greeted(fun ecm_link_pair:beside/1, #{connection => #{max_packet => 1048576, window => 999}}),
    send(Second, 0, ["resume got=0 link=", Token]),
    {{Again, _}, _} = Second,
    {0, <<"resume link=", New:32/binary, " got=0">>} = receive_content(Again),
    ?assertNotEqual(Token, New),
    receive {Session, {closed, gone}} -> ok end,
    stop(Second).

resuming(Changes) ->
    {{Peer, _}, _} = Opened = greeted(fun ecm_link_pair:open/1, Changes),
    send(Opened, 0, "resume"),
    {0, <<"resume link=", Token:32/binary, " got=0">>} = receive_content(Peer),
    {Opened, Token}.

greeted(Open, Changes) ->
    Options = maps:merge(options(1000, true, true), Changes),
    #{connection := Connection} = Options,
    {{Peer, _}, _} = Opened = Open(Options#{connection => Connection#{resume => true}}),
    hello(Opened, ",resume"),
    {0, <<"hello ", _/binary>>} = receive_content(Peer),
    Opened.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What comes from other nodes of a cluster, which may run other releases.

-module(ecm_router_proxy_tests).

-include_lib("eunit/include/eunit.hrl").

-define(NONCE, 4711).
-define(EXCHANGE, {self(), 7, 1000}).
-define(VIOLATES, {violates, <<"bad-request">>}).

messages_test_() ->
    {foreach, fun ecm_services:start/0, fun(_) -> ecm_services:stop() end,
     [fun(_) -> {Name, Test} end
      || {Name, Test} <- [{"release 1", fun what_release_1_sends_arrives/0},
                          {"a map at the end", fun what_comes_in_addition_is_ignored/0},
                          {"an unknown request", fun a_request_that_is_not_known_is_answered/0},
                          {"something else", fun what_else_is_not_known_is_dropped/0},
                          {"a session that has moved on", fun it_is_followed/0},
                          {"the log", fun the_log_says_so_once_in_a_while/0}]]}.

what_release_1_sends_arrives() ->
    ok = ecm_router_proxy:request(self(), ?NONCE, ?VIOLATES, ?EXCHANGE),
    ok = ecm_router_proxy:request(self(), ?NONCE, read(), ?EXCHANGE),
    ok = ecm_router_proxy:gone(self(), ?EXCHANGE, half_closed),
    ?assertEqual([{request, ?NONCE, ?VIOLATES, ?EXCHANGE}, {request, ?NONCE, read(), ?EXCHANGE},
                  {half_closed, ?EXCHANGE}],
                 given()).

read() ->
    Body = <<"<body xmlns='http://jabber.org/protocol/httpbind' rid='1' sid='a'/>">>,
    {ok, Head, Content} = ecm_bosh_body:head(Body),
    {Head, Content, byte_size(Body)}.

what_comes_in_addition_is_ignored() ->
    cast({request, self(), ?NONCE, ?VIOLATES, ?EXCHANGE, #{new => 1}}),
    cast({gone, self(), ?EXCHANGE, gone, #{new => 1}}),
    ?assertEqual([{request, ?NONCE, ?VIOLATES, ?EXCHANGE}, {gone, ?EXCHANGE}], given()).

%% So its client repeats it, and does not believe that its session has ended.
a_request_that_is_not_known_is_answered() ->
    {Head, {Name, Scope, Rest}, Bytes} = read(),
    [begin
         cast({request, self(), ?NONCE, Request, ?EXCHANGE}),
         ?assertEqual([], given()),
         ?assertEqual(503, receive {answer, 7, Status, _} -> Status end)
     end || Request <- [{Head, {Name, Scope, Rest}, Bytes, new}, {Head, {Name, Scope, Rest, new}, Bytes},
                        {Head, {Name, [], Rest}, Bytes}, {[], {Name, Scope, Rest}, Bytes},
                        {violates, {new, <<"bad-request">>}}, new]].

%% From a process that was not its first, and of which another node has told.
it_is_followed() ->
    {Two, _} = Second = ecm_services:start_named(two),
    One = spawn(fun() -> ok end),
    ok = ecm_c2s_place:put_everywhere({{One, ?NONCE}, 1}, {Two, 8}),
    ok = ecm_c2s_place:put_everywhere({{One, ?NONCE}, 2}, {self(), 9}),
    ecm_services:stop_named(Second),
    Test = self(),
    [begin
         ok = ecm_router_proxy:request(Process, Nonce, ?VIOLATES, ?EXCHANGE),
         receive {moved, 7, Process, Test} -> ok end,
         ?assertEqual([{request, 9, ?VIOLATES, ?EXCHANGE}], given())
     end || {Process, Nonce} <- [{Two, 8}, {One, ?NONCE}]],
    ok = ecm_router_proxy:request(Two, 7, ?VIOLATES, ?EXCHANGE),
    _ = given(),
    {_, NotFound} = ecm_bosh_answer:refusal(<<"item-not-found">>),
    ?assertEqual(NotFound, receive {answer, 7, _, Body} -> Body end).

%% The process goes on.
what_else_is_not_known_is_dropped() ->
    Proxy = whereis(ecm_router_proxy),
    [cast(Message) || Message <- [new, {new}, {gone, self(), ?EXCHANGE, moved}, {{new, 1}, 2},
                                  {request, self(), ?NONCE, ?VIOLATES, new, #{}},
                                  {request, self(), ?NONCE, ?VIOLATES, ?EXCHANGE, new}]],
    ?assertEqual([], given()),
    ?assertEqual(Proxy, whereis(ecm_router_proxy)).

%% Without the content.
the_log_says_so_once_in_a_while() ->
    ecm_log:start(),
    [cast({new, <<"password">>}) || _ <- [first, again]],
    _ = given(),
    [{error, Line}] = [Logged || {error, _} = Logged <- ecm_log:lines()],
    ?assertMatch({match, _}, re:run(Line, "'new' with 2 elements.*update mod_ecm on this node")),
    ?assertEqual(nomatch, re:run(Line, "password")).

cast(Message) ->
    gen_server:cast(ecm_router_proxy, Message).

%% All that the process has passed on, which is this session.
given() ->
    _ = sys:get_state(ecm_router_proxy),
    flush().

flush() ->
    receive {ecm, Given} -> [Given | flush()] after 0 -> [] end.

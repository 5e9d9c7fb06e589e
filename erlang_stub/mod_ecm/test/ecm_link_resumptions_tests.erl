%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The resumptions of typed.json on real sockets: mod_ecm says and sends again what it does there, and each
%% request reaches a session once.

-module(ecm_link_resumptions_tests).

-include_lib("eunit/include/eunit.hrl").

-define(PEER, {{192, 0, 2, 7}, 5290}).
-define(MAX_PACKET, 1048576).
-define(MAX_CONTENT, 16777216).

resumptions_test_() ->
    [{Name, fun() -> replay(Resumption) end}
     || #{<<"name">> := Name} = Resumption <- maps:get(<<"resumptions">>, ecm_vectors:read("typed.json"))].

replay(#{<<"previous">> := #{<<"token">> := Token} = Previous, <<"steps">> := Steps, <<"ends">> := Ends}) ->
    ok = ecm_services:ensure(),
    _ = asked(),
    Writer = keep(Previous),
    Options = #{connection => #{resume => true, max_packet => ?MAX_PACKET, max_content => ?MAX_CONTENT},
                request => ecm_link_pair:gives(self())},
    {_, Link} = Opened = ecm_link_pair:open(Options),
    lists:foreach(fun(Step) -> step(Step, Token, Opened) end, Steps),
    ends(Ends, Opened),
    ?assertEqual([binary_to_integer(Id) || #{<<"from">> := <<"ecm">>, <<"id">> := Id} <- Steps, Id =/= <<"0">>],
                 asked()),
    exit(Link, shutdown),
    _ = ecm_link_pair:reason_of_exit(Link),
    ecm_link_writer:over(Writer),
    ecm_link_pair:close(Opened).

%% A link whose connection has ended. What it has sent then is what ECM may not have got.
keep(#{<<"token">> := Token, <<"from_ejabberd">> := Sent, <<"ejabberd_has">> := Has, <<"is_known">> := IsKnown}) ->
    {Peer, Ours} = Pair = ecm_socket_pair:open(),
    Test = self(),
    {Reader, Monitor} = spawn_monitor(fun() ->
                                              {ok, Writer} = ecm_link_writer:start(ecm_link_socket:tcp(Ours)),
                                              Test ! {writer, Writer},
                                              receive stop -> ok end
                                      end),
    Writer = receive {writer, Started} -> Started end,
    ecm_link_writer:up(Writer, of_link(Token, IsKnown)),
    {0, <<"resume ", _/binary>>} = ecm_link_pair:receive_content(Peer),
    [send(Each, Writer, Peer) || Each <- Sent],
    [begin ecm_link_writer:begin_one(Writer), ecm_link_writer:count(Writer) end || _ <- lists:seq(1, Has)],
    Reader ! stop,
    receive {'DOWN', Monitor, process, Reader, _} -> ok end,
    ecm_socket_pair:close(Pair),
    Writer.

of_link(Token, IsKnown) ->
    Terms = {#{max_packet => ?MAX_PACKET, max_content => ?MAX_CONTENT},
             #{max_packet => ?MAX_PACKET, max_content => ?MAX_CONTENT}},
    Named = case IsKnown of
                true -> Token;
                false -> ecm_link_tokens:new()
            end,
    #{form => typed, in_packet => 10000, longest => 10000, peer => ?PEER,
      substitutes => ecm_link_pair:substitutes(), max_waiting => 1000000, gone => fun(_, _, _) -> ok end,
      status => fun() -> [] end,
      resumption => #{token => Named, terms => Terms, grace => 30000}}.

send(#{<<"id">> := Id, <<"content">> := <<"answer 200\n", Body/binary>> = Content}, Writer, Peer) ->
    Number = binary_to_integer(Id),
    ecm_link_writer:answer(ecm_link_writer:pid(Writer), Number, 200, Body),
    ?assertEqual({Number, Content}, ecm_link_pair:receive_content(Peer)).

step(#{<<"from">> := <<"ecm">>, <<"id">> := Id, <<"content">> := Content}, _, Opened) ->
    ecm_link_pair:send(Opened, binary_to_integer(Id), ecm_vectors:bytes(Content));
step(#{<<"id">> := Id, <<"content">> := Content}, Token, {{Peer, _}, _}) ->
    {Number, Said} = ecm_link_pair:receive_content(Peer),
    ?assertEqual({binary_to_integer(Id), known(Content, Token)}, {Number, known(Said, Token)}).

%% What is made at random is left out.
known(<<"hello ", _/binary>> = Hello, _) ->
    re:replace(Hello, " nonce=[0-9a-f]+", "", [{return, binary}]);
known(<<"resume link=", Token:32/binary, Got/binary>>, Token) ->
    {goes_on, Got};
known(<<"resume link=", _:32/binary, Got/binary>>, _) ->
    {is_new, Got};
known(Content, _) ->
    Content.

ends(<<"typed">>, {{Peer, _}, _} = Opened) ->
    ecm_link_pair:send(Opened, 0, "ping 1"),
    ?assertEqual({0, <<"pong 1">>}, ecm_link_pair:receive_content(Peer));
ends(<<"closed">>, {{Peer, _}, _}) ->
    ?assertEqual({<<>>, closed}, ecm_socket_pair:receive_all(Peer)).

%% The connections of the requests that have reached the session.
asked() ->
    receive {request, _, {_, Id, _}} -> [Id | asked()] after 0 -> [] end.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc An ECM whose connections are cut at any byte in either direction: each request reaches its session
%% once, in order, and each answer comes once.

-module(ecm_link_cuts_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [boolean/0, frequency/1, integer/2, list/1]).

%% `sent' has the packets that mod_ecm has not said it has, the newest first, and `numbered' counts all.
-record(ecm, {peer, link, token, decoder, id = 1, sent = [], numbered = 0, got = 0, answers = #{}}).

nothing_is_lost_by_cuts_test_() ->
    {timeout, 600, fun() -> ecm_property:holds(list(step()), fun survives/1, 150, 161) end}.

%% Some requests, whose answers have some bytes; a cut after so many bytes were read, and so many of another
%% packet written; or an acknowledgement.
step() ->
    frequency([{6, {ask, integer(1, 40), integer(1, 3000)}}, {1, {ask, 1, integer(5000, 400000)}},
               {3, {cut, integer(0, 60000), integer(0, 60), boolean()}}, {1, acknowledge}]).

survives(Steps) ->
    #ecm{id = Next, link = Link} = Played = lists:foldl(fun step/2, first(), Steps),
    #ecm{answers = Answers} = await(Next - 1, Played),
    exit(Link, shutdown),
    _ = ecm_link_pair:reason_of_exit(Link),
    Asked = asked(),
    [Id || {Id, _} <- Asked] =:= lists:seq(1, Next - 1)
        andalso lists:sort(maps:to_list(Answers)) =:= lists:sort([{Id, {done, Size}} || {Id, Size} <- Asked]).

%% What the sessions were asked, in order.
asked() ->
    receive
        {asked, Id, Size} -> [{Id, Size} | asked()]
    after 0 ->
        []
    end.

step({ask, Number, Size}, #ecm{id = First} = Ecm) ->
    lists:foldl(fun(Id, Before) -> ask(Id, Size, Before) end, Ecm, lists:seq(First, First + Number - 1));
step({cut, Read, Written, IsReset}, #ecm{peer = Peer, link = Link} = Ecm) ->
    #ecm{id = Id} = Looked = look(Read, Ecm),
    Begun = packet(Id, 100),
    _ = gen_tcp:send(Peer, binary:part(Begun, 0, min(Written, byte_size(Begun) - 1))),
    ok = inet:setopts(Peer, [{linger, {IsReset, 0}}]),
    ok = gen_tcp:close(Peer),
    _ = IsReset orelse ecm_link_pair:reason_of_exit(Link),
    again(Looked);
step(acknowledge, #ecm{peer = Peer, got = Got} = Ecm) ->
    ok = gen_tcp:send(Peer, ecm_link_packet:encode(0, ["ack ", integer_to_binary(Got)])),
    Ecm.

ask(Id, Size, #ecm{peer = Peer, sent = Sent, numbered = Numbered} = Ecm) ->
    Packet = packet(Id, Size),
    ok = gen_tcp:send(Peer, Packet),
    Ecm#ecm{id = Id + 1, sent = [{Numbered + 1, Packet} | Sent], numbered = Numbered + 1}.

packet(Id, Size) ->
    iolist_to_binary(ecm_link_packet:encode(Id, ["request\n", integer_to_binary(Size)])).

%% Reads about so many bytes, as far as they have come.
look(Bytes, Ecm) when Bytes =< 0 ->
    Ecm;
look(Bytes, #ecm{peer = Peer} = Ecm) ->
    case gen_tcp:recv(Peer, 0, 1) of
        {ok, Data} -> look(Bytes - byte_size(Data), took(Data, Ecm));
        {error, _} -> Ecm
    end.

took(Data, #ecm{decoder = Decoder} = Ecm) ->
    {ok, Packets, Next} = ecm_link_packet:decode(Data, Decoder),
    lists:foldl(fun took_packet/2, Ecm#ecm{decoder = Next}, Packets).

took_packet({0, <<"resume link=", Token:32/binary, " got=", Got/binary>>}, #ecm{sent = Sent, peer = Peer} = Ecm) ->
    Missed = [Each || {Number, _} = Each <- Sent, Number > binary_to_integer(Got)],
    ok = gen_tcp:send(Peer, [Packet || {_, Packet} <- lists:reverse(Missed)]),
    Ecm#ecm{token = Token, sent = Missed};
took_packet({0, <<"ack ", Number/binary>>}, #ecm{sent = Sent} = Ecm) ->
    Ecm#ecm{sent = [Each || {Of, _} = Each <- Sent, Of > binary_to_integer(Number)]};
took_packet({0, <<"hello ", _/binary>>}, Ecm) ->
    Ecm;
took_packet({Id, Content}, #ecm{got = Got, answers = Answers} = Ecm) when Id =/= 0 ->
    Ecm#ecm{got = Got + 1, answers = answer(Id, Content, maps:get(Id, Answers, {parts, 0}), Answers)}.

answer(Id, <<"part\n", Part/binary>>, {parts, Size}, Answers) ->
    Answers#{Id => {parts, Size + byte_size(Part)}};
answer(Id, <<"answer 200\n", Last/binary>>, {parts, Size}, Answers) ->
    Answers#{Id => {done, Size + byte_size(Last)}}.

first() ->
    _ = asked(),
    connect(#ecm{}, "resume", ecm_link_pair:open(options(self()))).

again(#ecm{token = Token, got = Got} = Ecm) ->
    Resume = ["resume link=", Token, " got=", integer_to_binary(Got)],
    connect(Ecm, Resume, ecm_link_pair:beside(options(self()))).

connect(Ecm, Resume, {{Peer, _}, Link} = Opened) ->
    ecm_link_pair:send(Opened, 0, [ecm_link_pair:hello(4096), " max-content=1000000 features=parts,resume"]),
    ecm_link_pair:send(Opened, 0, Resume),
    up(Ecm#ecm{peer = Peer, link = Link, token = none, decoder = ecm_link_packet:new(4096)}).

up(#ecm{token = none, peer = Peer} = Ecm) ->
    {ok, Data} = gen_tcp:recv(Peer, 0, 5000),
    up(took(Data, Ecm));
up(Ecm) ->
    Ecm.

await(Number, #ecm{peer = Peer, answers = Answers} = Ecm) ->
    case length([Id || {Id, {done, _}} <- maps:to_list(Answers)]) of
        Number ->
            Ecm;
        _ ->
            {ok, Data} = gen_tcp:recv(Peer, 0, 5000),
            await(Number, took(Data, Ecm))
    end.

%% A request is the number of bytes of its answer.
options(Test) ->
    #{connection => #{resume => true}, max_waiting => 1000000000,
      request => fun(Body, {Writer, Id, _}, _, _, _) ->
                         Size = binary_to_integer(Body),
                         Test ! {asked, Id, Size},
                         ecm_link_writer:answer(Writer, Id, 200, binary:copy(<<"x">>, Size))
                 end}.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc An ECM whose connections are cut at any byte in either direction: each request reaches its session
%% once, in order, and each answer comes once; and so do the messages of a stream, and their echoes.

-module(ecm_link_cuts_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [boolean/0, frequency/1, integer/2, list/1]).

-define(STREAM, 1000000).

%% Nobody waits for credit here.
-define(WINDOW, "9999999999").

%% `sent' has the packets that mod_ecm has not said it has, the newest first, and `numbered' counts all; `said' those of
%% them that are messages. The newest echo is the first.
-record(ecm, {peer, link, token, decoder, id = 1, sent = [], numbered = 0, got = 0, answers = #{}, said = 0,
              echoes = []}).

nothing_is_lost_by_cuts_test_() ->
    {timeout, 600, fun() -> ecm_property:holds(list(step()), fun survives/1, 150, 161) end}.

%% Some requests, whose answers have some bytes; some messages; a cut after so many bytes were read, and so many of
%% another packet written; or an acknowledgement.
step() ->
    frequency([{4, {ask, integer(1, 40), integer(1, 3000)}}, {1, {ask, 1, integer(5000, 400000)}},
               {4, {say, integer(1, 40), integer(0, 3000)}},
               {3, {cut, integer(0, 60000), integer(0, 60), boolean()}}, {1, acknowledge}]).

survives(Steps) ->
    #ecm{id = Next, link = Link} = Played = lists:foldl(fun step/2, first(), Steps),
    #ecm{answers = Answers, said = Said, echoes = Echoes} = await(Next - 1, Played),
    exit(Link, shutdown),
    _ = ecm_link_pair:reason_of_exit(Link),
    Asked = asked(),
    [Id || {Id, _} <- Asked] =:= lists:seq(1, Next - 1)
        andalso heard() =:= lists:seq(1, Said) andalso lists:reverse(Echoes) =:= lists:seq(1, Said)
        andalso lists:sort(maps:to_list(Answers)) =:= lists:sort([{Id, {done, Size}} || {Id, Size} <- Asked]).

%% What the sessions were asked, in order.
asked() ->
    receive
        {asked, Id, Size} -> [{Id, Size} | asked()]
    after 0 ->
        []
    end.

%% What the session of the stream has heard, in order.
heard() ->
    receive
        {heard, Number} -> [Number | heard()]
    after 0 ->
        []
    end.

step({say, Number, Size}, Ecm) ->
    lists:foldl(fun(_, #ecm{said = Said} = Before) ->
                        Body = [integer_to_binary(Said + 1), $\s, binary:copy(<<"x">>, Size)],
                        tell(?STREAM, ["message\n", Body], Before#ecm{said = Said + 1})
                end, Ecm, lists:seq(1, Number));
step({ask, Number, Size}, #ecm{id = First} = Ecm) ->
    lists:foldl(fun(Id, Before) -> ask(Id, Size, Before) end, Ecm, lists:seq(First, First + Number - 1));
step({cut, Read, Written, IsReset}, #ecm{peer = Peer, link = Link} = Ecm) ->
    #ecm{id = Id} = Looked = look(Read, Ecm),
    Begun = packet(Id, request(100)),
    _ = gen_tcp:send(Peer, binary:part(Begun, 0, min(Written, byte_size(Begun) - 1))),
    ok = inet:setopts(Peer, [{linger, {IsReset, 0}}]),
    ok = gen_tcp:close(Peer),
    _ = IsReset orelse ecm_link_pair:reason_of_exit(Link),
    again(Looked);
step(acknowledge, #ecm{peer = Peer, got = Got} = Ecm) ->
    ok = gen_tcp:send(Peer, ecm_link_packet:encode(0, ["ack ", integer_to_binary(Got)])),
    Ecm.

ask(Id, Size, Ecm) ->
    tell(Id, request(Size), Ecm#ecm{id = Id + 1}).

request(Size) ->
    ["request\n", integer_to_binary(Size)].

tell(Id, Content, #ecm{peer = Peer, sent = Sent, numbered = Numbered} = Ecm) ->
    Packet = packet(Id, Content),
    ok = gen_tcp:send(Peer, Packet),
    Ecm#ecm{sent = [{Numbered + 1, Packet} | Sent], numbered = Numbered + 1}.

packet(Id, Content) ->
    iolist_to_binary(ecm_link_packet:encode(Id, Content)).

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
took_packet({?STREAM, <<"message\n", Echo/binary>>}, #ecm{got = Got, echoes = Echoes} = Ecm) ->
    Ecm#ecm{got = Got + 1, echoes = [number(Echo) | Echoes]};
took_packet({Id, Content}, #ecm{got = Got, answers = Answers} = Ecm) when Id =/= 0 ->
    Ecm#ecm{got = Got + 1, answers = answer(Id, Content, maps:get(Id, Answers, {parts, 0}), Answers)}.

number(Body) ->
    [Number, _] = binary:split(Body, <<" ">>),
    binary_to_integer(Number).

answer(Id, <<"part\n", Part/binary>>, {parts, Size}, Answers) ->
    Answers#{Id => {parts, Size + byte_size(Part)}};
answer(Id, <<"answer 200\n", Last/binary>>, {parts, Size}, Answers) ->
    Answers#{Id => {done, Size + byte_size(Last)}}.

first() ->
    _ = {asked(), heard()},
    tell(?STREAM, "open tcp", connect(#ecm{}, "resume", ecm_link_pair:open(options(self())))).

again(#ecm{token = Token, got = Got} = Ecm) ->
    Resume = ["resume link=", Token, " got=", integer_to_binary(Got)],
    connect(Ecm, Resume, ecm_link_pair:beside(options(self()))).

connect(Ecm, Resume, {{Peer, _}, Link} = Opened) ->
    ecm_link_pair:send(Opened, 0, [ecm_link_pair:hello(4096), " max-content=1000000 window=", ?WINDOW,
                                   " features=parts,resume,streams"]),
    ecm_link_pair:send(Opened, 0, Resume),
    up(Ecm#ecm{peer = Peer, link = Link, token = none, decoder = ecm_link_packet:new(4096)}).

up(#ecm{token = none, peer = Peer} = Ecm) ->
    {ok, Data} = gen_tcp:recv(Peer, 0, 5000),
    up(took(Data, Ecm));
up(Ecm) ->
    Ecm.

await(Number, #ecm{peer = Peer, answers = Answers, said = Said, echoes = Echoes} = Ecm) ->
    case length([Id || {Id, {done, _}} <- maps:to_list(Answers)]) of
        Number when length(Echoes) =:= Said ->
            Ecm;
        _ ->
            {ok, Data} = gen_tcp:recv(Peer, 0, 5000),
            await(Number, took(Data, Ecm))
    end.

%% A request is the number of bytes of its answer.
options(Test) ->
    #{connection => #{resume => true, window => list_to_integer(?WINDOW)}, max_waiting => 1000000000,
      open => fun(Stream, _) -> {ok, spawn(fun() -> echo(Test, Stream) end)} end,
      request => fun(Body, {Writer, Id, _}, _, _, _) ->
                         Size = binary_to_integer(Body),
                         Test ! {asked, Id, Size},
                         ecm_link_writer:answer(Writer, Id, 200, binary:copy(<<"x">>, Size))
                 end}.

echo(Test, Stream) ->
    receive
        {ecm_stream, {message, Body}} ->
            Test ! {heard, number(Body)},
            ecm_link_stream:message(Body, Stream),
            echo(Test, Stream);
        {ecm_stream, {closed, gone}} ->
            ok
    end.

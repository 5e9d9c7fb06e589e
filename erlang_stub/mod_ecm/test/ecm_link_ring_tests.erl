%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a link that resumes keeps, and writes again, beside models that keep everything.

-module(ecm_link_ring_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [frequency/1, integer/2, list/1]).

models_test_() ->
    [{Name, {timeout, 600, fun() -> ecm_property:holds(Generator, Test, 2000, 160) end}}
     || {Name, Generator, Test} <-
            [{"ring", list(kept()), fun ring_keeps/1}, {"backlog", list(written()), fun all_arrive_once/1}]].

nothing_is_behind_the_last_packet_test() ->
    Ring = ecm_link_ring:add([<<"a">>, <<"b">>], 2, ecm_link_ring:new()),
    ?assertEqual({ok, 0, Ring}, ecm_link_ring:acknowledge(0, Ring)),
    {ok, 0, Half} = ecm_link_ring:acknowledge(1, Ring),
    ?assertMatch({ok, [<<"b">>], 0, _}, ecm_link_ring:behind(1, Half)),
    {ok, [], 2, None} = ecm_link_ring:behind(2, Half),
    ?assertMatch({ok, [], 0, _}, ecm_link_ring:behind(2, None)).

a_number_that_cannot_be_test() ->
    Ring = ecm_link_ring:add([<<"a">>, <<"b">>], 2, ecm_link_ring:new()),
    ?assertEqual(error, ecm_link_ring:acknowledge(3, Ring)),
    {ok, _, Later} = ecm_link_ring:acknowledge(2, Ring),
    ?assertEqual(error, ecm_link_ring:acknowledge(1, Later)),
    ?assertEqual(error, ecm_link_ring:behind(1, Later)).

%% The ring.

%% Some packets; or an acknowledgement somewhere between the last one and one too many.
kept() ->
    frequency([{3, {add, integer(0, 5)}}, {2, {acknowledge, integer(0, 12)}}]).

ring_keeps(Steps) ->
    lists:foldl(fun keep/2, {ecm_link_ring:new(), 0, 0, 0}, Steps),
    true.

%% A packet is its number, and has as many bytes.
keep({add, Number}, {Ring, Sent, Acknowledged, Bytes}) ->
    Packets = lists:seq(Sent + 1, Sent + Number),
    {ecm_link_ring:add(Packets, lists:sum(Packets), Ring), Sent + Number, Acknowledged, Bytes + lists:sum(Packets)};
keep({acknowledge, More}, {Ring, Sent, Before, Bytes}) when Before + More > Sent ->
    error = ecm_link_ring:behind(Before + More, Ring),
    {Ring, Sent, Before, Bytes};
keep({acknowledge, More}, {Ring, Sent, Before, Bytes}) ->
    Number = Before + More,
    Behind = lists:seq(Number + 1, Sent),
    {ok, Behind, Dropped, Next} = ecm_link_ring:behind(Number, Ring),
    {ok, Dropped, Next} = ecm_link_ring:acknowledge(Number, Ring),
    true = Bytes - Dropped >= lists:sum(Behind),
    true = Behind =/= [] orelse Bytes =:= Dropped,
    {Next, Sent, Number, Bytes - Dropped}.

%% The backlog: all that was added arrives at a peer that loses its connection now and then.

%% Packets with so many bytes, an answer in parts, a write, a break of the connection after so many packets of
%% those that were written since the peer has looked, and an acknowledgement.
written() ->
    frequency([{5, {add, integer(1, 2000)}}, {2, {aside, integer(1, 100)}}, {2, {long, integer(4000, 300000)}},
               {6, write}, {1, {break, integer(0, 20)}}, {2, acknowledge}]).

-record(peer, {backlog, id = 1, added = [], wire = [], taken = []}).

all_arrive_once(Steps) ->
    Begun = #peer{backlog = ecm_link_backlog:keep(ecm_link_backlog:new())},
    Done = flush(lists:foldl(fun step/2, Begun, Steps)),
    #peer{added = Added, taken = Taken, backlog = Backlog} = step(acknowledge, take_all(Done)),
    Bodies = lists:foldl(fun join/2, #{}, lists:reverse(Taken)),
    0 = ecm_link_backlog:bytes(Backlog),
    Short = [Id || {Id, Size} <- lists:reverse(Added), Size =< 2000],
    Short = [Id || {Id, _} <- lists:reverse(Taken), lists:member(Id, Short)],
    lists:sort(Added) =:= lists:sort([{Id, Size} || {Id, {Size, answer}} <- maps:to_list(Bodies)]).

join({Id, <<"part\n", Part/binary>>}, Bodies) ->
    {Size, part} = maps:get(Id, Bodies, {0, part}),
    Bodies#{Id => {Size + byte_size(Part), part}};
join({Id, <<"answer 200\n", Last/binary>>}, Bodies) ->
    {Size, part} = maps:get(Id, Bodies, {0, part}),
    Bodies#{Id => {Size + byte_size(Last), answer}}.

step({add, Size}, #peer{backlog = Backlog, id = Id, added = Added} = Peer) ->
    Content = ecm_link_answer:encode(typed, 200, binary:copy(<<"x">>, Size)),
    Packet = iolist_to_binary(ecm_link_packet:encode(Id, Content)),
    Peer#peer{backlog = ecm_link_backlog:add(Packet, Backlog), id = Id + 1, added = [{Id, Size} | Added]};
step({aside, Size}, #peer{backlog = Backlog} = Peer) ->
    Packet = iolist_to_binary(ecm_link_packet:encode(0, binary:copy(<<"x">>, Size))),
    Peer#peer{backlog = ecm_link_backlog:add([Packet], Backlog)};
step({long, Size}, #peer{backlog = Backlog, id = Id, added = Added} = Peer) ->
    {ok, Next} = ecm_link_backlog:add_long(Id, 200, binary:copy(<<"x">>, Size), 4000, Backlog),
    Peer#peer{backlog = Next, id = Id + 1, added = [{Id, Size} | Added]};
step(write, #peer{backlog = Backlog, wire = Wire} = Peer) ->
    case ecm_link_backlog:next(Backlog) of
        none ->
            true = ecm_link_backlog:is_empty(Backlog),
            Peer;
        {Batch, Bytes, Next} ->
            {ok, Packets, _} = ecm_link_packet:decode(iolist_to_binary(Batch), ecm_link_packet:new(1000000)),
            Peer#peer{backlog = ecm_link_backlog:written(Bytes, Next), wire = Wire ++ Packets}
    end;
step({break, Number}, #peer{wire = Wire} = Peer) ->
    #peer{backlog = Backlog, taken = Taken} = Broken =
        take_all(Peer#peer{wire = lists:sublist(Wire, Number)}),
    First = ecm_link_packet:encode(0, <<"resume">>),
    {ok, _, Next} = ecm_link_backlog:again(length(Taken), First, Backlog),
    #peer{wire = [{0, <<"resume">>} | _]} = step(write, Broken#peer{backlog = Next});
step(acknowledge, Peer) ->
    #peer{backlog = Backlog, taken = Taken} = Looked = take_all(Peer),
    {ok, Next} = ecm_link_backlog:acknowledge(length(Taken), Backlog),
    Looked#peer{backlog = Next}.

take_all(#peer{wire = Wire, taken = Taken} = Peer) ->
    Peer#peer{wire = [], taken = lists:reverse([Packet || {Id, _} = Packet <- Wire, Id =/= 0]) ++ Taken}.

flush(#peer{backlog = Backlog} = Peer) ->
    case ecm_link_backlog:is_empty(Backlog) of
        true -> Peer;
        false -> flush(step(write, Peer))
    end.

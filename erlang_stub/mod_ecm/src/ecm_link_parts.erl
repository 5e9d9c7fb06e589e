%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Long answers on their way to ECM, part by part, so that others pass between the parts
%% (docs/protocol.md of Megaphone). Pure.
%%
%% Few are under way at a time, as ECM holds what it has of each; the others wait. In a round each
%% of them gives one packet.

-module(ecm_link_parts).

-export([add/4, forget/2, is_empty/1, new/1, round/1]).
-export_type([parts/0]).

%% As ECM has it.
-define(UNDER_WAY, 4).

%% Bytes of a part: what a link carries in some milliseconds, and much above what is around it.
-define(SIZE, 65536).

%% Bytes of answers of which the rest waits. What comes on top is refused: a client that repeats its
%% request and does not read would have as many copies here as it likes. One more than this is there
%% at most, and a link is given up at twice as much.
-define(MOST, 134217728).

-record(answer, {id :: ecm_link_packet:id(), head :: ecm_link_answer:head(), rest :: binary()}).

%% `bytes' are those of all that is there.
-record(parts, {size :: pos_integer(),
                bytes = 0 :: non_neg_integer(),
                under_way = [] :: [#answer{}],
                waiting = queue:new() :: queue:queue(#answer{})}).

-opaque parts() :: #parts{}.

%% @doc Returns none, for a link on which a packet carries so many bytes of a body.
-spec new(InPacket :: pos_integer()) -> parts().
new(InPacket) ->
    #parts{size = min(?SIZE, InPacket)}.

-spec is_empty(parts()) -> boolean().
is_empty(#parts{under_way = UnderWay}) ->
    UnderWay =:= [].

%% @doc Adds an answer, if there is room. Its parts are pieces of `Body', which is not copied before they
%% are sent.
-spec add(ecm_link_packet:id(), ecm_link_answer:head(), Body :: binary(), parts()) -> {ok, parts()} | full.
add(_, _, _, #parts{bytes = Bytes}) when Bytes > ?MOST ->
    full;
add(Id, Head, Body, #parts{waiting = Waiting, bytes = Bytes} = Parts) ->
    Answer = #answer{id = Id, head = Head, rest = Body},
    {ok, fill(Parts#parts{waiting = queue:in(Answer, Waiting), bytes = Bytes + byte_size(Body)})}.

%% @doc Nobody waits for an answer any more. Returns how many bytes of it were left.
-spec forget(ecm_link_packet:id(), parts()) -> {Bytes :: non_neg_integer(), parts()}.
forget(Id, #parts{under_way = UnderWay, waiting = Waiting, bytes = Bytes} = Parts) ->
    IsOther = fun(#answer{id = Of}) -> Of =/= Id end,
    Left = Parts#parts{under_way = lists:filter(IsOther, UnderWay),
                       waiting = queue:filter(IsOther, Waiting)},
    Rest = lists:sum([byte_size(Body)
                      || #answer{id = Of, rest = Body} <- UnderWay ++ queue:to_list(Waiting), Of =:= Id]),
    {Rest, fill(Left#parts{bytes = Bytes - Rest})}.

-spec fill(parts()) -> parts().
fill(#parts{under_way = UnderWay} = Parts) when length(UnderWay) =:= ?UNDER_WAY ->
    Parts;
fill(#parts{under_way = UnderWay, waiting = Waiting} = Parts) ->
    case queue:out(Waiting) of
        {{value, Answer}, Rest} -> fill(Parts#parts{under_way = UnderWay ++ [Answer], waiting = Rest});
        {empty, _} -> Parts
    end.

%% @doc Returns the next packet of each answer under way, and how many bytes of bodies are in them.
-spec round(parts()) -> {[Packet :: iolist()], Bytes :: non_neg_integer(), parts()}.
round(#parts{size = Size, under_way = UnderWay, bytes = Bytes} = Parts) ->
    Steps = [step(Answer, Size) || Answer <- UnderWay],
    Left = [Answer || {_, _, #answer{} = Answer} <- Steps],
    Taken = lists:sum([Part || {_, Part, _} <- Steps]),
    {[Packet || {Packet, _, _} <- Steps], Taken,
     fill(Parts#parts{under_way = Left, bytes = Bytes - Taken})}.

-spec step(#answer{}, pos_integer()) -> {Packet :: iolist(), Bytes :: pos_integer(), #answer{} | done}.
step(#answer{id = Id, rest = Rest} = Answer, Size) when byte_size(Rest) > Size ->
    <<Part:Size/binary, Left/binary>> = Rest,
    {ecm_link_packet:encode(Id, ecm_link_answer:part(Part)), Size, Answer#answer{rest = Left}};
step(#answer{id = Id, head = Head, rest = Last}, _) ->
    {ecm_link_packet:encode(Id, ecm_link_answer:encode(typed, Head, Last)), byte_size(Last), done}.

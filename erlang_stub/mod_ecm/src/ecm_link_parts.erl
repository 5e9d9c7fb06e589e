%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Long answers in parts, so that other answers pass between the parts (docs/protocol.md of Megaphone).
%% Pure.
%%
%% Few are under way at a time, because ECM holds the parts of each; the others wait. A round takes one
%% packet of each.

-module(ecm_link_parts).

-export([add/4, forget/2, is_empty/1, new/1, round/1]).
-export_type([parts/0]).

%% The limit of ECM.
-define(UNDER_WAY, 4).

%% Bytes of a part: a link carries them in some milliseconds, and the overhead is small.
-define(SIZE, 65536).

%% The high-water mark, in bytes that wait. Answers above it are refused: a client that repeats its request
%% and does not read would have any number of copies here. At most one answer more is here, and a link is
%% closed at twice as much.
-define(MAX_WAITING, 134217728).

-record(answer, {id :: ecm_link_packet:id(), head :: ecm_link_answer:head(), rest :: binary()}).

%% `bytes' counts all that waits.
-record(parts, {size :: pos_integer(),
                bytes = 0 :: non_neg_integer(),
                under_way = [] :: [#answer{}],
                waiting = queue:new() :: queue:queue(#answer{})}).

-opaque parts() :: #parts{}.

%% @doc Returns an empty set, for a link whose packets carry so many bytes of a body.
-spec new(InPacket :: pos_integer()) -> parts().
new(InPacket) ->
    #parts{size = min(?SIZE, InPacket)}.

-spec is_empty(parts()) -> boolean().
is_empty(#parts{under_way = UnderWay}) ->
    UnderWay =:= [].

%% @doc Adds an answer, if there is room. Its parts refer to `Body', which is not copied before they are
%% sent.
-spec add(ecm_link_packet:id(), ecm_link_answer:head(), Body :: binary(), parts()) -> {ok, parts()} | full.
add(_, _, _, #parts{bytes = Bytes}) when Bytes > ?MAX_WAITING ->
    full;
add(Id, Head, Body, #parts{waiting = Waiting, bytes = Bytes} = Parts) ->
    Answer = #answer{id = Id, head = Head, rest = Body},
    {ok, fill(Parts#parts{waiting = queue:in(Answer, Waiting), bytes = Bytes + byte_size(Body)})}.

%% @doc Cancels an answer. Returns the bytes of it that were left.
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

%% @doc Returns the next packet of each answer under way, and the bytes of bodies in them.
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

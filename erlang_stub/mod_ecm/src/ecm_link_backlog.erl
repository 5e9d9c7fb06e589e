%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a link has to write: packets in order, long answers in parts beside them, and on a link that
%% resumes also what was written and is not acknowledged. Pure.
%%
%% All of it counts in bytes, from the moment at which it is added until it is written, or acknowledged.

-module(ecm_link_backlog).

-export([acknowledge/2, add/2, add_long/5, again/3, bytes/1, forget/2, is_empty/1, keep/1, new/0, next/1, numbered/1,
         written/2]).
-export_type([backlog/0, packet/0]).

%% Bytes after which a batch is complete. A write fails after the listener's `send_timeout', 15 seconds by
%% default, so a batch must be small enough for a peer that is slow but alive: at this size the peer must
%% read 17 kB a second.
-define(BATCH_SIZE, 262144).

%% A packet for a client; or in a list, one for connection 0, which has no number and is not kept.
-type packet() :: binary() | [binary()].

%% `again' is what the peer of a link has missed, and goes before everything else. It is counted in `ring'.
-record(backlog, {packets = queue:new() :: queue:queue(packet()),
                  parts = none :: ecm_link_parts:parts() | none,
                  ring = none :: ecm_link_ring:ring() | none,
                  again = none :: queue:queue(iodata()) | none,
                  bytes = 0 :: non_neg_integer()}).

-opaque backlog() :: #backlog{}.

-spec new() -> backlog().
new() ->
    #backlog{}.

%% @doc Keeps from now on what is written, until it is acknowledged.
-spec keep(backlog()) -> backlog().
keep(Backlog) ->
    Backlog#backlog{ring = ecm_link_ring:new()}.

%% @doc Returns the bytes of all that is here.
-spec bytes(backlog()) -> non_neg_integer().
bytes(#backlog{bytes = Bytes}) -> Bytes.

%% @doc Returns whether there is nothing to write.
-spec is_empty(backlog()) -> boolean().
is_empty(#backlog{packets = Packets, parts = Parts, again = Again}) ->
    Parts =:= none andalso Again =:= none andalso queue:is_empty(Packets).

-spec add(packet(), backlog()) -> backlog().
add(Packet, #backlog{packets = Packets, bytes = Bytes} = Backlog) ->
    Backlog#backlog{packets = queue:in(Packet, Packets), bytes = Bytes + iolist_size(Packet)}.

%% @doc Adds an answer in parts, if there is room. A packet carries so many bytes of a body.
-spec add_long(ecm_link_packet:id(), ecm_link_answer:head(), Body :: binary(), InPacket :: pos_integer(),
               backlog()) -> {ok, backlog()} | full.
add_long(Id, Head, Body, InPacket, #backlog{parts = Parts, bytes = Bytes} = Backlog) ->
    case ecm_link_parts:add(Id, Head, Body, or_new(Parts, InPacket)) of
        {ok, Added} -> {ok, Backlog#backlog{parts = Added, bytes = Bytes + byte_size(Body)}};
        full -> full
    end.

-spec or_new(ecm_link_parts:parts() | none, pos_integer()) -> ecm_link_parts:parts().
or_new(none, InPacket) -> ecm_link_parts:new(InPacket);
or_new(Parts, _) -> Parts.

%% @doc Cancels the answer in parts on this connection, if there is one: its rest is not written.
-spec forget(ecm_link_packet:id(), backlog()) -> backlog().
forget(_, #backlog{parts = none} = Backlog) ->
    Backlog;
forget(Id, #backlog{parts = Parts, bytes = Bytes} = Backlog) ->
    {Cancelled, Left} = ecm_link_parts:forget(Id, Parts),
    Backlog#backlog{parts = some(Left), bytes = Bytes - Cancelled}.

-spec some(ecm_link_parts:parts()) -> ecm_link_parts:parts() | none.
some(Parts) ->
    case ecm_link_parts:is_empty(Parts) of
        true -> none;
        false -> Parts
    end.

%% @doc Takes what goes out in one write: packets, and one of each answer in parts. Returns it with the bytes
%% that are only here until it is written, for written/2.
-spec next(backlog()) -> {iolist(), Bytes :: non_neg_integer(), backlog()} | none.
next(#backlog{packets = Packets, again = none} = Backlog) ->
    {Batch, Size, Rest} = batch(Packets, [], 0),
    {Pieces, More, Next} = pieces(Backlog#backlog{packets = Rest}),
    batch(Batch, Size, Pieces, More, Next);
next(#backlog{again = Again} = Backlog) ->
    {Batch, _, Rest} = batch(Again, [], 0),
    {Batch, 0, Backlog#backlog{again = left(Rest)}}.

-spec left(queue:queue(Packet)) -> queue:queue(Packet) | none.
left(Packets) ->
    case queue:is_empty(Packets) of
        true -> none;
        false -> Packets
    end.

-spec batch([packet()], non_neg_integer(), [iolist()], non_neg_integer(), backlog()) ->
    {iolist(), non_neg_integer(), backlog()} | none.
batch([], _, [], _, _) ->
    none;
batch(Batch, Size, Pieces, More, #backlog{ring = none} = Backlog) ->
    {[Batch | Pieces], Size + More, Backlog};
batch(Batch, Size, Pieces, More, #backlog{ring = Ring} = Backlog) ->
    {Numbered, Others} = lists:partition(fun is_binary/1, Batch),
    Bytes = iolist_size(Others),
    Kept = ecm_link_ring:add(Numbered ++ Pieces, Size + More - Bytes, Ring),
    {[Batch | Pieces], Bytes, Backlog#backlog{ring = Kept}}.

%% Takes packets from the front, until there are enough bytes or no packets.
-spec batch(queue:queue(Packet), [Packet], non_neg_integer()) ->
    {[Packet], Size :: non_neg_integer(), queue:queue(Packet)}.
batch(Packets, Batch, Size) when Size >= ?BATCH_SIZE ->
    {lists:reverse(Batch), Size, Packets};
batch(Packets, Batch, Size) ->
    case queue:out(Packets) of
        {{value, Packet}, Rest} -> batch(Rest, [Packet | Batch], Size + iolist_size(Packet));
        {empty, _} -> {lists:reverse(Batch), Size, Packets}
    end.

%% Takes a packet of each answer in parts. What is around a part was not counted with its body.
-spec pieces(backlog()) -> {[iolist()], Size :: non_neg_integer(), backlog()}.
pieces(#backlog{parts = none} = Backlog) ->
    {[], 0, Backlog};
pieces(#backlog{parts = Parts, bytes = Bytes} = Backlog) ->
    {Packets, OfBodies, Left} = ecm_link_parts:round(Parts),
    Size = iolist_size(Packets),
    {Packets, Size, Backlog#backlog{parts = some(Left), bytes = Bytes + Size - OfBodies}}.

%% @doc Notes that what next/1 has returned is written, or lost: what is kept is not in these bytes.
-spec written(Bytes :: non_neg_integer(), backlog()) -> backlog().
written(Written, #backlog{bytes = Bytes} = Backlog) ->
    Backlog#backlog{bytes = Bytes - Written}.

%% @doc Returns the packets that the peer has not acknowledged, the oldest first, also those that were never written.
%% What waits of long answers is missing.
-spec numbered(backlog()) -> [iodata()].
numbered(#backlog{ring = Ring, packets = Packets}) ->
    ecm_link_ring:all(Ring) ++ [Packet || Packet <- queue:to_list(Packets), is_binary(Packet)].

%% @doc Drops what the peer has acknowledged. An error if that cannot be, see ecm_link_ring:acknowledge/2.
-spec acknowledge(ecm_link_ring:count(), backlog()) -> {ok, backlog()} | error.
acknowledge(Number, #backlog{ring = Ring, bytes = Bytes} = Backlog) ->
    case ecm_link_ring:acknowledge(Number, Ring) of
        {ok, Dropped, Left} -> {ok, Backlog#backlog{ring = Left, bytes = Bytes - Dropped}};
        error -> error
    end.

%% @doc Begins anew for a peer that has come back, which has all packets up to this number: `First' goes out,
%% then what it has missed, then the rest. What waited for connection 0 is lost with the old connection.
-spec again(ecm_link_ring:count(), First :: iodata(), backlog()) ->
    {ok, Again :: non_neg_integer(), backlog()} | error.
again(Number, First, #backlog{ring = Ring, packets = Packets, bytes = Bytes} = Backlog) ->
    case ecm_link_ring:behind(Number, Ring) of
        {ok, Again, Dropped, Left} ->
            {Numbered, Others} = lists:partition(fun is_binary/1, queue:to_list(Packets)),
            {ok, length(Again),
             Backlog#backlog{packets = queue:from_list(Numbered), ring = Left, again = queue:from_list([First | Again]),
                             bytes = Bytes - Dropped - iolist_size(Others)}};
        error ->
            error
    end.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The packets of a link that resumes which its peer has not acknowledged, in order (docs/protocol.md of
%% Megaphone). Pure.
%%
%% Packets are numbered from 1 on. They are kept as they were written, many together, so that one costs
%% nothing but its place in a list.

-module(ecm_link_ring).

-export([acknowledge/2, add/3, all/1, behind/2, new/0]).
-export_type([count/0, ring/0]).

%% The number of a packet, which is how many there were up to it.
-type count() :: non_neg_integer().

%% Packets with the number of the last one, and their bytes.
-type batch() :: {Last :: count(), Bytes :: non_neg_integer(), [iodata()]}.

%% The packets above `acknowledged', up to `sent'; the first batch may have some below it as well.
-record(ring, {sent = 0 :: count(),
               acknowledged = 0 :: count(),
               batches = queue:new() :: queue:queue(batch())}).

-opaque ring() :: #ring{}.

%% @doc Returns the ring of a new link.
-spec new() -> ring().
new() ->
    #ring{}.

%% @doc Adds packets, which have so many bytes together.
-spec add([iodata()], Bytes :: non_neg_integer(), ring()) -> ring().
add([], _, Ring) ->
    Ring;
add(Packets, Bytes, #ring{sent = Sent, batches = Batches} = Ring) ->
    Last = Sent + length(Packets),
    Ring#ring{sent = Last, batches = queue:in({Last, Bytes, Packets}, Batches)}.

%% @doc Notes that the peer has all packets up to this one. Returns the bytes that are not kept any more.
%% That number is an error if no such packet was sent, or a later one was acknowledged before.
-spec acknowledge(count(), ring()) -> {ok, Bytes :: non_neg_integer(), ring()} | error.
acknowledge(Number, #ring{sent = Sent, acknowledged = Before})
  when Number > Sent; Number < Before ->
    error;
acknowledge(Number, #ring{batches = Batches} = Ring) ->
    {Bytes, Left} = drop(Number, Batches, 0),
    {ok, Bytes, Ring#ring{acknowledged = Number, batches = Left}}.

%% A batch is kept until its last packet is acknowledged.
-spec drop(count(), queue:queue(batch()), non_neg_integer()) ->
    {non_neg_integer(), queue:queue(batch())}.
drop(Number, Batches, Dropped) ->
    case queue:peek(Batches) of
        {value, {Last, Bytes, _}} when Last =< Number ->
            drop(Number, queue:drop(Batches), Dropped + Bytes);
        _ ->
            {Dropped, Batches}
    end.

%% @doc The same for a peer that has come back. Returns the packets to send again, too, which are still kept.
-spec behind(count(), ring()) ->
    {ok, Again :: [iodata()], Bytes :: non_neg_integer(), ring()} | error.
behind(Number, Ring) ->
    case acknowledge(Number, Ring) of
        {ok, Bytes, Left} ->
            {ok, all(Left), Bytes, Left};
        error ->
            error
    end.

%% @doc Returns all packets that are kept, the oldest first.
-spec all(ring()) -> [iodata()].
all(#ring{acknowledged = Number, batches = Batches}) ->
    lists:append([rest(Number, Batch) || Batch <- queue:to_list(Batches)]).

-spec rest(count(), batch()) -> [iodata()].
rest(Number, {Last, _, Packets}) ->
    lists:nthtail(max(0, length(Packets) - (Last - Number)), Packets).

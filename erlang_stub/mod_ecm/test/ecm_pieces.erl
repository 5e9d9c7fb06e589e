%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: an XML stream over TCP, in pieces.

-module(ecm_pieces).

-export([cut/2, feed/3, heard/1, heard/2]).

-define(LIMITS, #{max_body => 1000000, max_elements => infinity}).

%% @doc Cuts bytes into pieces of these sizes, again and again.
cut(Bytes, []) -> [Bytes];
cut(Bytes, Sizes) -> cut(Bytes, Sizes, Sizes).

cut(<<>>, _, _) -> [];
cut(Bytes, [], Sizes) -> cut(Bytes, Sizes, Sizes);
cut(Bytes, [Size | Rest], Sizes) ->
    N = min(Size, byte_size(Bytes)),
    <<Piece:N/binary, Behind/binary>> = Bytes,
    [Piece | cut(Behind, Rest, Sizes)].

%% @doc Returns what a new stream makes of these pieces.
heard(Pieces) ->
    heard(Pieces, ?LIMITS).

heard(Pieces, Limits) ->
    {Heard, _} = feed(Pieces, Limits, ecm_stream_tcp:new()),
    Heard.

%% @doc The same for a stream that has begun, with its next state.
feed(Pieces, Limits, State) ->
    lists:foldl(fun(Piece, {Before, Next}) ->
                        {Heard, Then} = ecm_stream_tcp:read(Piece, Limits, Next),
                        {Before ++ Heard, Then}
                end, {[], State}, Pieces).

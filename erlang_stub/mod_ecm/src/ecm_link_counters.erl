%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The numbers that a link's reader and writer share. They belong to the writer, so a reader that is killed
%% leaves the right ones.

-module(ecm_link_counters).

-export([begin_one/1, come/1, has_come/1, is_between/1, new/0, pass/2, take/2, wait/2, waiting/1]).
-export_type([counters/0]).

%% Bytes of packets that the reader has passed to the writer, which has not received them; bytes that the
%% writer has; packets for clients that have come over the link; and those that the reader has begun to deal with.
-define(PASSED, 1).
-define(WAITING, 2).
-define(COME, 3).
-define(BEGUN, 4).

-opaque counters() :: counters:counters_ref().

-spec new() -> counters().
new() ->
    counters:new(4, []).

%% @doc Notes that the reader has passed so many bytes to the writer.
-spec pass(Bytes :: non_neg_integer(), counters()) -> ok.
pass(Bytes, Counters) ->
    counters:add(Counters, ?PASSED, Bytes).

%% @doc Notes that the writer has received these.
-spec take(Bytes :: non_neg_integer(), counters()) -> ok.
take(Bytes, Counters) ->
    counters:sub(Counters, ?PASSED, Bytes).

%% @doc Notes that so many bytes are with the writer.
-spec wait(Bytes :: non_neg_integer(), counters()) -> ok.
wait(Bytes, Counters) ->
    counters:put(Counters, ?WAITING, Bytes).

%% @doc Returns the bytes that are with the writer, or on the way to it.
-spec waiting(counters()) -> non_neg_integer().
waiting(Counters) ->
    counters:get(Counters, ?PASSED) + counters:get(Counters, ?WAITING).

%% @doc Notes that the reader begins to deal with a packet for a client.
-spec begin_one(counters()) -> ok.
begin_one(Counters) ->
    counters:add(Counters, ?BEGUN, 1).

%% @doc Notes that it has been dealt with, and so has come.
-spec come(counters()) -> ok.
come(Counters) ->
    counters:add(Counters, ?COME, 1).

%% @doc Returns how many have come.
-spec has_come(counters()) -> ecm_link_ring:count().
has_come(Counters) ->
    counters:get(Counters, ?COME).

%% @doc Returns whether a packet was begun and not dealt with. If the reader has ended, nobody knows what has become
%% of that one.
-spec is_between(counters()) -> boolean().
is_between(Counters) ->
    counters:get(Counters, ?BEGUN) =/= counters:get(Counters, ?COME).

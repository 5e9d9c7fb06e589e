%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The numbers that a link's reader and writer share. They belong to the writer, so a reader that is killed
%% leaves the right ones.

-module(ecm_link_counters).

-export([come/1, has_come/1, new/0, pass/2, take/2, wait/2, waiting/1]).
-export_type([counters/0]).

%% Bytes of packets that the reader has passed to the writer, which has not received them; bytes that the
%% writer has; and packets for clients that have come over the link.
-define(PASSED, 1).
-define(WAITING, 2).
-define(COME, 3).

-opaque counters() :: counters:counters_ref().

-spec new() -> counters().
new() ->
    counters:new(3, []).

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

%% @doc Notes that a packet for a client has come, and has been dealt with.
-spec come(counters()) -> ok.
come(Counters) ->
    counters:add(Counters, ?COME, 1).

%% @doc Returns how many have come.
-spec has_come(counters()) -> ecm_link_ring:count().
has_come(Counters) ->
    counters:get(Counters, ?COME).

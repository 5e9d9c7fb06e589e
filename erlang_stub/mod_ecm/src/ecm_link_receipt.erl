%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc When to acknowledge the packets that have come over a link that resumes (docs/protocol.md of
%% Megaphone). Pure.

-module(ecm_link_receipt).

-export([new/1, received/3, tick/2]).
-export_type([receipt/0]).

%% Packets after which they are acknowledged, and their bytes: the peer keeps so much, and sends it again
%% after a break, beside what is under way.
-define(PACKETS, 128).
-define(BYTES, 65536).

%% `said' is the number in the last acknowledgement, and `bytes' what has come since.
-record(receipt, {said :: ecm_link_ring:count(), bytes = 0 :: non_neg_integer()}).

-opaque receipt() :: #receipt{}.

%% @doc Returns what to do after a connection has begun, of which the peer was told that so many packets have
%% come.
-spec new(Said :: ecm_link_ring:count()) -> receipt().
new(Said) ->
    #receipt{said = Said}.

%% @doc Takes notice of these bytes. Returns the number of packets that have come, if it is to be
%% acknowledged now.
-spec received(Bytes :: non_neg_integer(), ecm_link_ring:count(), receipt()) ->
    {ecm_link_ring:count() | none, receipt()}.
received(Bytes, Count, #receipt{said = Said, bytes = Before} = Receipt) ->
    case Count - Said of
        Packets when Packets >= ?PACKETS; Packets > 0, Before + Bytes >= ?BYTES -> tick(Count, Receipt);
        _ -> {none, Receipt#receipt{bytes = Before + Bytes}}
    end.

%% @doc The same when a second is over since the last call.
-spec tick(ecm_link_ring:count(), receipt()) -> {ecm_link_ring:count() | none, receipt()}.
tick(Said, #receipt{said = Said} = Receipt) -> {none, Receipt};
tick(Count, Receipt) -> {Count, Receipt#receipt{said = Count, bytes = 0}}.

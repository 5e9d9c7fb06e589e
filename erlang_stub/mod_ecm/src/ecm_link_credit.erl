%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Credit on a stream: what each end may send before the other has taken it (docs/protocol.md of Megaphone,
%% "Streams"). Pure.
%%
%% A message counts with the length of its packet. The session of a stream keeps what it has sent and not got
%% back, and what it has taken and not given back. What has come is counted by the link (ecm_link_stream_table).

-module(ecm_link_credit).

-export([cost/1, dehydrate/1, longest/1, may_send/1, new/1, rehydrate/2, returned/2, sent/2, taken/2, window/1]).
-export_type([credit/0, dehydrated/0, windows/0]).

%% Bytes around the body of a message: the header of its packet, and its line.
-define(OVERHEAD, (32 + byte_size(<<"message\n">>))).

%% The window of an ECM that does not tell it.
-define(DEFAULT_WINDOW, 65536).

%% The windows of both ends, in bytes: ECM's is for what a session sends.
-type windows() :: #{own := pos_integer(), theirs := pos_integer()}.

-record(credit, {own :: pos_integer(),
                 theirs :: pos_integer(),
                 sent = 0 :: non_neg_integer(),
                 taken = 0 :: non_neg_integer()}).

-opaque credit() :: #credit{}.

%% @doc Returns the window that the fields of ECM's hello tell.
-spec window(Fields :: #{binary() => term()}) -> pos_integer().
window(Fields) ->
    maps:get(<<"window">>, Fields, ?DEFAULT_WINDOW).

%% @doc Returns the bytes for which a message counts.
-spec cost(Body :: binary()) -> pos_integer().
cost(Body) ->
    ?OVERHEAD + byte_size(Body).

%% @doc Returns the bytes of the longest body of a message that fits in a packet of `MaxPacket' bytes.
-spec longest(MaxPacket :: pos_integer()) -> pos_integer().
longest(MaxPacket) ->
    MaxPacket - ?OVERHEAD.

%% @doc Returns the credit of a stream that has just been opened.
-spec new(windows()) -> credit().
new(#{own := Own, theirs := Theirs}) ->
    #credit{own = Own, theirs = Theirs}.

%% @doc Returns whether there is credit for another message, however long.
-spec may_send(credit()) -> boolean().
may_send(#credit{sent = Sent, theirs = Theirs}) ->
    Sent < Theirs.

%% @doc Counts a message that is sent.
-spec sent(Body :: binary(), credit()) -> credit().
sent(Body, #credit{sent = Sent} = Credit) ->
    Credit#credit{sent = Sent + cost(Body)}.

%% @doc Counts what ECM gives back. An error if it cannot have had so much.
-spec returned(Bytes :: non_neg_integer(), credit()) -> {ok, credit()} | error.
returned(Bytes, #credit{sent = Sent} = Credit) when Bytes =< Sent ->
    {ok, Credit#credit{sent = Sent - Bytes}};
returned(_, _) ->
    error.

%% @doc Counts messages of so many bytes that have been dealt with. Returns what is to be given back now, 0 if that is
%% too little.
-spec taken(Cost :: non_neg_integer(), credit()) -> {Bytes :: non_neg_integer(), credit()}.
taken(Cost, #credit{taken = Before, own = Own} = Credit) ->
    case Before + Cost of
        Taken when 2 * Taken >= Own -> {Taken, Credit#credit{taken = 0}};
        Taken -> {0, Credit#credit{taken = Taken}}
    end.

%% What differs between streams with the same windows: what was sent, and what was taken. Improper, as that takes less.
-type dehydrated() :: nonempty_improper_list(non_neg_integer(), non_neg_integer()).
-dialyzer({no_improper_lists, dehydrate/1}).

%% @doc Returns the credit without its windows, in few words of memory.
-spec dehydrate(credit()) -> dehydrated().
dehydrate(#credit{sent = Sent, taken = Taken}) ->
    [Sent | Taken].

%% @doc Returns the credit as it was.
-spec rehydrate(dehydrated(), windows()) -> credit().
rehydrate([Sent | Taken], Windows) ->
    (new(Windows))#credit{sent = Sent, taken = Taken}.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What waits for the client of a stream until ECM gives credit. Pure.

-module(ecm_stream_outbox).

-export([add/2, all/1, exceeds/3, is_empty/1, new/0, of_all/1, take/1]).
-export_type([outbox/0]).

-record(outbox, {queue = queue:new() :: queue:queue(binary()), count = 0 :: non_neg_integer(),
                 bytes = 0 :: non_neg_integer()}).

%% `none' is empty, and takes no memory.
-opaque outbox() :: #outbox{} | none.

-spec new() -> outbox().
new() -> none.

%% @doc Returns the outbox of these messages, the oldest first.
-spec of_all([binary()]) -> outbox().
of_all(Messages) -> lists:foldl(fun add/2, none, Messages).

-spec is_empty(outbox()) -> boolean().
is_empty(Outbox) -> Outbox =:= none.

-spec add(binary(), outbox()) -> outbox().
add(Message, none) ->
    add(Message, #outbox{});
add(Message, #outbox{queue = Queue, count = Count, bytes = Bytes}) ->
    #outbox{queue = queue:in(Message, Queue), count = Count + 1, bytes = Bytes + byte_size(Message)}.

%% @doc Takes the oldest message.
-spec take(outbox()) -> {binary(), outbox()} | none.
take(none) ->
    none;
take(#outbox{queue = Queue, count = Count, bytes = Bytes} = Outbox) ->
    case queue:out(Queue) of
        {{value, Message}, _} when Count =:= 1 -> {Message, none};
        {{value, Message}, Rest} ->
            {Message, Outbox#outbox{queue = Rest, count = Count - 1, bytes = Bytes - byte_size(Message)}}
    end.

%% @doc Returns all messages, the oldest first.
-spec all(outbox()) -> [binary()].
all(none) -> [];
all(#outbox{queue = Queue}) -> queue:to_list(Queue).

%% @doc Returns whether there are more messages, or more bytes of them, than may be.
-spec exceeds(Count :: pos_integer(), Bytes :: pos_integer(), outbox()) -> boolean().
exceeds(_, _, none) -> false;
exceeds(MaxCount, MaxBytes, #outbox{count = Count, bytes = Bytes}) -> Count > MaxCount orelse Bytes > MaxBytes.

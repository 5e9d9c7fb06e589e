%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that writes to a link, the only one that does.
%%
%% Exchanges send it packets; it writes all that are waiting with as few system calls as it can.
%% It is linked to the process of its link (ecm_link) and ends with it; where a write fails it ends
%% first, and takes the link down. How much waits is counted, for the link to see.

-module(ecm_writer).

-export([finish/1, loop/3, pid/1, send/2, start_link/1, waiting/1]).
-export_type([writer/0]).

%% Bytes after which a batch is closed. A write fails after the `send_timeout' of the listener, by
%% default 15 seconds, so a batch has to be small enough for a slow but living peer: at this size
%% it has to read 17 kB a second.
-define(BATCH_SIZE, 262144).

%% `waiting' counts the bytes handed over and not yet written.
-record(writer, {pid :: pid(), waiting :: counters:counters_ref()}).

-opaque writer() :: #writer{}.

%% Packets, and the end, in order.
-type items() :: queue:queue(binary() | finish).

%% @doc Starts the writer of a socket, linked to the caller.
-spec start_link(ecm_socket:socket()) -> writer().
start_link(Socket) ->
    Waiting = counters:new(1, []),
    #writer{pid = proc_lib:spawn_link(?MODULE, loop, [Socket, Waiting, queue:new()]),
            waiting = Waiting}.

%% @doc Hands over a packet, to be written after those handed over before it. A writer that has
%% ended takes it, too, and drops it.
-spec send(writer(), Packet :: binary()) -> ok.
send(#writer{pid = Pid, waiting = Waiting}, Packet) ->
    counters:add(Waiting, 1, byte_size(Packet)),
    Pid ! {write, Packet},
    ok.

%% @doc Lets it write what has been handed over, and then end: its exit is `normal'.
-spec finish(writer()) -> ok.
finish(#writer{pid = Pid}) ->
    Pid ! {write, finish},
    ok.

%% @doc Returns the bytes that wait to be written.
-spec waiting(writer()) -> non_neg_integer().
waiting(#writer{waiting = Waiting}) ->
    counters:get(Waiting, 1).

-spec pid(writer()) -> pid().
pid(#writer{pid = Pid}) ->
    Pid.

%% @private Exported so that new code is used from the next packet on.
-spec loop(ecm_socket:socket(), counters:counters_ref(), items()) -> no_return().
loop(Socket, Waiting, Items) ->
    case batch(drain(await(Items)), [], 0) of
        {[], 0, _} -> exit(normal);
        {Batch, Size, Rest} -> write(Batch, Size, Rest, Socket, Waiting)
    end.

-spec write([binary()], non_neg_integer(), items(), ecm_socket:socket(),
            counters:counters_ref()) -> no_return().
write(Batch, Size, Rest, Socket, Waiting) ->
    case ecm_socket:send(Socket, Batch) of
        ok ->
            counters:sub(Waiting, 1, Size),
            ?MODULE:loop(Socket, Waiting, Rest);
        {error, Reason} ->
            exit({shutdown, {send_failed, Reason}})
    end.

-spec await(items()) -> items().
await(Items) ->
    case queue:is_empty(Items) of
        true -> receive {write, Item} -> queue:in(Item, Items) end;
        false -> Items
    end.

%% Empties the mailbox before each write, because gen_tcp:send/2 searches it for the socket's
%% reply: with many packets left in it, each write would pass over all of them.
-spec drain(items()) -> items().
drain(Items) ->
    receive
        {write, Item} -> drain(queue:in(Item, Items))
    after 0 ->
        Items
    end.

%% Takes packets from the front, until there are enough bytes, or there is no more, or the end. The
%% end stays at the front, so nothing behind it is ever written.
-spec batch(items(), [binary()], non_neg_integer()) ->
    {[binary()], Size :: non_neg_integer(), items()}.
batch(Items, Batch, Size) when Size >= ?BATCH_SIZE ->
    {lists:reverse(Batch), Size, Items};
batch(Items, Batch, Size) ->
    case queue:out(Items) of
        {{value, Packet}, Rest} when is_binary(Packet) ->
            batch(Rest, [Packet | Batch], Size + byte_size(Packet));
        _ ->
            {lists:reverse(Batch), Size, Items}
    end.

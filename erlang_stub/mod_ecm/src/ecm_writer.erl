%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that writes to a link, the only one that does.
%%
%% Exchanges send it packets; it writes all that are waiting with as few system calls as it can.
%% It is linked to the process of its link (ecm_link) and ends with it; where a write fails it ends
%% first, and takes the link down.

-module(ecm_writer).

-export([loop/2, send/2, start_link/1]).

%% Bytes after which a batch is closed. A write fails after the `send_timeout' of the listener, by
%% default 15 seconds, so a batch has to be small enough for a slow but living peer: at this size
%% it has to read 17 kB a second.
-define(BATCH_SIZE, 262144).

%% @doc Starts the writer of a socket, linked to the caller.
-spec start_link(gen_tcp:socket()) -> pid().
start_link(Socket) ->
    proc_lib:spawn_link(?MODULE, loop, [Socket, queue:new()]).

%% @doc Hands over a packet, to be written after those handed over before it. A writer that has
%% ended takes it, too, and drops it.
-spec send(pid(), Packet :: binary()) -> ok.
send(Writer, Packet) ->
    Writer ! {packet, Packet},
    ok.

%% @private Exported so that new code is used from the next packet on.
-spec loop(gen_tcp:socket(), queue:queue(binary())) -> no_return().
loop(Socket, Waiting) ->
    {Batch, Rest} = batch(drain(await(Waiting)), [], 0),
    case gen_tcp:send(Socket, Batch) of
        ok -> ?MODULE:loop(Socket, Rest);
        {error, Reason} -> exit({shutdown, {send_failed, Reason}})
    end.

-spec await(queue:queue(binary())) -> queue:queue(binary()).
await(Waiting) ->
    case queue:is_empty(Waiting) of
        true -> receive {packet, Packet} -> queue:in(Packet, Waiting) end;
        false -> Waiting
    end.

%% Empties the mailbox before each write, because gen_tcp:send/2 searches it for the socket's
%% reply: with many packets left in it, each write would pass over all of them.
-spec drain(queue:queue(binary())) -> queue:queue(binary()).
drain(Waiting) ->
    receive
        {packet, Packet} -> drain(queue:in(Packet, Waiting))
    after 0 ->
        Waiting
    end.

%% Takes packets from the front, until there are enough bytes or there is no more.
-spec batch(queue:queue(binary()), [binary()], non_neg_integer()) ->
    {[binary()], queue:queue(binary())}.
batch(Waiting, Batch, Size) when Size >= ?BATCH_SIZE ->
    {lists:reverse(Batch), Waiting};
batch(Waiting, Batch, Size) ->
    case queue:out(Waiting) of
        {{value, Packet}, Rest} -> batch(Rest, [Packet | Batch], Size + byte_size(Packet));
        {empty, Rest} -> {lists:reverse(Batch), Rest}
    end.

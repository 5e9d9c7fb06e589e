%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that writes to a link, the only one that does.
%%
%% Sessions send it answers, the link sends it packets; it writes all that are waiting with as few
%% system calls as it can. It is linked to the process of its link (ecm_link) and ends with it;
%% where a write fails it ends first, and takes the link down. How much waits is counted, for the
%% link to see.

-module(ecm_writer).

-export([answer/4, drop/2, finish/1, loop/4, pid/1, send/2, start_link/1, up/2, waiting/1]).
-export_type([link/0, writer/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Bytes after which a batch is closed. A write fails after the `send_timeout' of the listener, by
%% default 15 seconds, so a batch has to be small enough for a slow but living peer: at this size
%% it has to read 17 kB a second.
-define(BATCH_SIZE, 262144).

%% `waiting' counts the bytes handed over and not yet written.
-record(writer, {pid :: pid(), waiting :: counters:counters_ref()}).

-opaque writer() :: #writer{}.

%% How answers are written on this link: at most `max_packet' bytes, header included; `peer' is for
%% the log.
-type link() :: #{form := ecm_dialogue:form(), max_packet := pos_integer(),
                  peer := ecm_peer:peer(), in_flight := ecm_in_flight:in_flight()}.

%% Packets, and the end, in order.
-type items() :: queue:queue(binary() | finish).

%% @doc Starts the writer of a socket, linked to the caller.
-spec start_link(ecm_socket:socket()) -> writer().
start_link(Socket) ->
    Waiting = counters:new(1, []),
    #writer{pid = proc_lib:spawn_link(?MODULE, loop, [Socket, Waiting, none, queue:new()]),
            waiting = Waiting}.

%% @doc Tells it what it has to know before there are answers.
-spec up(writer(), link()) -> ok.
up(#writer{pid = Pid}, Link) ->
    Pid ! {up, Link},
    ok.

%% @doc Hands over the answer to the request on a connection. A binary, so that nothing is copied.
-spec answer(pid(), ecm_packet:id(), ecm_content:head(), Body :: binary()) -> ok.
answer(Pid, Id, Head, Body) ->
    Pid ! {answer, Id, Head, Body},
    ok.

%% @doc Drops requests whose processes have ended, but for those whose answers have been handed
%% over. The clients try again.
-spec drop(writer(), [{ecm_packet:id(), Session :: pid()}]) -> ok.
drop(#writer{pid = Pid}, Requests) ->
    lists:foreach(fun({Id, Session}) -> Pid ! {drop, Id, Session} end, Requests).

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

%% @doc Returns the bytes that wait to be written. An answer that has not been looked at yet,
%% because the writer waits for the peer, is taken for a kilobyte: most are shorter, and a long one
%% is shared with its session, which remembers it.
-spec waiting(writer()) -> non_neg_integer().
waiting(#writer{pid = Pid, waiting = Waiting}) ->
    case process_info(Pid, message_queue_len) of
        {message_queue_len, Messages} -> counters:get(Waiting, 1) + 1024 * Messages;
        undefined -> 0
    end.

-spec pid(writer()) -> pid().
pid(#writer{pid = Pid}) ->
    Pid.

%% @private Exported so that new code is used from the next packet on.
-spec loop(ecm_socket:socket(), counters:counters_ref(), link() | none, items()) -> no_return().
loop(Socket, Waiting, Link, Items) ->
    {Next, All} = collect(Items, Waiting, Link),
    case batch(All, [], 0) of
        {[], 0, Rest} -> end_or_wait(queue:is_empty(Rest), Socket, Waiting, Next, Rest);
        {Batch, Size, Rest} -> write(Batch, Size, Rest, Socket, Waiting, Next)
    end.

%% There is nothing to write: the end is at the front, or there is nothing.
-spec end_or_wait(boolean(), ecm_socket:socket(), counters:counters_ref(), link() | none,
                  items()) -> no_return().
end_or_wait(true, Socket, Waiting, Link, Rest) -> ?MODULE:loop(Socket, Waiting, Link, Rest);
end_or_wait(false, _, _, _, _) -> exit(normal).

-spec write([binary()], non_neg_integer(), items(), ecm_socket:socket(),
            counters:counters_ref(), link() | none) -> no_return().
write(Batch, Size, Rest, Socket, Waiting, Link) ->
    case ecm_socket:send(Socket, Batch) of
        ok ->
            counters:sub(Waiting, 1, Size),
            ?MODULE:loop(Socket, Waiting, Link, Rest);
        {error, Reason} ->
            exit({shutdown, {send_failed, Reason}})
    end.

%% Waits for a message if there is nothing to write.
-spec collect(items(), counters:counters_ref(), link() | none) -> {link() | none, items()}.
collect(Items, Waiting, Link) ->
    case queue:is_empty(Items) of
        true -> receive Message -> take(Message, Items, Waiting, Link) end;
        false -> drain(Items, Waiting, Link)
    end.

%% Empties the mailbox before each write, because gen_tcp:send/2 searches it for the socket's
%% reply: with many packets left in it, each write would pass over all of them.
-spec drain(items(), counters:counters_ref(), link() | none) -> {link() | none, items()}.
drain(Items, Waiting, Link) ->
    receive
        Message -> take(Message, Items, Waiting, Link)
    after 0 ->
        {Link, Items}
    end.

-spec take(term(), items(), counters:counters_ref(), link() | none) -> {link() | none, items()}.
take({write, Item}, Items, Waiting, Link) ->
    drain(queue:in(Item, Items), Waiting, Link);
take({answer, Id, Head, Body}, Items, Waiting, #{in_flight := InFlight} = Link) ->
    ecm_in_flight:remove(Id, InFlight),
    enqueue(packet(Id, Head, Body, Link), Items, Waiting, Link);
take({drop, Id, Session}, Items, Waiting, #{in_flight := InFlight} = Link) ->
    case ecm_in_flight:remove(Id, Session, InFlight) of
        true -> enqueue(dropped(Id, Link), Items, Waiting, Link);
        false -> drain(Items, Waiting, Link)
    end;
take({up, Link}, Items, Waiting, none) ->
    drain(Items, Waiting, Link).

-spec enqueue(binary(), items(), counters:counters_ref(), link()) -> {link(), items()}.
enqueue(Packet, Items, Waiting, Link) ->
    counters:add(Waiting, 1, byte_size(Packet)),
    drain(queue:in(Packet, Items), Waiting, Link).

-spec packet(ecm_packet:id(), ecm_content:head(), binary(), link()) -> binary().
packet(Id, Head, Body, #{form := Form} = Link) ->
    Content = ecm_content:answer(Form, Head, Body),
    limit(iolist_to_binary(ecm_packet:encode(Id, Content)), Id, Link).

-spec dropped(ecm_packet:id(), link()) -> binary().
dropped(Id, #{form := Form, peer := Peer} = Link) ->
    ?WARNING_MSG("ECM link from ~ts: the session that was to answer on connection ~B has gone",
                 [ecm_peer:name(Peer), Id]),
    case Form of
        typed -> iolist_to_binary(ecm_packet:encode(Id, ecm_content:dropped()));
        plain -> packet(Id, 200, refusal(), Link)
    end.

%% A packet above the peer's limit would take down the link, and with it the requests of everyone
%% else; and again, once the client repeats its request.
-spec limit(Packet :: binary(), ecm_packet:id(), link()) -> binary().
limit(Packet, Id, #{max_packet := MaxPacket, peer := Peer} = Link)
  when byte_size(Packet) > MaxPacket ->
    ?WARNING_MSG("ECM link from ~ts: dropped an answer of ~B bytes on connection ~B: "
                 "max_packet is ~B, raise it here and in ECM",
                 [ecm_peer:name(Peer), byte_size(Packet), Id, MaxPacket]),
    packet(Id, 200, refusal(), Link);
limit(Packet, _, _) ->
    Packet.

%% The answer where there can be no other.
-spec refusal() -> binary().
refusal() ->
    {_, Body} = ecm_answer:content(ecm_answer:terminate(<<"internal-server-error">>, [], true)),
    Body.

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

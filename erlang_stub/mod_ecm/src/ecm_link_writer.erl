%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that writes to a link, the only one that does.
%%
%% Sessions send it answers, and the link sends it packets. It writes all that wait with as few system calls
%% as possible. It is linked to the process of its link (ecm_link) and ends with it. If a write fails, it
%% ends first, and takes the link down. It counts the bytes that wait, for the link to see.

-module(ecm_link_writer).

-export([answer/4, drop/2, drop_orphans/2, finish/1, forget/2, loop/4, pid/1, send/2, start_link/1,
         up/2, waiting/1]).
-export_type([exchange/0, link/0, substitutes/0, writer/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Bytes after which a batch is complete. A write fails after the listener's `send_timeout', 15 seconds by
%% default, so a batch must be small enough for a peer that is slow but alive: at this size the peer must
%% read 17 kB a second.
-define(BATCH_SIZE, 262144).

%% Bytes of a long body; and the high-water mark, above which long bodies are refused, in bytes that wait to
%% be written. A client that repeats a request and does not read adds a copy of its answer each time. A link
%% with twice as many bytes is closed, with everybody's requests.
-define(LONG_BODY, 16384).
-define(MAX_WAITING, 134217728).

%% `waiting' counts the bytes that are passed to the writer and not yet written.
-record(writer, {pid :: pid(), waiting :: counters:counters_ref()}).

-opaque writer() :: #writer{}.

%% The destination of an answer: a connection of a link, which can carry a body of at most so many bytes.
-type exchange() :: {Writer :: pid(), ecm_link_packet:id(), Limit :: pos_integer()}.

%% The bodies that stand for a missing answer on a plain link, which carries nothing but bodies: the client
%% may repeat its request, or its session has ended.
-type substitutes() :: #{retry := binary(), ended := binary()}.

%% How to write the answers of this link: a body of at most `in_packet' bytes goes in one packet, one of at
%% most `longest' bytes in parts. `peer' is for the log.
-type link() :: #{form := ecm_link_connection:form(), in_packet := pos_integer(), longest := pos_integer(),
                  peer := ecm_peer:peer(), in_flight := ecm_link_table:in_flight(),
                  substitutes := substitutes()}.

%% The queue of packets, and the long answers beside it. Nothing is added to one that is `finished'.
-record(items, {packets = queue:new() :: queue:queue(binary()),
                parts :: ecm_link_parts:parts() | none,
                finished = false :: boolean()}).

-type items() :: #items{}.

%% @doc Starts the writer of a socket, linked to the caller.
-spec start_link(ecm_link_socket:socket()) -> writer().
start_link(Socket) ->
    Waiting = counters:new(1, []),
    #writer{pid = proc_lib:spawn_link(?MODULE, loop, [Socket, Waiting, none, #items{parts = none}]),
            waiting = Waiting}.

%% @doc Passes on what the writer must know before the first answer.
-spec up(writer(), link()) -> ok.
up(#writer{pid = Pid}, Link) ->
    Pid ! {up, Link},
    ok.

%% @doc Writes the answer to the request on a connection. `Body' is a binary, so that nothing is copied.
-spec answer(pid(), ecm_link_packet:id(), ecm_link_answer:head(), Body :: binary()) -> ok.
answer(Pid, Id, Head, Body) ->
    Pid ! {answer, Id, Head, Body},
    ok.

%% @doc Drops requests whose processes have ended without an answer. Their clients retry.
-spec drop(writer(), [{ecm_link_packet:id(), Session :: pid()}]) -> ok.
drop(#writer{pid = Pid}, Requests) ->
    lists:foreach(fun({Id, Session}) -> Pid ! {drop, Id, Session} end, Requests).

%% @doc Drops those requests of a link whose processes have ended. Returns at once, because a look at a
%% million requests takes a second.
-spec drop_orphans(writer(), ecm_link_table:in_flight()) -> any().
drop_orphans(Writer, InFlight) ->
    try spawn(fun() -> drop(Writer, ecm_link_table:orphans(InFlight)) end)
    catch error:system_limit -> none  % there are too many processes
    end.

%% @doc Writes a packet, after those before it. A writer that has ended drops it.
-spec send(writer(), Packet :: binary()) -> ok.
send(#writer{pid = Pid, waiting = Waiting}, Packet) ->
    counters:add(Waiting, 1, byte_size(Packet)),
    Pid ! {write, Packet},
    ok.

%% @doc Cancels the answer on this connection: the rest of a long one is not written.
-spec forget(writer(), ecm_link_packet:id()) -> ok.
forget(#writer{pid = Pid}, Id) ->
    Pid ! {forget, Id},
    ok.

%% @doc Ends the writer once everything before this is written. Its exit reason is `normal'.
-spec finish(writer()) -> ok.
finish(#writer{pid = Pid}) ->
    Pid ! {write, finish},
    ok.

%% @doc Returns the bytes that wait to be written. An answer that the writer has not received yet, because
%% it waits for the peer, counts as a kilobyte: most are shorter.
-spec waiting(writer()) -> non_neg_integer().
waiting(#writer{pid = Pid, waiting = Waiting}) ->
    case process_info(Pid, message_queue_len) of
        {message_queue_len, Messages} -> counters:get(Waiting, 1) + 1024 * Messages;
        undefined -> 0
    end.

-spec pid(writer()) -> pid().
pid(#writer{pid = Pid}) ->
    Pid.

%% @private Exported so that the next packet runs new code.
-spec loop(ecm_link_socket:socket(), counters:counters_ref(), link() | none, items()) -> no_return().
loop(Socket, Waiting, Link, Items) ->
    {Next, All} = collect(Items, Waiting, Link),
    {Batch, Size, Rest} = batch(All#items.packets, [], 0),
    {Parts, Long} = parts(All, Waiting),
    case {Batch, Parts} of
        {[], []} -> end_or_wait(Long, Socket, Waiting, Next);
        {_, _} -> write([Batch | Parts], Size + iolist_size(Parts), Long#items{packets = Rest},
                        Socket, Waiting, Next)
    end.

%% Takes a packet of each long answer under way. What is around a part was not counted with its body.
-spec parts(items(), counters:counters_ref()) -> {[iolist()], items()}.
parts(#items{parts = none} = Items, _) ->
    {[], Items};
parts(#items{parts = Parts} = Items, Waiting) ->
    {Packets, Bytes, Left} = ecm_link_parts:round(Parts),
    counters:add(Waiting, 1, iolist_size(Packets) - Bytes),
    {Packets, Items#items{parts = some(Left)}}.

-spec some(ecm_link_parts:parts()) -> ecm_link_parts:parts() | none.
some(Parts) ->
    case ecm_link_parts:is_empty(Parts) of
        true -> none;
        false -> Parts
    end.

%% There is nothing to write.
-spec end_or_wait(items(), ecm_link_socket:socket(), counters:counters_ref(), link() | none) ->
    no_return().
end_or_wait(#items{finished = true}, _, _, _) -> exit(normal);
end_or_wait(Items, Socket, Waiting, Link) -> ?MODULE:loop(Socket, Waiting, Link, Items).

-spec write(iolist(), non_neg_integer(), items(), ecm_link_socket:socket(),
            counters:counters_ref(), link() | none) -> no_return().
write(Batch, Size, Rest, Socket, Waiting, Link) ->
    case ecm_link_socket:send(Socket, Batch) of
        ok ->
            counters:sub(Waiting, 1, Size),
            ?MODULE:loop(Socket, Waiting, Link, Rest);
        {error, Reason} ->
            exit({shutdown, {send_failed, Reason}})
    end.

%% Waits for a message if there is nothing to write, and no end.
-spec collect(items(), counters:counters_ref(), link() | none) -> {link() | none, items()}.
collect(#items{packets = Packets, parts = none, finished = false} = Items, Waiting, Link) ->
    case queue:is_empty(Packets) of
        true -> receive Message -> take(Message, Items, Waiting, Link) end;
        false -> drain(Items, Waiting, Link)
    end;
collect(Items, Waiting, Link) ->
    drain(Items, Waiting, Link).

%% Empties the mailbox before each write, because gen_tcp:send/2 searches it for the reply of the socket,
%% and would pass over all packets in it.
-spec drain(items(), counters:counters_ref(), link() | none) -> {link() | none, items()}.
drain(Items, Waiting, Link) ->
    receive
        Message -> take(Message, Items, Waiting, Link)
    after 0 ->
        {Link, Items}
    end.

%% Nothing is written after the end.
-spec take(term(), items(), counters:counters_ref(), link() | none) -> {link() | none, items()}.
take(_, #items{finished = true} = Items, Waiting, Link) ->
    drain(Items, Waiting, Link);
take({write, finish}, Items, Waiting, Link) ->
    drain(Items#items{finished = true}, Waiting, Link);
take({write, Packet}, Items, Waiting, Link) ->
    drain(add(Packet, Items), Waiting, Link);
take({answer, Id, Head, Body}, Items, Waiting, #{in_flight := InFlight} = Link) ->
    ecm_link_table:remove(Id, InFlight),
    drain(answered(Id, Head, Body, Items, Waiting, Link), Waiting, Link);
take({drop, Id, Session}, Items, Waiting, #{in_flight := InFlight} = Link) ->
    case ecm_link_table:remove(Id, Session, InFlight) of
        true -> drain(count(dropped(Id, Link), Items, Waiting), Waiting, Link);
        false -> drain(Items, Waiting, Link)
    end;
take({forget, Id}, Items, Waiting, Link) ->
    drain(without(Id, Items, Waiting), Waiting, Link);
take({up, Link}, Items, Waiting, none) ->
    drain(Items, Waiting, Link).

-spec add(binary(), items()) -> items().
add(Packet, #items{packets = Packets} = Items) ->
    Items#items{packets = queue:in(Packet, Packets)}.

%% Adds a packet that is made here.
-spec count(binary(), items(), counters:counters_ref()) -> items().
count(Packet, Items, Waiting) ->
    counters:add(Waiting, 1, byte_size(Packet)),
    add(Packet, Items).

-spec answered(ecm_link_packet:id(), ecm_link_answer:head(), binary(), items(), counters:counters_ref(),
               link()) -> items().
answered(Id, Head, Body, Items, Waiting, Link) ->
    case byte_size(Body) > ?LONG_BODY andalso counters:get(Waiting, 1) > ?MAX_WAITING of
        true -> count(again(Id, Link), Items, Waiting);
        false -> answer(Id, Head, Body, Items, Waiting, Link)
    end.

-spec answer(ecm_link_packet:id(), ecm_link_answer:head(), binary(), items(), counters:counters_ref(),
             link()) -> items().
answer(Id, Head, Body, Items, Waiting, #{form := Form, in_packet := InPacket})
  when byte_size(Body) =< InPacket ->
    Content = ecm_link_answer:encode(Form, Head, Body),
    count(iolist_to_binary(ecm_link_packet:encode(Id, Content)), Items, Waiting);
answer(Id, Head, Body, #items{parts = Parts} = Items, Waiting, #{longest := Longest} = Link)
  when byte_size(Body) =< Longest ->
    case ecm_link_parts:add(Id, Head, Body, or_new(Parts, Link)) of
        {ok, Added} ->
            counters:add(Waiting, 1, byte_size(Body)),
            Items#items{parts = Added};
        full ->
            count(again(Id, Link), Items, Waiting)
    end;
answer(Id, _, Body, Items, Waiting, Link) ->
    count(too_long(Id, byte_size(Body), Link), Items, Waiting).

-spec without(ecm_link_packet:id(), items(), counters:counters_ref()) -> items().
without(_, #items{parts = none} = Items, _) ->
    Items;
without(Id, #items{parts = Parts} = Items, Waiting) ->
    {Bytes, Left} = ecm_link_parts:forget(Id, Parts),
    counters:sub(Waiting, 1, Bytes),
    Items#items{parts = some(Left)}.

-spec or_new(ecm_link_parts:parts() | none, link()) -> ecm_link_parts:parts().
or_new(none, #{in_packet := InPacket}) -> ecm_link_parts:new(InPacket);
or_new(Parts, _) -> Parts.

%% A session cuts its answers so that they fit. One that does not fit would take down the link, with
%% everybody's requests. Its client must not be told that the session has ended, because it goes on.
-spec too_long(ecm_link_packet:id(), Bytes :: pos_integer(), link()) -> Packet :: binary().
too_long(Id, Bytes, #{longest := Longest, peer := Peer} = Link) ->
    ?ERROR_MSG("ECM link from ~ts: connection ~B: dropped an answer of ~B bytes, the link carries ~B",
               [ecm_peer:name(Peer), Id, Bytes, Longest]),
    again(Id, Link).

%% There is no answer now. The client may repeat its request.
-spec again(ecm_link_packet:id(), link()) -> Packet :: binary().
again(Id, Link) ->
    none(Id, retry, Link).

-spec dropped(ecm_link_packet:id(), link()) -> Packet :: binary().
dropped(Id, #{peer := Peer} = Link) ->
    ?WARNING_MSG("ECM link from ~ts: connection ~B: dropped the request, its session has ended "
                 "without an answer",
                 [ecm_peer:name(Peer), Id]),
    none(Id, ended, Link).

%% Says that there will be no answer. On a plain link, only an answer can say it.
-spec none(ecm_link_packet:id(), retry | ended, link()) -> Packet :: binary().
none(Id, _, #{form := typed}) ->
    iolist_to_binary(ecm_link_packet:encode(Id, ecm_link_answer:none()));
none(Id, Reason, #{form := plain, substitutes := Substitutes}) ->
    iolist_to_binary(ecm_link_packet:encode(Id, map_get(Reason, Substitutes))).

%% Takes packets from the front, until there are enough bytes or no packets.
-spec batch(queue:queue(binary()), [binary()], non_neg_integer()) ->
    {[binary()], Size :: non_neg_integer(), queue:queue(binary())}.
batch(Packets, Batch, Size) when Size >= ?BATCH_SIZE ->
    {lists:reverse(Batch), Size, Packets};
batch(Packets, Batch, Size) ->
    case queue:out(Packets) of
        {{value, Packet}, Rest} -> batch(Rest, [Packet | Batch], Size + byte_size(Packet));
        {empty, _} -> {lists:reverse(Batch), Size, Packets}
    end.

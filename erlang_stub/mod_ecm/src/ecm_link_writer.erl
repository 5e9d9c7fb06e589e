%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The writer of a link, as its reader (ecm_link) and the sessions know it: what they tell it. The process
%% is ecm_link_writer_loop.

-module(ecm_link_writer).

-export([acknowledge/2, answer/4, answer_soon/2, attach/4, begin_one/1, count/1, counted/1, drop/2,
         drop_orphans/1, end_soon/1, finish/1, flush/1, forget/2, give_up/1, in_flight/1, interrupt/2, make_way/1,
         moved/4, new/3, over/1, pid/1, release/1, say/2, send/2, start/1, streams/1, unsent/2, up/2, waiting/1]).
-export_type([event/0, exchange/0, link/0, writer/0]).

-record(writer, {pid :: pid(), counters :: ecm_link_counters:counters(),
                 in_flight :: ecm_link_table:in_flight(),
                 streams :: ecm_link_stream_table:streams()}).

-opaque writer() :: #writer{}.

%% The destination of an answer: a connection of a link, which can carry a body of at most so many bytes.
-type exchange() :: {Writer :: pid(), ecm_link_packet:id(), Limit :: pos_integer()}.

%% What replies need (ecm_link_replies:options()), and messages of streams (`in_message', the bytes of the longest);
%% `gone' is for the heir. At most `max_waiting' bytes wait for a
%% peer that does not come back.
-type link() :: #{form := ecm_link_connection:form(), in_packet := pos_integer(), longest := pos_integer(),
                  peer := ecm_peer:peer(), substitutes := ecm_link_replies:substitutes(),
                  gone := ecm_link_heir:gone(), max_waiting := pos_integer(), in_message => pos_integer(),
                  resumption => ecm_link_keeper:resumption()}.

%% What a writer tells its reader, as `{ecm_link_writer, Event}'. On `released', it has let go of the socket.
-type event() :: {send_failed, term()} | released | wrong_acknowledgement.

%% @doc Starts the writer of a link for the calling process, which reads it and owns the socket.
-spec start(ecm_link_socket:socket()) -> {ok, writer()} | {error, term()}.
start(Socket) ->
    try ecm_link_sup:start_writer([self(), Socket]) of
        {ok, _, Writer} -> {ok, Writer};
        {error, Reason} -> {error, Reason}
    catch
        exit:{Reason, _} -> {error, Reason}
    end.

%% @doc Returns the calling process as a writer.
-spec new(ecm_link_counters:counters(), ecm_link_table:in_flight(), ecm_link_stream_table:streams()) -> writer().
new(Counters, InFlight, Streams) ->
    #writer{pid = self(), counters = Counters, in_flight = InFlight, streams = Streams}.

-spec pid(writer()) -> pid().
pid(#writer{pid = Pid}) ->
    Pid.

%% @doc Returns the table of the requests in flight. It lives as long as the writer.
-spec in_flight(writer()) -> ecm_link_table:in_flight().
in_flight(#writer{in_flight = InFlight}) ->
    InFlight.

%% @doc Returns the table of the streams, which lives as long.
-spec streams(writer()) -> ecm_link_stream_table:streams().
streams(#writer{streams = Streams}) ->
    Streams.

%% From the reader.

%% @doc Passes on what the writer must know before the first answer. If the link resumes, the writer says so
%% to the peer, with the token.
-spec up(writer(), link()) -> ok.
up(#writer{pid = Pid}, Link) ->
    Pid ! {up, Link},
    ok.

%% @doc Gives the writer of a link that has been broken a new connection, of the calling process, and has it
%% say so to the peer, which has this many of its packets. Returns the number of packets that it sends again.
%% `busy' if it has a reader already. `over' if it has ended; or ends, because the peer cannot have so many.
-spec attach(writer(), ecm_link_socket:socket(), ecm_peer:peer(), Got :: ecm_link_ring:count()) ->
    {ok, Again :: non_neg_integer()} | {busy, Reader :: pid()} | wrong | over.
attach(#writer{pid = Pid}, Socket, Peer, Got) ->
    case ask(Pid, {attach, Socket, Peer, Got}) of
        {ok, Answer} -> Answer;
        ended -> over
    end.

%% @doc Returns once everything before this is written, or cannot be.
-spec flush(writer()) -> ok | ended.
flush(#writer{pid = Pid}) ->
    case ask(Pid, flush) of
        {ok, written} -> ok;
        ended -> ended
    end.

-spec ask(pid(), term()) -> {ok, term()} | ended.
ask(Pid, Question) ->
    Monitor = monitor(process, Pid),
    Pid ! {Question, self(), Monitor},
    receive
        {Monitor, Answer} ->
            demonitor(Monitor, [flush]),
            {ok, Answer};
        {'DOWN', Monitor, process, _, _} ->
            ended
    end.

%% @doc Notes that the calling reader begins to deal with a packet for a client, before it does anything else with
%% it. A link that resumes ends if its reader is killed before count/1: the packet may have reached its session.
-spec begin_one(writer()) -> ok.
begin_one(#writer{counters = Counters}) ->
    ecm_link_counters:begin_one(Counters).

%% @doc Notes that it has come over the link, and has been dealt with.
-spec count(writer()) -> ok.
count(#writer{counters = Counters}) ->
    ecm_link_counters:come(Counters).

%% @doc Returns how many have come over the link.
-spec counted(writer()) -> ecm_link_ring:count().
counted(#writer{counters = Counters}) ->
    ecm_link_counters:has_come(Counters).

%% @doc Notes that the peer has all packets up to this one.
-spec acknowledge(writer(), ecm_link_ring:count()) -> ok.
acknowledge(#writer{pid = Pid}, Number) ->
    Pid ! {acknowledge, Number},
    ok.

%% @doc Writes a packet for a client, after those before it. A writer that has ended drops it.
-spec send(writer(), Packet :: binary()) -> ok.
send(Writer, Packet) when is_binary(Packet) ->
    pass(Packet, Writer).

%% @doc The same for connection 0. It is lost if the connection ends before.
-spec say(writer(), Packet :: binary()) -> ok.
say(Writer, Packet) ->
    pass([Packet], Writer).

-spec pass(ecm_link_backlog:packet(), writer()) -> ok.
pass(Packet, #writer{pid = Pid, counters = Counters}) ->
    ecm_link_counters:pass(iolist_size(Packet), Counters),
    Pid ! {write, Packet},
    ok.

%% @doc Drops requests whose processes have ended without an answer. Their clients retry.
-spec drop(writer(), [{ecm_link_packet:id(), Session :: pid()}]) -> ok.
drop(#writer{pid = Pid}, Requests) ->
    Pid ! {drop, Requests},
    ok.

%% @doc Drops those requests and streams of the link whose processes have ended. Returns at once, because a look at a
%% million takes tenths of a second.
-spec drop_orphans(writer()) -> any().
drop_orphans(#writer{pid = Pid, in_flight = InFlight, streams = Streams} = Writer) ->
    Look = fun() ->
                   drop(Writer, ecm_link_table:orphans(InFlight)),
                   [ecm_link_stream:orphaned(Pid, Id) || Id <- ecm_link_stream_table:orphans(Streams)]
           end,
    try spawn(Look)
    catch error:system_limit -> none  % there are too many processes
    end.

%% @doc Cancels the answer on this connection: the rest of a long one is not written.
-spec forget(writer(), ecm_link_packet:id()) -> ok.
forget(#writer{pid = Pid}, Id) ->
    Pid ! {forget, Id},
    ok.

%% @doc Ends the writer, and with it the link, once everything before this is written. Its exit reason is
%% `normal'.
-spec finish(writer()) -> ok.
finish(#writer{pid = Pid}) ->
    Pid ! {last, finish},
    ok.

%% @doc Has the writer let go of the socket, once everything before this is written.
-spec release(writer()) -> ok.
release(#writer{pid = Pid}) ->
    Pid ! {last, release},
    ok.

%% @doc Ends the writer at once, also in the middle of a write, and with it the link. What is on it is lost.
-spec over(writer()) -> ok.
over(#writer{pid = Pid}) ->
    true = exit(Pid, {shutdown, over}),
    ok.

%% @doc Ends the link of a writer, whose reader is about to end, and does not wait for that. Its sessions get back what
%% ECM has not got. A writer in the middle of a write must be told that its socket is closed (interrupt/2).
-spec end_soon(writer()) -> ok.
end_soon(#writer{pid = Pid}) ->
    Pid ! end_soon,
    ok.

%% @doc The same for a link that has no connection, unless it has got one meanwhile.
-spec make_way(pid()) -> ok.
make_way(Pid) ->
    Pid ! make_way,
    ok.

%% @doc Ends the link of a writer, whose reader has ended. Its sessions get back what ECM has not got.
-spec give_up(writer()) -> ok.
give_up(#writer{pid = Pid}) ->
    ended = ask(Pid, over),
    ok.

%% @doc Has the writer know at once that the socket is closed.
-spec interrupt(writer(), ecm_link_socket:socket()) -> ok.
interrupt(#writer{pid = Pid}, Socket) ->
    _ = ecm_link_socket:interrupt(Pid, Socket),
    ok.

%% @doc Returns the bytes that wait to be written, or acknowledged. An answer that the writer has not received
%% yet, because it waits for the peer, counts as a kilobyte: most are shorter.
-spec waiting(writer()) -> non_neg_integer().
waiting(#writer{pid = Pid, counters = Counters}) ->
    case process_info(Pid, message_queue_len) of
        {message_queue_len, Messages} ->
            ecm_link_counters:waiting(Counters) + 1024 * Messages;
        undefined ->
            0
    end.

%% From sessions.

%% @doc Writes the answer to the request on a connection. `Body' is a binary, so that nothing is copied.
-spec answer(pid(), ecm_link_packet:id(), ecm_link_answer:head(), Body :: binary()) -> ok.
answer(Pid, Id, Head, Body) ->
    Pid ! {answer, Id, Head, Body},
    ok.

%% @doc Has the request on a connection answered with nothing, as if its client had half-closed it.
-spec answer_soon(pid(), ecm_link_packet:id()) -> ok.
answer_soon(Pid, Id) ->
    Pid ! {answer_soon, Id},
    ok.

%% @doc Notes that another process answers the request on a connection.
-spec moved(pid(), ecm_link_packet:id(), From :: pid(), To :: pid()) -> ok.
moved(Pid, Id, From, To) ->
    Pid ! {moved, Id, From, To},
    ok.

%% @doc Returns the messages on a stream that ECM has not acknowledged, if the link has no connection. If it is
%% over, the session has been told.
-spec unsent(pid(), ecm_link_packet:id()) -> [Body :: binary()] | over.
unsent(Pid, Id) ->
    case ecm_link_tokens:is_broken(Pid) andalso ask(Pid, {unsent, Id}) of
        {ok, Bodies} -> Bodies;
        ended -> over;
        false -> over
    end.

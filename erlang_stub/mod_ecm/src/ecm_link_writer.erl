%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that writes to a link, the only one that does.
%%
%% Sessions send it answers, and the reader of the link (ecm_link) sends it packets. It writes all that wait
%% with as few system calls as possible, and counts the bytes that wait, for the reader to see.
%%
%% It is the process that a link has for its life. It owns the table of the requests in flight, so its end is
%% the end of the link, of which the sessions are told (ecm_link_heir). The reader has the socket, and ends
%% with that. Most links end then, or when a write fails. A link that resumes is kept for a while: sessions
%% know its writer by the pid, and need not hear of another connection. The writer keeps what the peer has not
%% acknowledged, and writes it again to the next socket.

-module(ecm_link_writer).

-export([acknowledge/2, answer/4, attach/4, count/1, counted/1, drop/2, drop_orphans/1, finish/1, flush/1,
         forget/2, in_flight/1, interrupt/2, over/1, pid/1, release/1, say/2, send/2, start/1, up/2, waiting/1]).
-export([init/2, loop/1, start_link/2]).
-export_type([event/0, exchange/0, link/0, resumption/0, writer/0]).

-include_lib("ejabberd/include/logger.hrl").

%% The counters: bytes of packets that the reader has passed to the writer, which has not received them; bytes
%% that the writer has; and packets for clients that have come over the link.
-define(PASSED, 1).
-define(WAITING, 2).
-define(COUNTED, 3).

-record(writer, {pid :: pid(), counters :: counters:counters_ref(),
                 in_flight :: ecm_link_table:in_flight()}).

-opaque writer() :: #writer{}.

%% The destination of an answer: a connection of a link, which can carry a body of at most so many bytes.
-type exchange() :: {Writer :: pid(), ecm_link_packet:id(), Limit :: pos_integer()}.

%% What replies need (ecm_link_replies:options()); `gone' is for the heir. At most `max_waiting' bytes wait for a
%% peer that does not come back.
-type link() :: #{form := ecm_link_connection:form(), in_packet := pos_integer(), longest := pos_integer(),
                  peer := ecm_peer:peer(), substitutes := ecm_link_replies:substitutes(),
                  gone := ecm_link_heir:gone(), max_waiting := pos_integer(), resumption => resumption()}.

%% A link that resumes has a token, goes on under these terms only, and is kept for `grace' milliseconds.
-type resumption() :: #{token := ecm_link_tokens:token(), terms := term(), grace := pos_integer()}.

%% What a writer tells its reader, as `{ecm_link_writer, Event}'. On `released', it has let go of the socket.
-type event() :: {send_failed, term()} | released | wrong_acknowledgement.

%% What to do once everything is written: end, answer flush/1, or let go of the socket.
-type last() :: finish | {flush, pid(), reference()} | release.

%% Without a reader, or without a socket that takes anything, the link waits for its peer to come back. There
%% is a `grace' timer then.
-record(state, {socket :: ecm_link_socket:socket() | none,
                reader :: {pid(), Monitor :: reference()} | none,
                writer :: writer(),
                link = none :: link() | none,
                backlog = ecm_link_backlog:new() :: ecm_link_backlog:backlog(),
                last = none :: last() | none,
                grace = none :: reference() | none}).

%% @doc Starts the writer of a link for the calling process, which reads it and owns the socket.
-spec start(ecm_link_socket:socket()) -> {ok, writer()} | {error, term()}.
start(Socket) ->
    try ecm_link_sup:start_writer([self(), Socket]) of
        {ok, _, Writer} -> {ok, Writer};
        {error, Reason} -> {error, Reason}
    catch
        exit:{Reason, _} -> {error, Reason}
    end.

%% @private
-spec start_link(Reader :: pid(), ecm_link_socket:socket()) -> {ok, pid(), writer()} | {error, term()}.
start_link(Reader, Socket) ->
    proc_lib:start_link(?MODULE, init, [Reader, Socket]).

%% @private
-spec init(Reader :: pid(), ecm_link_socket:socket()) -> no_return().
init(Reader, Socket) ->
    Writer = #writer{pid = self(), counters = counters:new(3, []), in_flight = ecm_link_table:new()},
    proc_lib:init_ack({ok, self(), Writer}),
    loop(#state{socket = Socket, reader = {Reader, monitor(process, Reader)}, writer = Writer}).

-spec pid(writer()) -> pid().
pid(#writer{pid = Pid}) ->
    Pid.

%% @doc Returns the table of the requests in flight. It lives as long as the writer.
-spec in_flight(writer()) -> ecm_link_table:in_flight().
in_flight(#writer{in_flight = InFlight}) ->
    InFlight.

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

%% @doc Notes that a packet for a client has come over the link, and has been dealt with.
-spec count(writer()) -> ok.
count(#writer{counters = Counters}) ->
    counters:add(Counters, ?COUNTED, 1).

%% @doc Returns how many have come over the link.
-spec counted(writer()) -> ecm_link_ring:count().
counted(#writer{counters = Counters}) ->
    counters:get(Counters, ?COUNTED).

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
    counters:add(Counters, ?PASSED, iolist_size(Packet)),
    Pid ! {write, Packet},
    ok.

%% @doc Drops requests whose processes have ended without an answer. Their clients retry.
-spec drop(writer(), [{ecm_link_packet:id(), Session :: pid()}]) -> ok.
drop(#writer{pid = Pid}, Requests) ->
    lists:foreach(fun({Id, Session}) -> Pid ! {drop, Id, Session} end, Requests).

%% @doc Drops those requests of the link whose processes have ended. Returns at once, because a look at a
%% million requests takes a second.
-spec drop_orphans(writer()) -> any().
drop_orphans(#writer{in_flight = InFlight} = Writer) ->
    Look = fun() -> drop(Writer, ecm_link_table:orphans(InFlight)) end,
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

%% @doc Ends the writer at once, also in the middle of a write, and with it the link.
-spec over(writer()) -> ok.
over(#writer{pid = Pid}) ->
    true = exit(Pid, {shutdown, over}),
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
            counters:get(Counters, ?PASSED) + counters:get(Counters, ?WAITING) + 1024 * Messages;
        undefined ->
            0
    end.

%% From sessions.

%% @doc Writes the answer to the request on a connection. `Body' is a binary, so that nothing is copied.
-spec answer(pid(), ecm_link_packet:id(), ecm_link_answer:head(), Body :: binary()) -> ok.
answer(Pid, Id, Head, Body) ->
    Pid ! {answer, Id, Head, Body},
    ok.

%% The process.

%% @private Exported so that the next packet runs new code.
-spec loop(#state{}) -> no_return().
loop(State) ->
    Collected = note_waiting(collect(State)),
    case next(Collected) of
        none -> ?MODULE:loop(written(Collected));
        {Batch, Bytes, Backlog} -> write(Batch, Bytes, Collected#state{backlog = Backlog})
    end.

-spec next(#state{}) -> {iolist(), non_neg_integer(), ecm_link_backlog:backlog()} | none.
next(#state{socket = none}) -> none;
next(#state{backlog = Backlog}) -> ecm_link_backlog:next(Backlog).

-spec note_waiting(#state{}) -> #state{}.
note_waiting(#state{writer = #writer{counters = Counters}, backlog = Backlog} = State) ->
    counters:put(Counters, ?WAITING, ecm_link_backlog:bytes(Backlog)),
    State.

-spec write(iolist(), non_neg_integer(), #state{}) -> no_return().
write(Batch, Bytes, #state{socket = Socket, backlog = Backlog} = State) ->
    Sent = ecm_link_socket:send(Socket, Batch),
    Left = State#state{backlog = ecm_link_backlog:written(Bytes, Backlog)},
    case Sent of
        ok -> ?MODULE:loop(note_waiting(Left));
        {error, Reason} -> ?MODULE:loop(note_waiting(failed(Reason, Left)))
    end.

%% The peer may come back to a link that resumes. Its reader ends then.
-spec failed(term(), #state{}) -> #state{}.
failed(Reason, #state{link = #{resumption := _}, reader = {Reader, _}} = State) ->
    Reader ! {?MODULE, {send_failed, Reason}},
    State#state{socket = none, last = none};
failed(Reason, _) ->
    exit({shutdown, {send_failed, Reason}}).

%% There is nothing more to write.
-spec written(#state{}) -> #state{}.
written(#state{last = none} = State) ->
    State;
written(#state{last = finish} = State) ->
    quit(normal, State);
written(#state{last = {flush, From, Ref}} = State) ->
    From ! {Ref, written},
    State#state{last = none};
written(#state{last = release, reader = {Reader, _}} = State) ->
    Reader ! {?MODULE, released},
    State#state{last = none, socket = none}.

%% Waits for a message if there is nothing to write, or nobody who reads.
-spec collect(#state{}) -> #state{}.
collect(#state{last = none, socket = none} = State) ->
    receive Message -> drain(take(Message, State)) end;
collect(#state{last = none, backlog = Backlog} = State) ->
    case ecm_link_backlog:is_empty(Backlog) of
        true -> receive Message -> drain(take(Message, State)) end;
        false -> drain(State)
    end;
collect(State) ->
    drain(State).

%% Empties the mailbox before each write, because gen_tcp:send/2 searches it for the reply of the socket,
%% and would pass over all packets in it.
-spec drain(#state{}) -> #state{}.
drain(State) ->
    receive
        Message -> drain(take(Message, State))
    after 0 ->
        State
    end.

%% Nothing is written after the end.
-spec take(term(), #state{}) -> #state{}.
take({'DOWN', Monitor, process, _, _}, #state{reader = {_, Monitor}} = State) ->
    broken(State#state{reader = none, socket = none});
take({{attach, Socket, Peer, Got}, From, Ref}, State) ->
    attach(Socket, Peer, Got, From, Ref, State);
take(new_heir, State) ->
    name_heir(State);
take(_, #state{last = finish} = State) ->
    State;
take({write, Packet}, #state{writer = #writer{counters = Counters}, backlog = Backlog} = State) ->
    counters:sub(Counters, ?PASSED, iolist_size(Packet)),
    State#state{backlog = ecm_link_backlog:add(Packet, Backlog)};
take({answer, Id, Head, Body}, #state{backlog = Backlog, link = Link} = State) ->
    ecm_link_table:remove(Id, in_flight(State#state.writer)),
    bounded(State#state{backlog = ecm_link_replies:answer(Id, Head, Body, Link, Backlog)});
take({acknowledge, Number}, State) ->
    acknowledged(Number, State);
take({drop, Id, Session}, #state{backlog = Backlog, link = Link} = State) ->
    case ecm_link_table:remove(Id, Session, in_flight(State#state.writer)) of
        true -> State#state{backlog = ecm_link_replies:drop(Id, Link, Backlog)};
        false -> State
    end;
take({forget, Id}, #state{backlog = Backlog} = State) ->
    State#state{backlog = ecm_link_backlog:forget(Id, Backlog)};
take(Message, State) ->
    change(Message, State).

%% Messages that come rarely.
-spec change(term(), #state{}) -> #state{}.
change({up, Link}, #state{link = none} = State) ->
    resumes(name_heir(State#state{link = Link}));
change({last, Last}, State) ->
    State#state{last = Last};
change({flush, From, Ref}, State) ->
    State#state{last = {flush, From, Ref}};
change({timeout, Timer, grace}, #state{grace = Timer, link = #{peer := Peer}} = State) ->
    ?WARNING_MSG("ECM link from ~ts is over: ECM has not come back, ~B requests are dropped",
                 [ecm_peer:name(Peer), ecm_link_table:size(in_flight(State#state.writer))]),
    quit({shutdown, over}, State);
change({answer, Id, Head, Body, #{}}, State) ->  % a session of a later release may say more
    take({answer, Id, Head, Body}, State);
change(Message, State) when is_tuple(Message), element(1, Message) =:= answer ->
    ?WARNING_MSG("ECM link: dropped an answer of ~B elements, which this release of mod_ecm does not know: "
                 "update mod_ecm on this node", [tuple_size(Message)]),
    State;
change(_, State) ->
    State.

%% Links that come up while there is no heir are asked by the next one. A link that is not up has no requests
%% in flight.
-spec name_heir(#state{}) -> #state{}.
name_heir(#state{link = none} = State) ->
    State;
name_heir(#state{link = #{longest := Limit, gone := Gone}, writer = #writer{in_flight = InFlight}} = State) ->
    ecm_link_heir:watch(InFlight, self(), Limit, Gone),
    State.

%% A link that resumes.

-spec resumes(#state{}) -> #state{}.
resumes(#state{link = #{resumption := #{token := Token, terms := Terms}}, reader = {Reader, _}} = State) ->
    ecm_link_tokens:insert(Token, self(), {State#state.writer, Terms}, Reader),
    Keeping = ecm_link_backlog:keep(State#state.backlog),
    State#state{backlog = ecm_link_backlog:add([resume(State)], Keeping)};
resumes(State) ->
    State.

%% The packet that says which link this is, and which packets have come over it. There is no reader now that
%% could count more of them, or it has not begun.
-spec resume(#state{}) -> Packet :: binary().
resume(#state{link = #{resumption := #{token := Token}}, writer = Writer}) ->
    Fields = [{<<"link">>, Token}, {<<"got">>, integer_to_binary(counted(Writer))}],
    iolist_to_binary(ecm_link_packet:encode(0, ecm_link_message:write(resume, [], Fields))).

-spec acknowledged(ecm_link_ring:count(), #state{}) -> #state{}.
acknowledged(Number, #state{backlog = Backlog, reader = {Reader, _}} = State) ->
    case ecm_link_backlog:acknowledge(Number, Backlog) of
        {ok, Left} ->
            State#state{backlog = Left};
        error ->
            Reader ! {?MODULE, wrong_acknowledgement},
            State
    end;
acknowledged(_, State) ->
    State.

%% The connection has ended, and with it most links.
-spec broken(#state{}) -> #state{}.
broken(#state{link = #{resumption := #{token := Token, grace := Grace}, peer := Peer}, last = Last} = State)
  when Last =/= finish ->
    ?INFO_MSG("ECM link from ~ts is kept for ~B seconds, with ~B requests in flight",
              [ecm_peer:name(Peer), Grace div 1000, ecm_link_table:size(in_flight(State#state.writer))]),
    lists:foreach(fun(Pid) -> exit(Pid, {shutdown, over}) end, ecm_link_tokens:broken(Token)),
    State#state{last = none, grace = erlang:start_timer(Grace, self(), grace)};
broken(State) ->
    quit({shutdown, over}, State).

%% A connection that has ended may not have been reported yet.
-spec attach(ecm_link_socket:socket(), ecm_peer:peer(), ecm_link_ring:count(), From :: pid(), reference(),
             #state{}) -> #state{}.
attach(Socket, Peer, Got, From, Ref, #state{reader = {Reader, Monitor}} = State) ->
    case is_process_alive(Reader) of
        true ->
            From ! {Ref, {busy, Reader}},
            State;
        false ->
            demonitor(Monitor, [flush]),
            attach(Socket, Peer, Got, From, Ref, State#state{reader = none})
    end;
attach(Socket, Peer, Got, From, Ref, #state{reader = none, backlog = Backlog} = State) ->
    case ecm_link_backlog:again(Got, resume(State), Backlog) of
        {ok, Again, Left} ->
            From ! {Ref, {ok, Again}},
            attached(Socket, Peer, From, State#state{backlog = Left});
        error ->
            From ! {Ref, wrong},
            quit({shutdown, over}, State)
    end.

-spec attached(ecm_link_socket:socket(), ecm_peer:peer(), pid(), #state{}) -> #state{}.
attached(Socket, Peer, Reader, #state{link = #{resumption := #{token := Token}} = Link} = State) ->
    _ = [erlang:cancel_timer(Timer) || Timer <- [State#state.grace], Timer =/= none],
    ecm_link_tokens:attached(Token, Reader),
    State#state{socket = Socket, reader = {Reader, monitor(process, Reader)}, link = Link#{peer := Peer},
                last = none, grace = none}.

-spec quit(term(), #state{}) -> no_return().
quit(Reason, #state{link = #{resumption := #{token := Token}}}) ->
    ecm_link_tokens:delete(Token),
    exit(Reason);
quit(Reason, _) ->
    exit(Reason).

%% A link whose reader has ended has nobody else who would look.
-spec bounded(#state{}) -> #state{}.
bounded(#state{reader = none, backlog = Backlog, link = #{max_waiting := Most, peer := Peer}} = State) ->
    case ecm_link_backlog:bytes(Backlog) of
        Bytes when Bytes > Most ->
            ?WARNING_MSG("ECM link from ~ts is over: ~B bytes wait, and ECM has not come back",
                         [ecm_peer:name(Peer), Bytes]),
            quit({shutdown, over}, State);
        _ ->
            State
    end;
bounded(State) ->
    State.

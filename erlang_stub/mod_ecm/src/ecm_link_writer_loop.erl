%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that writes to a link, the only one that does.
%%
%% Sessions send it answers, and the reader of the link (ecm_link) sends it packets (ecm_link_writer). It writes
%% all that wait with as few system calls as possible, and counts the bytes that wait, for the reader to see.
%%
%% It is the process that a link has for its life. It owns the table of the requests in flight, so its end is
%% the end of the link, of which the sessions are told (ecm_link_heir). The reader has the socket, and ends
%% with that. Most links end then, or when a write fails. A link that resumes is kept for a while
%% (ecm_link_keeper): sessions know its writer by the pid, and need not hear of another connection. The writer
%% keeps what the peer has not acknowledged, and writes it again to the next socket.

-module(ecm_link_writer_loop).

-export([init/2, loop/1, start_link/2]).

-include_lib("ejabberd/include/logger.hrl").

%% What to do once everything is written: end, answer ecm_link_writer:flush/1, or let go of the socket.
-type last() :: finish | {flush, pid(), reference()} | release.

%% Without a reader, or without a socket that takes anything, the link waits for its peer to come back, if it
%% has a keeper.
-record(state, {socket :: ecm_link_socket:socket() | none,
                reader :: {pid(), Monitor :: reference()} | none,
                counters :: ecm_link_counters:counters(),
                in_flight :: ecm_link_table:in_flight(),
                streams :: ecm_link_stream_table:streams(),
                link = none :: ecm_link_writer:link() | none,
                keeper = none :: ecm_link_keeper:keeper() | none,
                backlog = ecm_link_backlog:new() :: ecm_link_backlog:backlog(),
                unsent = none :: ecm_link_unsent:unsent() | none,  % once asked for, without a reader or at the end
                last = none :: last() | none}).

-spec start_link(Reader :: pid(), ecm_link_socket:socket()) ->
    {ok, pid(), ecm_link_writer:writer()} | {error, term()}.
start_link(Reader, Socket) ->
    proc_lib:start_link(?MODULE, init, [Reader, Socket]).

%% @private
-spec init(Reader :: pid(), ecm_link_socket:socket()) -> no_return().
init(Reader, Socket) ->
    Counters = ecm_link_counters:new(),
    InFlight = ecm_link_table:new(),
    Streams = ecm_link_stream_table:new(),
    proc_lib:init_ack({ok, self(), ecm_link_writer:new(Counters, InFlight, Streams)}),
    loop(#state{socket = Socket, reader = {Reader, monitor(process, Reader)}, counters = Counters,
                in_flight = InFlight, streams = Streams}).

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
note_waiting(#state{counters = Counters, backlog = Backlog} = State) ->
    ecm_link_counters:wait(ecm_link_backlog:bytes(Backlog), Counters),
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
failed(Reason, #state{keeper = none}) ->
    exit({shutdown, {send_failed, Reason}});
failed(Reason, State) ->
    tell({send_failed, Reason}, State#state{socket = none, last = none}).

-spec tell(ecm_link_writer:event(), #state{}) -> #state{}.
tell(Event, #state{reader = {Reader, _}} = State) ->
    Reader ! {ecm_link_writer, Event},
    State.

%% There is nothing more to write.
-spec written(#state{}) -> #state{}.
written(#state{last = none} = State) ->
    State;
written(#state{last = finish} = State) ->
    quit(normal, State);
written(#state{last = {flush, From, Ref}} = State) ->
    From ! {Ref, written},
    State#state{last = none};
written(#state{last = release} = State) ->
    tell(released, State#state{last = none, socket = none}).

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
    broken(sure(State#state{reader = none, socket = none}));
take({{attach, Socket, Peer, Got}, From, Ref}, State) ->
    attach(Socket, Peer, Got, From, Ref, State);
take(new_heir, State) ->
    name_heir(State);
take({over, _, _}, State) ->  % the reader has ended, which may not have been reported yet
    quit({shutdown, over}, State#state{reader = none});
take(end_soon, State) ->
    quit({shutdown, over}, State#state{reader = none});
take({stream, Id, Said}, #state{last = finish} = State) ->
    {_, Next} = unsent(State),
    note_unsent(Id, Said, Next);
take(_, #state{last = finish} = State) ->
    State;
take({write, Packet}, #state{counters = Counters, backlog = Backlog} = State) ->
    ecm_link_counters:take(iolist_size(Packet), Counters),
    State#state{backlog = ecm_link_backlog:add(Packet, Backlog)};
take({answer, Id, Head, Body}, #state{backlog = Backlog, link = Link, in_flight = InFlight} = State) ->
    ecm_link_table:remove(Id, InFlight),
    bounded(State#state{backlog = ecm_link_replies:answer(Id, Head, Body, Link, Backlog)});
take({stream, Id, Said}, #state{backlog = Backlog, link = Link, streams = Streams} = State) ->
    Next = ecm_link_stream_replies:say(Id, Said, Streams, Link, Backlog),
    bounded(note_unsent(Id, Said, State#state{backlog = Next}));
take({acknowledge, Number}, State) ->
    acknowledged(Number, State);
take({forget, Id}, #state{backlog = Backlog} = State) ->
    State#state{backlog = ecm_link_backlog:forget(Id, Backlog)};
take(Message, State) ->
    change(Message, State).

%% Messages that come rarely.
-spec change(term(), #state{}) -> #state{}.
change(make_way, #state{reader = none} = State) ->
    quit({shutdown, over}, State);
change({up, Link}, #state{link = none} = State) ->
    keep(name_heir(State#state{link = Link}));
change({last, Last}, State) ->
    State#state{last = Last};
change({drop, Requests}, #state{backlog = Backlog, link = Link, in_flight = InFlight} = State) ->
    Dropped = [Id || {Id, Session} <- Requests, ecm_link_table:remove(Id, Session, InFlight)],
    State#state{backlog = ecm_link_replies:drop(Dropped, Link, Backlog)};
change({{unsent, Id}, From, Ref}, #state{reader = Reader} = State) ->
    case is_about_to_be_told(Reader) of
        true ->
            self() ! {{unsent, Id}, From, Ref},  % behind what the reader has said last
            State;
        false ->
            {Unsent, Next} = unsent(State),
            From ! {Ref, ecm_link_unsent:messages(Id, Unsent)},
            Next
    end;
change({flush, From, Ref}, State) ->
    State#state{last = {flush, From, Ref}};
change({timeout, Timer, grace}, #state{keeper = Keeper} = State) when Keeper =/= none ->
    case ecm_link_keeper:is_over(Timer, Keeper) of
        true -> not_back(State);
        false -> State
    end;
change({answer_soon, Id}, #state{link = #{longest := Limit, gone := Gone}, in_flight = InFlight} = State) ->
    _ = [Gone(Session, {self(), Id, Limit}, half_closed) || {ok, Session} <- [ecm_link_table:find(Id, InFlight)]],
    State;
change({moved, Id, From, To}, #state{in_flight = InFlight} = State) ->
    ecm_link_table:replace(Id, From, To, InFlight),
    State;
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
name_heir(#state{link = #{longest := Limit, gone := Gone}, in_flight = InFlight, streams = Streams} = State) ->
    ecm_link_heir:watch(InFlight, Streams, self(), Limit, Gone),
    State.

%% A link that resumes.

-spec keep(#state{}) -> #state{}.
keep(#state{link = #{resumption := Resumption}, reader = {Reader, _}, backlog = Backlog} = State) ->
    #state{counters = Counters, in_flight = InFlight, streams = Streams} = State,
    Found = ecm_link_writer:new(Counters, InFlight, Streams),
    Keeper = ecm_link_keeper:new(Resumption, Found, Reader, self()),
    Kept = State#state{keeper = Keeper},
    Kept#state{backlog = ecm_link_backlog:add([resume(Kept)], ecm_link_backlog:keep(Backlog))};
keep(State) ->
    State.

%% There is no reader now that could count more packets, or it has not begun.
-spec resume(#state{}) -> Packet :: binary().
resume(#state{counters = Counters, keeper = Keeper}) ->
    ecm_link_keeper:resume(ecm_link_counters:has_come(Counters), Keeper).

-spec acknowledged(ecm_link_ring:count(), #state{}) -> #state{}.
acknowledged(_, #state{reader = none} = State) ->
    State;
acknowledged(Number, #state{backlog = Backlog} = State) ->
    case ecm_link_backlog:acknowledge(Number, Backlog) of
        {ok, Left} -> State#state{backlog = Left};
        error -> tell(wrong_acknowledgement, State)
    end.

%% A packet that the reader had in its hands when it was killed may have reached its session, or not. To have it
%% sent again could have it come twice, and not to, never. So the link ends, and the client of that packet knows.
-spec sure(#state{}) -> #state{}.
sure(#state{keeper = none} = State) ->
    State;
sure(#state{counters = Counters, link = #{peer := Peer}} = State) ->
    case ecm_link_counters:is_between(Counters) of
        true ->
            ?WARNING_MSG("ECM link from ~ts is over: its reader was killed while it passed on a packet",
                         [ecm_peer:name(Peer)]),
            quit({shutdown, over}, State);
        false ->
            State
    end.

%% The connection has ended, and with it most links.
-spec broken(#state{}) -> #state{}.
broken(#state{keeper = Keeper, last = Last} = State) when Keeper =:= none; Last =:= finish ->
    quit({shutdown, over}, State);
broken(#state{keeper = Keeper, link = #{peer := Peer}} = State) ->
    State#state{last = none, keeper = ecm_link_keeper:broken(Peer, clients(State), Keeper)}.

-spec not_back(#state{}) -> no_return().
not_back(#state{link = #{peer := Peer}} = State) ->
    ?WARNING_MSG("ECM link from ~ts is over: ECM has not come back, ~ts are dropped",
                 [ecm_peer:name(Peer), clients(State)]),
    quit({shutdown, over}, State).

%% Who is on the link, for the log.
-spec clients(#state{}) -> unicode:chardata().
clients(#state{in_flight = InFlight, streams = Streams}) ->
    Requests = io_lib:format("~B requests", [ecm_link_table:size(InFlight)]),
    case ecm_link_stream_table:size(Streams) of
        0 -> Requests;
        Open -> io_lib:format("~ts and ~B streams", [Requests, Open])
    end.

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
            attach(Socket, Peer, Got, From, Ref, sure(State#state{reader = none}))
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
attached(Socket, Peer, Reader, #state{link = Link, keeper = Keeper} = State) ->
    State#state{socket = Socket, reader = {Reader, monitor(process, Reader)}, link = Link#{peer := Peer},
                last = none, unsent = none, keeper = ecm_link_keeper:attached(Reader, Keeper)}.

-spec quit(term(), #state{}) -> no_return().
quit(Reason, #state{keeper = none}) ->
    exit(Reason);
quit(Reason, #state{keeper = Keeper} = State) ->
    {_, Ended} = unsent(State),
    give_back(said_meanwhile(Ended)),
    ecm_link_keeper:forget(Keeper),
    exit(Reason).

%% What sessions have said behind the message that ends the link. All else that waits has lost its meaning, and is taken
%% so that nothing is passed over again and again.
-spec said_meanwhile(#state{}) -> #state{}.
said_meanwhile(State) ->
    receive
        {stream, Id, Said} -> said_meanwhile(note_unsent(Id, Said, State));
        _ -> said_meanwhile(State)
    after 0 ->
        State
    end.

%% The heir tells the sessions that their streams have ended, behind this.
-spec give_back(#state{}) -> ok.
give_back(#state{streams = Streams} = State) ->
    {Unsent, _} = unsent(State),
    Tell = fun(Id, Bodies) ->
                   [ecm_link_stream:tell({unsent, Bodies}, Session)
                    || {ok, Session} <- [ecm_link_stream_table:find(Id, Streams)]]
           end,
    ecm_link_unsent:foreach(Tell, Unsent).

%% A link with a connection sends what it has. At its end, ECM may have got what it does not acknowledge any more.
-spec unsent(#state{}) -> {ecm_link_unsent:unsent(), #state{}}.
unsent(#state{unsent = none, reader = Reader, last = Last, keeper = Keeper, backlog = Backlog} = State)
  when Keeper =/= none, Reader =:= none orelse Last =:= finish ->
    Unsent = ecm_link_unsent:new(ecm_link_backlog:numbered(Backlog)),
    {Unsent, State#state{unsent = Unsent}};
unsent(#state{unsent = none} = State) ->
    {ecm_link_unsent:new([]), State};
unsent(#state{unsent = Unsent} = State) ->
    {Unsent, State}.

%% Whether the reader has ended, and the message that says so is under way.
-spec is_about_to_be_told(none | {pid(), reference()}) -> boolean().
is_about_to_be_told(none) -> false;
is_about_to_be_told({Reader, _}) -> not is_process_alive(Reader).

-spec note_unsent(ecm_link_packet:id(), ecm_link_stream:said(), #state{}) -> #state{}.
note_unsent(Id, {message, Body}, #state{unsent = Unsent} = State) when Unsent =/= none ->
    State#state{unsent = ecm_link_unsent:add(Id, Body, Unsent)};
note_unsent(_, _, State) ->
    State.

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

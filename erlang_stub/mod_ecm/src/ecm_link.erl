%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that owns a connection from an ECM, and reads it.
%%
%%     socket -> ecm_link -> ecm_router -> ecm_c2s, one process for each session
%%     socket <- ecm_link_writer <-- answers --'
%%
%% It decodes the stream into packets (ecm_link_packet), passes each to the state machine
%% (ecm_link_connection), and carries out the events that this returns. About once a second the state
%% machine gets the time.
%%
%% A connection ends by itself, with the writer of the link, or when the state machine closes it. Then the
%% last messages to the peer are written before it is closed. A peer that does not read them delays
%% the end only by a limited time. With it ends the link, unless that resumes: then its writer waits for the
%% next connection (ecm_link_resume).

-module(ecm_link).
-behaviour(gen_server).

-export([accept/1, info/1, start/2, start_link/2]).
-export([format_status/1, handle_call/3, handle_cast/2, handle_info/2, init/1, terminate/2]).
-export_type([departure/0, options/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Bytes of the kernel's buffers in each direction, and of one read.
-define(BUFFER_SIZE, 262144).

%% Reads after which the socket waits to be asked again. So a busy link cannot fill the mailbox faster than
%% it is emptied, and other messages do not wait long.
-define(READS, 16).

%% Milliseconds: between two looks at the clock; for the TLS handshake; and for the peer to read the last
%% messages and to close.
-define(TICK, 1000).
-define(HANDSHAKE_TIMEOUT, 10000).
-define(LINGER, 3000).

%% Ticks between two looks for what has ended unseen: sessions that were killed, and the node's services.
-define(TICKS_PER_LOOK, 30).

%% `connection' are the options of ecm_link_connection:new/2, without the nonce. `request' takes requests
%% (ecm_router:route/6), and `gone' takes clients that are gone (ecm_router:gone/3). `substitutes' are for
%% the writer. At most `max_waiting' bytes may wait for a peer that does not read. A link that resumes is kept
%% for `link_grace' milliseconds. When one of the processes in `watched' is shut down, ejabberd stops.
%% `services' starts the processes that a node has once, if they have ended. `tls' is there for TLS, and returns the options of ssl, or a text for the
%% log. `peer' is there if the connection does not tell it (the PROXY protocol).
-type options() ::
    #{connection := map(),
      request := fun((ecm_link_connection:body(), ecm_link_writer:exchange(), ecm_peer:peer(),
                      Secure :: boolean(), ecm_link_table:in_flight()) -> any()),
      gone := fun((pid(), ecm_link_writer:exchange(), ecm_link:departure()) -> any()),
      substitutes := ecm_link_replies:substitutes(),
      max_waiting := pos_integer(),
      link_grace := non_neg_integer(),
      watched := [atom()],
      services := fun(() -> any()),
      tls => fun(() -> {ok, ecm_link_certificate:options()} | {error, unicode:chardata()}),
      peer => ecm_peer:peer()}.

%% The fields without a default are set once the link is accepted; `form' and `clients' once it is up.
-record(link, {socket :: ecm_link_socket:socket(),
               peer :: ecm_peer:peer(),
               options :: options(),
               decoder :: ecm_link_packet:decoder(),
               writer :: ecm_link_writer:writer() | undefined,
               monitor :: reference() | undefined,  % of the writer
               connection :: ecm_link_connection:connection() | undefined,
               form = unknown :: ecm_link_connection:form() | unknown,
               clients :: ecm_link_clients:clients() | undefined,
               receipt = none :: ecm_link_receipt:receipt() | none,  % none: the link does not resume
               ticks = 0 :: non_neg_integer(),
               incomplete = none :: {Packet :: pos_integer(), Since :: integer()} | none,
               instance = unknown :: binary() | unknown,
               round_trip = unknown :: non_neg_integer() | unknown,
               end_text = none :: unicode:chardata() | none}).

%% What has become of the client of a request: it closed its connection, or half-closed it.
-type departure() :: gone | half_closed.

-type next() :: {noreply, #link{}} | {stop, {shutdown, term()}, #link{}}.

%% @doc Starts the process of a link. It waits for accept/1, before which it must get the socket. Returns
%% `ignore' if the peer is already gone.
-spec start(gen_tcp:socket(), options()) -> {ok, pid()} | {error, term()} | ignore.
start(Socket, Options) ->
    gen_server:start(?MODULE, {Socket, Options}, []).

%% @doc The same, linked to the caller.
-spec start_link(gen_tcp:socket(), options()) -> {ok, pid()} | {error, term()} | ignore.
start_link(Socket, Options) ->
    gen_server:start_link(?MODULE, {Socket, Options}, []).

%% @doc Tells the link that it owns the socket now.
-spec accept(pid()) -> ok.
accept(Link) ->
    gen_server:cast(Link, accept).

%% @doc Returns the state of a link: its peer, the name that the peer has given itself, whether it is plain
%% or typed, the last round-trip time in milliseconds, and the number of requests in flight.
-spec info(pid()) ->
    #{peer := ecm_peer:peer(),
      form := ecm_link_connection:form() | unknown,
      instance := binary() | unknown,
      round_trip := non_neg_integer() | unknown,
      in_flight := non_neg_integer()}.
info(Link) ->
    gen_server:call(Link, info).

%% @private Traps exits, so that terminate/2 is always called.
-spec init({gen_tcp:socket(), options()}) -> {ok, #link{}} | ignore.
init({Port, #{connection := #{max_packet := MaxPacket}} = Options}) ->
    process_flag(trap_exit, true),
    Socket = ecm_link_socket:tcp(Port),
    case peer(Socket, Options) of
        {ok, Peer} ->
            {ok, #link{socket = Socket, peer = Peer, options = Options,
                       decoder = ecm_link_packet:new(MaxPacket)}};
        {error, _} ->
            ignore
    end.

-spec peer(ecm_link_socket:socket(), options()) -> {ok, ecm_peer:peer()} | {error, term()}.
peer(_, #{peer := Peer}) -> {ok, Peer};
peer(Socket, _) -> ecm_link_socket:peername(Socket).

%% @private With `send_timeout_close', a write that takes too long would look as if the peer had closed.
%% Without it, the writer reports the timeout.
-spec handle_cast(accept, #link{}) -> next().
handle_cast(accept, #link{socket = Socket, options = Options} = Link) ->
    _ = ecm_link_socket:tune(Socket, [{recbuf, ?BUFFER_SIZE}, {sndbuf, ?BUFFER_SIZE},
                                 {send_timeout_close, false}]),
    case secure(Socket, Options) of
        {ok, Secured} -> begin_writing(ecm_link_writer:start(Secured), Link#link{socket = Secured});
        {error, Text} -> stop(no_tls, Link#link{end_text = ["no TLS: ", Text]})
    end.

-spec begin_writing({ok, ecm_link_writer:writer()} | {error, term()}, #link{}) -> next().
begin_writing({ok, Writer}, Link) -> read(begin_connection(write_by(Writer, Link)));
begin_writing({error, Reason}, Link) -> stop({no_writer, Reason}, Link).

-spec write_by(ecm_link_writer:writer(), #link{}) -> #link{}.
write_by(Writer, #link{monitor = Before} = Link) ->
    _ = Before =:= undefined orelse demonitor(Before, [flush]),
    Link#link{writer = Writer, monitor = monitor(process, ecm_link_writer:pid(Writer))}.

-spec secure(ecm_link_socket:socket(), options()) ->
    {ok, ecm_link_socket:socket()} | {error, unicode:chardata()}.
secure(Socket, #{tls := Tls}) ->
    case Tls() of
        {ok, Options} -> ecm_link_socket:secure(Socket, Options, ?HANDSHAKE_TIMEOUT);
        {error, Text} -> {error, Text}
    end;
secure(Socket, _) ->
    {ok, Socket}.

-spec begin_connection(#link{}) -> #link{}.
begin_connection(#link{options = Options} = Link) ->
    #{connection := Connection, watched := Watched} = Options,
    set_tick(),
    lists:foreach(fun(Name) -> monitor(process, Name) end, Watched),
    Link#link{connection = ecm_link_connection:new(Connection#{nonce => ecm_link_auth:nonce()}, now_ms())}.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

-spec set_tick() -> reference().
set_tick() ->
    erlang:send_after(?TICK, self(), tick).

%% @private
-spec handle_call(term(), gen_server:from(), #link{}) -> {reply, term(), #link{}}.
handle_call(info, _, #link{writer = Writer} = Link) ->
    {reply, #{peer => Link#link.peer, form => Link#link.form, instance => Link#link.instance,
              round_trip => Link#link.round_trip,
              in_flight => ecm_link_table:size(ecm_link_writer:in_flight(Writer))},
     Link};
handle_call(_, _, Link) ->
    {reply, {error, badarg}, Link}.

%% @private
-spec handle_info(term(), #link{}) -> next().
handle_info(Message, #link{socket = Socket} = Link) ->
    case ecm_link_socket:event(Message, Socket) of
        {data, Data} -> {noreply, received(Data, Link)};
        passive -> read(Link);
        closed -> lost(closed, Link);
        {error, Reason} -> lost(Reason, Link);
        unknown -> message(Message, Link)
    end.

-spec read(#link{}) -> next().
read(#link{socket = Socket} = Link) ->
    case ecm_link_socket:read(Socket, ?READS) of
        ok -> {noreply, Link};
        {error, Reason} -> lost(Reason, Link)
    end.

%% What comes after `close' is still read: closing a socket with unread bytes resets the connection, and the
%% peer could lose the last messages.
-spec received(binary(), #link{}) -> #link{}.
received(_, #link{end_text = Text} = Link) when Text =/= none ->
    Link;
received(Data, #link{decoder = Decoder, connection = Connection} = Link) ->
    Now = now_ms(),
    Alive = Link#link{connection = ecm_link_connection:received(Now, Connection)},
    case ecm_link_packet:decode(Data, Decoder) of
        {ok, Packets, Next} ->
            maybe_acknowledge(byte_size(Data), packets(Packets, Now, Alive#link{decoder = Next}));
        {error, Packets, Reason, First} ->
            fault(Reason, First, packets(Packets, Now, Alive))
    end.

-spec packets([ecm_link_packet:packet()], integer(), #link{}) -> #link{}.
packets([{Id, _} = Packet | Rest], Now, #link{connection = Connection, end_text = none} = Link) ->
    packets(Rest, Now, count(Id, act(ecm_link_connection:packet(Packet, Now, Connection), Link)));
packets(_, _, Link) ->
    Link.

-spec count(ecm_link_packet:id(), #link{}) -> #link{}.
count(Id, #link{receipt = Receipt, writer = Writer} = Link) when Id =/= 0, Receipt =/= none ->
    ecm_link_writer:count(Writer),
    Link;
count(_, Link) ->
    Link.

%% Acknowledges what has come, if that is enough by now. Otherwise the next tick does.
-spec maybe_acknowledge(Bytes :: non_neg_integer() | tick, #link{}) -> #link{}.
maybe_acknowledge(_, #link{receipt = Receipt, end_text = Text} = Link) when Receipt =:= none; Text =/= none ->
    Link;
maybe_acknowledge(tick, #link{receipt = Receipt, writer = Writer} = Link) ->
    acknowledge(ecm_link_receipt:tick(ecm_link_writer:counted(Writer), Receipt), Link);
maybe_acknowledge(Bytes, #link{receipt = Receipt, writer = Writer} = Link) ->
    acknowledge(ecm_link_receipt:received(Bytes, ecm_link_writer:counted(Writer), Receipt), Link).

-spec acknowledge({ecm_link_ring:count() | none, ecm_link_receipt:receipt()}, #link{}) -> #link{}.
acknowledge({none, Receipt}, Link) ->
    Link#link{receipt = Receipt};
acknowledge({Count, Receipt}, Link) ->
    send(0, ecm_link_message:write(ack, [integer_to_binary(Count)], []), Link#link{receipt = Receipt}).

%% `First' is at most 64 bytes, from where a packet should have started.
-spec fault(ecm_link_packet:reason(), First :: binary(), #link{}) -> #link{}.
fault(Reason, First, #link{connection = Connection, end_text = none} = Link) ->
    #link{end_text = Text} = Ended = act(ecm_link_connection:fault(Reason, Connection), Link),
    Ended#link{end_text = [Text, "; received \"", ecm_peer:escape(First), $"]};
fault(_, _, Link) ->
    Link.

%% Carries out events of the state machine.
-spec act({[ecm_link_connection:event()], ecm_link_connection:connection()}, #link{}) -> #link{}.
act({Events, Connection}, Link) ->
    lists:foldl(fun event/2, Link#link{connection = Connection}, Events).

-spec event(ecm_link_connection:event(), #link{}) -> #link{}.
event({request, Id, Client, Secure, Body}, Link) ->
    ecm_link_clients:request(Id, Client, Secure, Body, Link#link.clients),
    Link;
event({send, Id, Content}, Link) ->
    send(Id, Content, Link);
event({gone, Id, Reason}, Link) ->
    ?DEBUG("ECM link from ~ts: connection ~B: the client is gone: ~ts", [name(Link), Id, Reason]),
    ecm_link_clients:gone(Id, Reason, Link#link.clients),
    Link;
event({up, Form}, Link) ->
    up(Form, Link);
event({resume, Agreed, Token, Got}, Link) ->
    resume(Token, Got, Agreed, Link);
event({acknowledged, Number}, #link{writer = Writer} = Link) ->
    ecm_link_writer:acknowledge(Writer, Number),
    Link;
event({round_trip, Milliseconds}, Link) ->
    Link#link{round_trip = Milliseconds};
event(peer_draining, Link) ->
    ?INFO_MSG("ECM link from ~ts: ECM drains: it takes no new clients", [name(Link)]),
    Link;
event({refused, Id, Text}, Link) ->
    ?WARNING_MSG("ECM link from ~ts: connection ~B: ~ts", [name(Link), Id, Text]),
    Link;
event({break, Text}, #link{writer = Writer} = Link) ->
    ecm_link_writer:release(Writer),
    linger(Text, Link);
event({close, Text}, #link{writer = Writer} = Link) ->
    ecm_link_writer:finish(Writer),
    linger(Text, Link).

-spec linger(Text :: iodata(), #link{}) -> #link{}.
linger(Text, Link) ->
    _ = erlang:send_after(?LINGER, self(), linger_timeout),
    Link#link{end_text = Text}.

-spec up(plain | ecm_link_hello:agreement(), #link{}) -> #link{}.
up(plain, Link) ->
    ?INFO_MSG("ECM link from ~ts is up: plain", [name(Link)]),
    begin_link(plain, #{}, Link);
up(Agreed, Link) ->
    up(Agreed, #{}, Link).

-spec up(ecm_link_hello:agreement(), #{resumption => ecm_link_writer:resumption()}, #link{}) -> #link{}.
up(#{version := Version, instance := Instance} = Agreed, Resumption, Link) ->
    ?INFO_MSG("ECM link from ~ts is up: typed, version ~B, instance ~ts",
              [name(Link), Version, ecm_peer:escape(Instance)]),
    begin_link(Agreed, Resumption, Link).

-spec begin_link(plain | ecm_link_hello:agreement(), #{resumption => ecm_link_writer:resumption()},
                 #link{}) -> #link{}.
begin_link(Agreed, Resumption, #link{writer = Writer, peer = Peer, options = Options} = Link) ->
    Form = ecm_link_answer:form(Agreed, maps:get(connection, Options)),
    Given = maps:with([substitutes, gone, max_waiting], Options),
    ecm_link_writer:up(Writer, lists:foldl(fun maps:merge/2, Given#{peer => Peer}, [Form, Resumption])),
    set_form(Form, Agreed, Link).

-spec set_form(ecm_link_answer:form(), plain | ecm_link_hello:agreement(), #link{}) -> #link{}.
set_form(#{form := Form, longest := Limit}, Agreed, #link{writer = Writer, peer = Peer} = Link) ->
    Link#link{form = Form, instance = instance(Agreed),
              clients = ecm_link_clients:new(Writer, Limit, Peer, Link#link.options)}.

-spec instance(plain | ecm_link_hello:agreement()) -> binary() | unknown.
instance(plain) -> unknown;
instance(#{instance := Instance}) -> Instance.

%% The link goes on, with another writer than that of this connection; or a new one begins.
-spec resume(ecm_link_tokens:token() | new, ecm_link_ring:count(), ecm_link_hello:agreement(),
             #link{}) -> #link{}.
resume(new, _, Agreed, #link{options = #{link_grace := Grace, connection := Connection}} = Link) ->
    Resumption = #{token => ecm_link_tokens:new(), terms => ecm_link_resume:terms(Agreed, Connection),
                   grace => Grace},
    up(Agreed, #{resumption => Resumption}, Link#link{receipt = ecm_link_receipt:new(0)});
resume(Token, Got, Agreed, #link{writer = Own, socket = Socket, peer = Peer, options = Options} = Link) ->
    Terms = ecm_link_resume:terms(Agreed, maps:get(connection, Options)),
    case ecm_link_resume:take(Token, Terms, Got, Own, Socket, Peer) of
        {ok, Writer, Again} -> resumed(Again, Agreed, write_by(Writer, Link));
        unknown -> resume(new, 0, Agreed, Link);
        wrong -> wrong_acknowledgement(Link)
    end.

-spec resumed(Again :: non_neg_integer(), ecm_link_hello:agreement(), #link{}) -> #link{}.
resumed(Again, #{instance := Instance} = Agreed, #link{options = Options, writer = Writer} = Link) ->
    ?INFO_MSG("ECM link from ~ts is resumed by instance ~ts, ~B packets are sent again",
              [name(Link), ecm_peer:escape(Instance), Again]),
    Receipt = ecm_link_receipt:new(ecm_link_writer:counted(Writer)),
    set_form(ecm_link_answer:form(Agreed, maps:get(connection, Options)), Agreed, Link#link{receipt = Receipt}).

-spec wrong_acknowledgement(#link{}) -> #link{}.
wrong_acknowledgement(#link{connection = Connection} = Link) ->
    act(ecm_link_connection:refuse("ECM acknowledges what was not sent, or less than before", Connection), Link).

-spec send(ecm_link_packet:id(), iodata(), #link{}) -> #link{}.
send(0, Content, #link{writer = Writer} = Link) ->
    ecm_link_writer:say(Writer, iolist_to_binary(ecm_link_packet:encode(0, Content))),
    Link;
send(Id, Content, #link{writer = Writer} = Link) ->
    ecm_link_writer:send(Writer, iolist_to_binary(ecm_link_packet:encode(Id, Content))),
    Link.

%% Messages that are not of the socket.
-spec message(term(), #link{}) -> next().
message({'DOWN', Monitor, process, _, Reason}, #link{monitor = Monitor} = Link) ->
    writer_ended(Reason, Link);
message({'DOWN', _, process, _, Reason}, Link) ->
    {noreply, watched_ended(Reason, Link)};
message({ecm_link_writer, Event}, Link) ->
    writer_event(Event, Link);
message(tick, Link) ->
    tick(Link);
message(linger_timeout, Link) ->
    stop(linger_timeout, Link);
message({'EXIT', _, Reason}, Link) ->
    stop(Reason, Link);
message(Message, Link) ->
    ?WARNING_MSG("ECM link from ~ts: unexpected message ~0P", [name(Link), Message, 20]),
    {noreply, Link}.

%% A watched process that did not exist when the link began was shut down before.
-spec watched_ended(term(), #link{}) -> #link{}.
watched_ended(Reason, #link{connection = Connection, end_text = none} = Link)
  when Reason =:= shutdown; Reason =:= noproc ->
    act(ecm_link_connection:drain(Connection), Link);
watched_ended(_, Link) ->
    Link.

%% From time to time, requests are dropped whose sessions will not answer any more, and services are started
%% that have ended. The link does not wait for either.
-spec mend(#link{}) -> any().
mend(#link{ticks = Ticks, writer = Writer, options = #{services := Services}})
  when Ticks rem ?TICKS_PER_LOOK =:= ?TICKS_PER_LOOK - 1 ->
    try
        spawn(Services),
        ecm_link_writer:drop_orphans(Writer)
    catch
        error:system_limit -> none  % there are too many processes
    end;
mend(_) ->
    none.

-spec tick(#link{}) -> next().
tick(#link{end_text = Text} = Link) when Text =/= none ->
    {noreply, Link};
tick(#link{connection = Connection, writer = Writer, ticks = Ticks} = Link) ->
    #{max_waiting := Most} = Link#link.options,
    set_tick(),
    mend(Link),
    Now = now_ms(),
    Ticked = act(ecm_link_connection:tick(Now, Connection), maybe_acknowledge(tick, Link#link{ticks = Ticks + 1})),
    Next = complete(ecm_link_packet:begun(Ticked#link.decoder), Now, Ticked),
    case ecm_link_writer:waiting(Writer) of
        Bytes when Bytes > Most ->
            Text = io_lib:format("~B bytes wait, because ECM does not read", [Bytes]),
            stop(unread, Next#link{end_text = Text});
        _ ->
            {noreply, Next}
    end.

%% A packet must be complete within the link timeout.
-spec complete(Packet :: pos_integer() | none, integer(), #link{}) -> #link{}.
complete(none, _, Link) ->
    Link;
complete(Packet, Now, #link{incomplete = {Packet, Since}, end_text = none} = Link) ->
    #link{connection = Connection, options = #{connection := #{link_timeout := LinkTimeout}}} = Link,
    case Now - Since >= LinkTimeout of
        true -> act(ecm_link_connection:stalled(Connection), Link);
        false -> Link
    end;
complete(Packet, Now, Link) ->
    Link#link{incomplete = {Packet, Now}}.

%% After `close', the writer ends when all is written. Then the peer must close.
-spec writer_ended(term(), #link{}) -> next().
writer_ended(normal, Link) -> finish(Link);
writer_ended({shutdown, Reason}, Link) -> stop(Reason, Link);
writer_ended(Reason, Link) -> stop(Reason, Link).

%% After `break', the writer has let go of the socket when all is written.
-spec writer_event(ecm_link_writer:event(), #link{}) -> next().
writer_event(released, Link) -> finish(Link);
writer_event({send_failed, _} = Reason, Link) -> stop(Reason, Link);
writer_event(wrong_acknowledgement, Link) -> {noreply, wrong_acknowledgement(Link)}.

-spec finish(#link{}) -> next().
finish(#link{socket = Socket} = Link) ->
    case ecm_link_socket:finish(Socket) of
        ok -> {noreply, Link};
        {error, Reason} -> stop(Reason, Link)
    end.

-spec lost(term(), #link{}) -> next().
lost(Reason, #link{decoder = Decoder, end_text = none} = Link) ->
    case ecm_link_packet:held(Decoder) of
        0 ->
            stop(Reason, Link);
        Held ->
            Text = io_lib:format("closed in mid-packet, after ~B bytes of it", [Held]),
            stop(Reason, Link#link{end_text = Text})
    end;
lost(Reason, Link) ->
    stop(Reason, Link).

-spec stop(term(), #link{}) -> {stop, {shutdown, term()}, #link{}}.
stop(Reason, Link) ->
    {stop, {shutdown, Reason}, Link}.

%% @private
-spec terminate(term(), #link{}) -> ok.
terminate({shutdown, Reason}, Link) ->
    log_end(Reason, Link),
    leave(Reason, Link),
    close(Reason, Link),
    interrupt(Link);
terminate(Reason, Link) ->
    log_end(Reason, Link),
    leave(crash, Link),
    close(Reason, Link).

%% The writer of a link that resumes may wait for this socket.
-spec interrupt(#link{}) -> ok.
interrupt(#link{connection = undefined}) ->
    ok;
interrupt(#link{writer = Writer, socket = Socket}) ->
    ecm_link_writer:interrupt(Writer, Socket).

-spec log_end(term(), #link{}) -> any().
log_end(Reason, #link{end_text = none} = Link) ->
    ?INFO_MSG("ECM link from ~ts is down: ~0P", [name(Link), Reason, 20]);
log_end(_, #link{end_text = Text} = Link) ->
    ?WARNING_MSG("ECM link from ~ts is down: ~ts", [name(Link), Text]).

%% A link that resumes is left to its writer. But one whose packet has crashed this process would crash the
%% next one as well.
-spec leave(term(), #link{}) -> ok.
leave(_, #link{connection = undefined}) ->
    ok;
leave(Reason, #link{connection = Connection, writer = Writer}) ->
    case ecm_link_connection:outlived(Connection) of
        true when Reason =/= crash, Reason =/= shutdown, Reason =/= unread -> ok;
        _ -> ecm_link_writer:over(Writer)
    end.

%% When ejabberd stops, written bytes may still leave, until the supervisor loses patience.
-spec close(term(), #link{}) -> ok.
close(shutdown, #link{socket = Socket}) ->
    _ = ecm_link_socket:close(Socket),
    ok;
close(_, #link{socket = Socket}) ->
    ecm_link_socket:abort(Socket).

%% @private What the log shows of a link that fails: not its state, which holds the secret, nor its
%% messages, which can hold a password.
-spec format_status(gen_server:format_status()) -> gen_server:format_status().
format_status(Status) ->
    maps:map(fun hide/2, Status).

-spec hide(atom(), term()) -> term().
hide(reason, Reason) -> Reason;
hide(log, _) -> [];
hide(_, _) -> hidden.

-spec name(#link{}) -> unicode:chardata().
name(#link{peer = Peer}) ->
    ecm_peer:name(Peer).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that owns a link, a connection from an ECM, and reads it.
%%
%%     socket -> ecm_link -> ecm_router -> ecm_c2s, one process for each session
%%     socket <- ecm_link_writer <-- answers --'
%%
%% It decodes the stream into packets (ecm_link_packet), passes each to the state machine
%% (ecm_link_connection), and carries out the events that this returns. About once a second the state
%% machine gets the time.
%%
%% A link ends with its connection, with its writer, or when the state machine closes it. Then the last
%% messages to the peer are written before the connection is closed. A peer that does not read them delays
%% the end only by a limited time.

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
%% the writer. At most `max_waiting' bytes may wait for a peer that does not read. When one of the processes
%% in `watched' is shut down, ejabberd stops. `services' starts the processes that a node has once, if they
%% have ended (ecm_sup:start/0). `tls' is there for TLS, and returns the options of ssl, or a text for the
%% log. `peer' is there if the connection does not tell it (the PROXY protocol).
-type options() ::
    #{connection := map(),
      request := fun((ecm_link_connection:body(), ecm_link_writer:exchange(), ecm_peer:peer(),
                      Secure :: boolean(), ecm_link_table:in_flight()) -> any()),
      gone := fun((pid(), ecm_link_writer:exchange(), ecm_link:departure()) -> any()),
      substitutes := ecm_link_writer:substitutes(),
      max_waiting := pos_integer(),
      watched := [atom()],
      services := fun(() -> any()),
      tls => fun(() -> {ok, ecm_link_certificate:options()} | {error, unicode:chardata()}),
      peer => ecm_peer:peer()}.

%% The fields without a default are set once the link is accepted; `form' and `limit' once it is up.
-record(link, {socket :: ecm_link_socket:socket(),
               peer :: ecm_peer:peer(),
               options :: options(),
               decoder :: ecm_link_packet:decoder(),
               in_flight = ecm_link_table:new() :: ecm_link_table:in_flight(),
               writer :: ecm_link_writer:writer() | undefined,
               connection :: ecm_link_connection:connection() | undefined,
               form = unknown :: ecm_link_connection:form() | unknown,
               limit :: pos_integer() | undefined,  % bytes of the body of an answer
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
        {ok, Secured} -> read(begin_connection(Link#link{socket = Secured}));
        {error, Text} -> stop(no_tls, Link#link{end_text = ["no TLS: ", Text]})
    end.

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
begin_connection(#link{socket = Socket, options = Options} = Link) ->
    #{connection := Connection, watched := Watched} = Options,
    set_tick(),
    lists:foreach(fun(Name) -> monitor(process, Name) end, Watched),
    Link#link{writer = ecm_link_writer:start_link(Socket),
              connection = ecm_link_connection:new(Connection#{nonce => ecm_link_auth:nonce()}, now_ms())}.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

-spec set_tick() -> reference().
set_tick() ->
    erlang:send_after(?TICK, self(), tick).

%% @private
-spec handle_call(term(), gen_server:from(), #link{}) -> {reply, term(), #link{}}.
handle_call(info, _, #link{in_flight = InFlight} = Link) ->
    {reply, #{peer => Link#link.peer, form => Link#link.form, instance => Link#link.instance,
              round_trip => Link#link.round_trip, in_flight => ecm_link_table:size(InFlight)},
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
            packets(Packets, Now, Alive#link{decoder = Next});
        {error, Packets, Reason, First} ->
            fault(Reason, First, packets(Packets, Now, Alive))
    end.

-spec packets([ecm_link_packet:packet()], integer(), #link{}) -> #link{}.
packets([Packet | Rest], Now, #link{connection = Connection, end_text = none} = Link) ->
    packets(Rest, Now, act(ecm_link_connection:packet(Packet, Now, Connection), Link));
packets(_, _, Link) ->
    Link.

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
    request(Id, Client, Secure, Body, Link);
event({send, Id, Content}, Link) ->
    send(Id, Content, Link);
event({gone, Id, Reason}, Link) ->
    client_gone(Id, Reason, Link);
event({up, Form}, Link) ->
    up(Form, Link);
event({round_trip, Milliseconds}, Link) ->
    Link#link{round_trip = Milliseconds};
event(peer_draining, Link) ->
    ?INFO_MSG("ECM link from ~ts: ECM drains: it takes no new clients", [name(Link)]),
    Link;
event({refused, Id, Text}, Link) ->
    ?WARNING_MSG("ECM link from ~ts: connection ~B: ~ts", [name(Link), Id, Text]),
    Link;
event({close, Text}, #link{writer = Writer} = Link) ->
    ecm_link_writer:finish(Writer),
    _ = erlang:send_after(?LINGER, self(), linger_timeout),
    Link#link{end_text = Text}.

-spec up(plain | ecm_link_hello:agreement(), #link{}) -> #link{}.
up(plain, #link{options = #{connection := #{max_packet := MaxPacket}}} = Link) ->
    ?INFO_MSG("ECM link from ~ts is up: plain", [name(Link)]),
    set_form(plain, ecm_link_answer:max_body(MaxPacket), 0, Link);
up(#{version := Version, instance := Instance} = Agreed, #link{options = Options} = Link) ->
    ?INFO_MSG("ECM link from ~ts is up: typed, version ~B, instance ~ts",
              [name(Link), Version, ecm_peer:escape(Instance)]),
    #{connection := #{max_packet := Packet, max_content := Content}} = Options,
    set_form(typed, ecm_link_answer:max_body(min(Packet, maps:get(max_packet, Agreed))),
             min(Content, maps:get(max_content, Agreed)), Link#link{instance = Instance}).

%% Sets the bytes that the body of an answer may have: in one packet, and in parts.
-spec set_form(ecm_link_connection:form(), InPacket :: pos_integer(), InParts :: non_neg_integer(),
               #link{}) -> #link{}.
set_form(Form, InPacket, InParts, #link{writer = Writer, options = Options} = Link) ->
    #{substitutes := Substitutes} = Options,
    Longest = max(InPacket, InParts),
    ecm_link_writer:up(Writer, #{form => Form, in_packet => InPacket, longest => Longest,
                                 peer => Link#link.peer, in_flight => Link#link.in_flight,
                                 substitutes => Substitutes}),
    name_heir(Link#link{form = Form, limit = Longest}).

%% A link that is not up has no requests in flight.
-spec name_heir(#link{}) -> #link{}.
name_heir(#link{form = unknown} = Link) ->
    Link;
name_heir(#link{writer = Writer, limit = Limit, options = #{gone := Gone}} = Link) ->
    ecm_link_heir:watch(Link#link.in_flight, ecm_link_writer:pid(Writer), Limit, Gone),
    Link.

-spec request(ecm_link_packet:id(), ecm_peer:peer() | unknown, Secure :: boolean(),
              ecm_link_connection:body(), #link{}) -> #link{}.
request(Id, unknown, Secure, Body, #link{peer = Peer} = Link) ->
    request(Id, Peer, Secure, Body, Link);
request(Id, Client, Secure, Body, #link{options = #{request := Request}, in_flight = InFlight} = Link) ->
    Request(Body, exchange(Id, Link), Client, Secure, InFlight),
    Link.

-spec exchange(ecm_link_packet:id(), #link{}) -> ecm_link_writer:exchange().
exchange(Id, #link{writer = Writer, limit = Limit}) ->
    {ecm_link_writer:pid(Writer), Id, Limit}.

-spec client_gone(ecm_link_packet:id(), Reason :: binary(), #link{}) -> #link{}.
client_gone(Id, Reason, Link) ->
    ?DEBUG("ECM link from ~ts: connection ~B: the client is gone: ~ts",
           [name(Link), Id, Reason]),
    departed(Reason, Id, Link),
    Link.

%% A half-closed client may still wait for its answer.
-spec departed(Reason :: binary(), ecm_link_packet:id(), #link{}) -> any().
departed(<<"half-closed">>, Id, #link{options = #{gone := Gone}, in_flight = InFlight} = Link) ->
    case ecm_link_table:find(Id, InFlight) of
        {ok, Session} -> Gone(Session, exchange(Id, Link), half_closed);
        error -> none
    end;
departed(_, Id, #link{options = #{gone := Gone}, in_flight = InFlight} = Link) ->
    case ecm_link_table:take(Id, InFlight) of
        {ok, Session} -> Gone(Session, exchange(Id, Link), gone);
        error -> ecm_link_writer:forget(Link#link.writer, Id)
    end.

-spec send(ecm_link_packet:id(), iodata(), #link{}) -> #link{}.
send(Id, Content, #link{writer = Writer} = Link) ->
    ecm_link_writer:send(Writer, iolist_to_binary(ecm_link_packet:encode(Id, Content))),
    Link.

%% Messages that are not of the socket.
-spec message(term(), #link{}) -> next().
message({'DOWN', _, process, _, Reason}, Link) ->
    {noreply, watched_ended(Reason, Link)};
message(new_heir, Link) ->
    {noreply, name_heir(Link)};
message(tick, Link) ->
    tick(Link);
message(linger_timeout, Link) ->
    stop(linger_timeout, Link);
message({'EXIT', Pid, Reason}, #link{writer = Writer} = Link) ->
    case Writer =/= undefined andalso ecm_link_writer:pid(Writer) =:= Pid of
        true -> writer_ended(Reason, Link);
        false -> stop(Reason, Link)
    end;
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
mend(#link{ticks = Ticks, writer = Writer, in_flight = InFlight, options = #{services := Services}})
  when Ticks rem ?TICKS_PER_LOOK =:= ?TICKS_PER_LOOK - 1 ->
    try spawn(Services)
    catch error:system_limit -> none  % there are too many processes
    end,
    ecm_link_writer:drop_orphans(Writer, InFlight);
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
    Ticked = act(ecm_link_connection:tick(Now, Connection), Link#link{ticks = Ticks + 1}),
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
writer_ended(normal, #link{socket = Socket} = Link) ->
    case ecm_link_socket:finish(Socket) of
        ok -> {noreply, Link};
        {error, Reason} -> stop(Reason, Link)
    end;
writer_ended({shutdown, Reason}, Link) ->
    stop(Reason, Link);
writer_ended(Reason, Link) ->
    stop(Reason, Link).

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
    terminate(Reason, Link);
terminate(Reason, #link{end_text = none} = Link) ->
    ?INFO_MSG("ECM link from ~ts is down: ~0P", [name(Link), Reason, 20]),
    close(Reason, Link);
terminate(Reason, #link{end_text = Text} = Link) ->
    ?WARNING_MSG("ECM link from ~ts is down: ~ts", [name(Link), Text]),
    close(Reason, Link).

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

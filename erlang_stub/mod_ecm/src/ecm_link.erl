%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that owns a connection from an ECM, and reads it.
%%
%%     socket -> ecm_link -> ecm_router -> ecm_c2s, one process for each session
%%     socket <- ecm_link_writer <-- answers --'
%%
%% What comes is for ecm_link_receiver, which also gets the time, about once a second.
%%
%% A connection ends by itself, with the writer of the link, or when the state machine closes it. Then the
%% last messages to the peer are written before it is closed. A peer that does not read them delays
%% the end only by a limited time. With it ends the link, unless that resumes: then its writer waits for the
%% next connection (ecm_link_resume).

-module(ecm_link).
-behaviour(gen_server).

-export([accept/1, info/1, kick/1, start/2, start_link/2]).
-export([format_status/1, handle_call/3, handle_cast/2, handle_info/2, init/1, terminate/2]).
-export_type([departure/0, options/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Bytes of the kernel's buffers in each direction, and of one read.
-define(BUFFER_SIZE, 262144).

%% Reads after which the socket waits to be asked again. So a busy link cannot fill the mailbox faster than
%% it is emptied, and other messages do not wait long.
-define(READS, 16).

%% Milliseconds: between two looks at the clock, and for the TLS handshake.
-define(TICK, 1000).
-define(HANDSHAKE_TIMEOUT, 10000).

%% Ticks between two looks for what has ended unseen: sessions that were killed, and the node's services.
-define(TICKS_PER_LOOK, 30).

%% `connection' are the options of ecm_link_connection:new/2, without the nonce. `request' takes requests
%% (ecm_router:route/6), `status' is told to an ECM with several nodes, and `gone' takes clients that are gone
%% (ecm_router:gone/3). `open' takes streams, if `connection' has a window. `substitutes' are for the writer. At most
%% `max_waiting' bytes may wait for a peer that does not read. A link that resumes is kept for `link_grace'
%% milliseconds. When one of the processes in `watched' is shut down, ejabberd stops. `stats' returns the numbers of
%% this node as a body, and `inspect' the content that answers a question about sessions; neither is waited for.
%% `services' starts the processes that a node has once, if they have ended. `tls' is there for TLS, and returns the
%% options of ssl, or a text for the log. `peer' is there if the connection does not tell it (the PROXY protocol).
-type options() ::
    #{connection := map(),
      request := fun((ecm_link_clients:body(), ecm_link_writer:exchange(), ecm_peer:peer(),
                      Secure :: boolean(), ecm_link_table:in_flight()) -> any()),
      gone := fun((pid(), ecm_link_writer:exchange(), ecm_link:departure()) -> any()),
      open => ecm_link_streams:opener(),
      status := ecm_link_clients:status(),
      stats => fun(() -> iodata()),
      inspect => fun((Token :: binary(), ecm_link_connection:asked(), ecm_link_table:in_flight(),
                      ecm_link_stream_table:streams()) -> iodata()),
      substitutes := ecm_link_replies:substitutes(),
      max_waiting := pos_integer(),
      link_grace := non_neg_integer(),
      watched := [atom()],
      services := fun(() -> any()),
      tls => fun(() -> {ok, ecm_link_certificate:options()} | {error, unicode:chardata()}),
      peer => ecm_peer:peer()}.

%% `receiver' is there once the link is accepted. `end_text' says what was wrong, for the log; if the peer is told of
%% it, the receiver has the text.
-record(link, {socket :: ecm_link_socket:socket(),
               peer :: ecm_peer:peer(),
               options :: options(),
               receiver :: ecm_link_receiver:receiver() | undefined,
               ticks = 0 :: non_neg_integer(),
               end_text = none :: ecm_link_ending:text()}).

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
%% or typed, the last round-trip time in milliseconds, and the numbers of requests in flight and of streams.
-spec info(pid()) ->
    #{peer := ecm_peer:peer(),
      form := ecm_link_connection:form() | unknown,
      instance := binary() | unknown,
      round_trip := non_neg_integer() | unknown,
      in_flight := non_neg_integer(),
      streams := non_neg_integer()}.
info(Link) ->
    gen_server:call(Link, info).

%% @doc Breaks the connection. A link that resumes goes on over the next one, with the options
%% that the listener has by then.
-spec kick(pid()) -> ok.
kick(Link) ->
    gen_server:cast(Link, kick).

%% @private Traps exits, so that terminate/2 is always called.
-spec init({gen_tcp:socket(), options()}) -> {ok, #link{}} | ignore.
init({Port, Options}) ->
    process_flag(trap_exit, true),
    Socket = ecm_link_socket:tcp(Port),
    case peer(Socket, Options) of
        {ok, Peer} ->
            {ok, #link{socket = Socket, peer = Peer, options = Options}};
        {error, _} ->
            ignore
    end.

-spec peer(ecm_link_socket:socket(), options()) -> {ok, ecm_peer:peer()} | {error, term()}.
peer(_, #{peer := Peer}) -> {ok, Peer};
peer(Socket, _) -> ecm_link_socket:peername(Socket).

%% @private With `send_timeout_close', a write that takes too long would look as if the peer had closed.
%% Without it, the writer reports the timeout.
-spec handle_cast(accept | kick, #link{}) -> next().
handle_cast(kick, Link) ->
    stop(kicked, Link);
handle_cast(accept, #link{socket = Socket, options = Options} = Link) ->
    _ = ecm_link_socket:tune(Socket, [{recbuf, ?BUFFER_SIZE}, {sndbuf, ?BUFFER_SIZE},
                                 {send_timeout_close, false}]),
    case secure(Socket, Options) of
        {ok, Secured} -> begin_writing(ecm_link_writer:start(Secured), Link#link{socket = Secured});
        {error, Text} -> stop(no_tls, Link#link{end_text = ["no TLS: ", Text]})
    end.

-spec begin_writing({ok, ecm_link_writer:writer()} | {error, term()}, #link{}) -> next().
begin_writing({ok, Writer}, Link) -> read(begin_reading(Writer, Link));
begin_writing({error, Reason}, Link) -> stop({no_writer, Reason}, Link).

-spec secure(ecm_link_socket:socket(), options()) ->
    {ok, ecm_link_socket:socket()} | {error, unicode:chardata()}.
secure(Socket, #{tls := Tls}) ->
    case Tls() of
        {ok, Options} -> ecm_link_socket:secure(Socket, Options, ?HANDSHAKE_TIMEOUT);
        {error, Text} -> {error, Text}
    end;
secure(Socket, _) ->
    {ok, Socket}.

-spec begin_reading(ecm_link_writer:writer(), #link{}) -> #link{}.
begin_reading(Writer, #link{socket = Socket, peer = Peer, options = #{watched := Watched} = Options} = Link) ->
    set_tick(),
    lists:foreach(fun(Name) -> monitor(process, Name) end, Watched),
    Link#link{receiver = ecm_link_receiver:new(Writer, Socket, Peer, Options, now_ms())}.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

-spec set_tick() -> reference().
set_tick() ->
    erlang:send_after(?TICK, self(), tick).

%% @private
-spec handle_call(term(), gen_server:from(), #link{}) -> {reply, term(), #link{}}.
handle_call(info, _, #link{receiver = Receiver} = Link) ->
    {reply, ecm_link_receiver:info(Receiver), Link};
handle_call(_, _, Link) ->
    {reply, {error, badarg}, Link}.

%% @private
-spec handle_info(term(), #link{}) -> next().
handle_info(Message, #link{socket = Socket, receiver = Receiver} = Link) ->
    case ecm_link_socket:event(Message, Socket) of
        {data, Data} -> {noreply, Link#link{receiver = ecm_link_receiver:received(Data, now_ms(), Receiver)}};
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

%% Messages that are not of the socket.
-spec message(term(), #link{}) -> next().
message({'DOWN', Monitor, process, _, Reason}, #link{receiver = Receiver} = Link) ->
    case ecm_link_receiver:is_writer(Monitor, Receiver) of
        true -> writer_ended(Reason, Link);
        false -> {noreply, watched_ended(Reason, Link)}
    end;
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
watched_ended(Reason, #link{receiver = Receiver} = Link) when Reason =:= shutdown; Reason =:= noproc ->
    Link#link{receiver = ecm_link_receiver:drain(Receiver)};
watched_ended(_, Link) ->
    Link.

%% From time to time, requests are dropped whose sessions will not answer any more, and services are started
%% that have ended. The link does not wait for either.
-spec mend(#link{}) -> any().
mend(#link{ticks = Ticks, receiver = Receiver, options = #{services := Services}})
  when Ticks rem ?TICKS_PER_LOOK =:= ?TICKS_PER_LOOK - 1 ->
    try
        spawn(Services),
        ecm_link_writer:drop_orphans(ecm_link_receiver:writer(Receiver))
    catch
        error:system_limit -> none  % there are too many processes
    end;
mend(_) ->
    none.

-spec tick(#link{}) -> next().
tick(#link{receiver = Receiver, ticks = Ticks} = Link) ->
    case ecm_link_receiver:ended(Receiver) of
        none ->
            set_tick(),
            mend(Link),
            Ticked = ecm_link_receiver:tick(now_ms(), Receiver),
            bounded(Link#link{receiver = Ticked, ticks = Ticks + 1});
        _ ->
            {noreply, Link}
    end.

-spec bounded(#link{}) -> next().
bounded(#link{receiver = Receiver, options = #{max_waiting := Most}} = Link) ->
    case ecm_link_writer:waiting(ecm_link_receiver:writer(Receiver)) of
        Bytes when Bytes > Most ->
            Text = io_lib:format("~B bytes wait, because ECM does not read", [Bytes]),
            stop(unread, Link#link{end_text = Text});
        _ ->
            {noreply, Link}
    end.

%% After `close', the writer ends when all is written. Then the peer must close.
-spec writer_ended(term(), #link{}) -> next().
writer_ended(normal, Link) -> finish(Link);
writer_ended({shutdown, Reason}, Link) -> stop(Reason, Link);
writer_ended(Reason, Link) -> stop(Reason, Link).

%% After `break', the writer has let go of the socket when all is written.
-spec writer_event(ecm_link_writer:event(), #link{}) -> next().
writer_event(released, Link) -> finish(Link);
writer_event({send_failed, _} = Reason, Link) -> stop(Reason, Link);
writer_event(wrong_acknowledgement, #link{receiver = Receiver} = Link) ->
    {noreply, Link#link{receiver = ecm_link_receiver:wrong_acknowledgement(Receiver)}}.

-spec finish(#link{}) -> next().
finish(#link{socket = Socket} = Link) ->
    case ecm_link_socket:finish(Socket) of
        ok -> {noreply, Link};
        {error, Reason} -> stop(Reason, Link)
    end.

-spec lost(term(), #link{}) -> next().
lost(Reason, #link{receiver = undefined} = Link) ->
    stop(Reason, Link);
lost(Reason, #link{receiver = Receiver} = Link) ->
    case ecm_link_receiver:held(Receiver) of
        0 ->
            stop(Reason, Link);
        Held ->
            Text = io_lib:format("closed in mid-packet, after ~B bytes of it", [Held]),
            stop(Reason, Link#link{end_text = Text})
    end.

-spec stop(term(), #link{}) -> {stop, {shutdown, term()}, #link{}}.
stop(Reason, Link) ->
    {stop, {shutdown, Reason}, Link}.

%% @private
-spec terminate(term(), #link{}) -> ok.
terminate({shutdown, Reason}, Link) ->
    ended(Reason, Reason, Link);
terminate(shutdown, Link) ->
    ended(shutdown, shutdown, Link);
terminate(Reason, Link) ->
    ended(Reason, crash, Link).

%% `Left' is the reason for what becomes of the link.
-spec ended(Reason :: term(), Left :: term(), #link{}) -> ok.
ended(Reason, Left, #link{socket = Socket, peer = Peer, receiver = Receiver} = Link) ->
    _ = ecm_link_ending:log(Reason, end_text(Link), Peer),
    _ = Receiver =:= undefined orelse ecm_link_receiver:leave(Left, Receiver),
    ecm_link_ending:close(Reason, Socket),
    interrupt(Link).

-spec end_text(#link{}) -> ecm_link_ending:text().
end_text(#link{receiver = undefined, end_text = Text}) ->
    Text;
end_text(#link{receiver = Receiver, end_text = Text}) ->
    case ecm_link_receiver:ended(Receiver) of
        none -> Text;
        Told -> Told
    end.

%% The writer may wait for this socket.
-spec interrupt(#link{}) -> ok.
interrupt(#link{receiver = undefined}) ->
    ok;
interrupt(#link{receiver = Receiver, socket = Socket}) ->
    ecm_link_writer:interrupt(ecm_link_receiver:writer(Receiver), Socket).

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

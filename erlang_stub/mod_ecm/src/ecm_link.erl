%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that owns a link and reads it: one TCP connection from an ECM.
%%
%%     socket -> ecm_link -> handler, one call for each packet
%%     socket <- ecm_writer <- whoever has an answer
%%
%% It takes the stream apart (ecm_packet) and hands each packet on, with the writer of this link,
%% in the order of arrival. The handler must return at once. Packets on connection 0 are for the
%% link itself; a peer that knows only the packet has nothing to say there, and is ignored.
%%
%% A link ends with its connection, with its writer, or at the first header that can be none.

-module(ecm_link).
-behaviour(gen_server).

-export([accept/1, start/2, start_link/2]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1, terminate/2]).
-export_type([handler/0, options/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Bytes of the kernel's buffers in each direction, and of one read.
-define(BUFFER_SIZE, 262144).

%% Reads after which the socket waits to be asked again, so that a busy link cannot fill the
%% mailbox faster than it is emptied, and other messages have not long to wait.
-define(READS, 16).

-type handler() ::
    fun((ecm_packet:id(), Content :: binary(), ecm_peer:peer(), Writer :: pid()) -> any()).

%% `peer' is given where the connection does not tell (the PROXY protocol).
-type options() ::
    #{handler := handler(), max_packet := pos_integer(), peer => ecm_peer:peer()}.

-record(link, {socket :: gen_tcp:socket(),
               peer :: ecm_peer:peer(),
               handler :: handler(),
               writer :: pid(),
               decoder :: ecm_packet:decoder()}).

-type next() :: {noreply, #link{}} | {stop, {shutdown, term()}, #link{}}.

%% @doc Starts the process of a link. It waits for accept/1, before which the socket has to be
%% given to it. `ignore' where the peer has gone already.
-spec start(gen_tcp:socket(), options()) -> {ok, pid()} | {error, term()} | ignore.
start(Socket, Options) ->
    gen_server:start(?MODULE, {Socket, Options}, []).

%% @doc The same, linked to the caller.
-spec start_link(gen_tcp:socket(), options()) -> {ok, pid()} | {error, term()} | ignore.
start_link(Socket, Options) ->
    gen_server:start_link(?MODULE, {Socket, Options}, []).

%% @doc Tells the link that the socket is its own now.
-spec accept(pid()) -> ok.
accept(Link) ->
    gen_server:cast(Link, accept).

%% @private Exits are trapped so that terminate/2 is always called.
-spec init({gen_tcp:socket(), options()}) -> {ok, #link{}} | ignore.
init({Socket, #{handler := Handler, max_packet := MaxPacket} = Options}) ->
    process_flag(trap_exit, true),
    case peer(Socket, Options) of
        {ok, Peer} ->
            {ok, #link{socket = Socket, peer = Peer, handler = Handler,
                       writer = ecm_writer:start_link(Socket),
                       decoder = ecm_packet:new(MaxPacket)}};
        {error, _} ->
            ignore
    end.

-spec peer(gen_tcp:socket(), options()) -> {ok, ecm_peer:peer()} | {error, term()}.
peer(_, #{peer := Peer}) -> {ok, Peer};
peer(Socket, _) -> inet:peername(Socket).

%% @private With `send_timeout_close' a write that takes too long would look as if the peer had
%% closed; without it the writer tells what it was.
-spec handle_cast(accept, #link{}) -> next().
handle_cast(accept, Link) ->
    ?INFO_MSG("ECM link from ~ts is up", [name(Link)]),
    read([{recbuf, ?BUFFER_SIZE}, {sndbuf, ?BUFFER_SIZE}, {send_timeout_close, false},
          {active, ?READS}], Link).

%% @private
-spec handle_call(term(), gen_server:from(), #link{}) -> {reply, {error, badarg}, #link{}}.
handle_call(_, _, Link) ->
    {reply, {error, badarg}, Link}.

%% @private
-spec handle_info(term(), #link{}) -> next().
handle_info({tcp, Socket, Data}, #link{socket = Socket} = Link) ->
    received(Data, Link);
handle_info({tcp_passive, Socket}, #link{socket = Socket} = Link) ->
    read([{active, ?READS}], Link);
handle_info({tcp_closed, Socket}, #link{socket = Socket} = Link) ->
    lost(closed, Link);
handle_info({tcp_error, Socket, Reason}, #link{socket = Socket} = Link) ->
    lost(Reason, Link);
handle_info({'EXIT', _Writer, {shutdown, Reason}}, Link) ->
    {stop, {shutdown, Reason}, Link};
handle_info({'EXIT', _WriterOrSocket, Reason}, Link) ->
    {stop, {shutdown, Reason}, Link};
handle_info(Message, Link) ->
    ?WARNING_MSG("ECM link from ~ts: unexpected message ~0P", [name(Link), Message, 20]),
    {noreply, Link}.

%% @private
-spec terminate(term(), #link{}) -> ok.
terminate({shutdown, Reason}, Link) ->
    terminate(Reason, Link);
terminate(Reason, #link{socket = Socket} = Link) ->
    ?INFO_MSG("ECM link from ~ts is down: ~0p", [name(Link), Reason]),
    close(Reason, Socket).

%% When ejabberd stops, what has been written may still leave. Else nothing may: a socket with
%% unsent bytes outlives its owner for as long as its peer does not read, unless it is told not to
%% linger.
-spec close(term(), gen_tcp:socket()) -> ok.
close(shutdown, Socket) ->
    gen_tcp:close(Socket);
close(_, Socket) ->
    _ = inet:setopts(Socket, [{linger, {true, 0}}]),
    gen_tcp:close(Socket).

-spec read([gen_tcp:option()], #link{}) -> next().
read(SocketOptions, #link{socket = Socket} = Link) ->
    case inet:setopts(Socket, SocketOptions) of
        ok -> {noreply, Link};
        {error, Reason} -> lost(Reason, Link)
    end.

-spec received(binary(), #link{}) -> next().
received(Data, #link{decoder = Decoder} = Link) ->
    case ecm_packet:decode(Data, Decoder) of
        {ok, Packets, Next} ->
            hand_on(Packets, Link),
            {noreply, Link#link{decoder = Next}};
        {error, Packets, Reason, First} ->
            hand_on(Packets, Link),
            ?WARNING_MSG("ECM link from ~ts: protocol error ~ts, closing the link; "
                         "received \"~ts\"", [name(Link), Reason, escape(First)]),
            {stop, {shutdown, Reason}, Link}
    end.

-spec hand_on([ecm_packet:packet()], #link{}) -> ok.
hand_on(Packets, #link{handler = Handler, peer = Peer, writer = Writer} = Link) ->
    lists:foreach(
      fun({0, Content}) ->
              ?DEBUG("ECM link from ~ts: ignored ~B bytes on connection 0",
                     [name(Link), byte_size(Content)]);
         ({Id, Content}) ->
              Handler(Id, Content, Peer, Writer)
      end, Packets).

-spec lost(term(), #link{}) -> {stop, {shutdown, term()}, #link{}}.
lost(Reason, #link{decoder = Decoder} = Link) ->
    case ecm_packet:held(Decoder) of
        0 -> ok;
        Held -> ?WARNING_MSG("ECM link from ~ts: closed in mid-packet, after ~B bytes of it",
                             [name(Link), Held])
    end,
    {stop, {shutdown, Reason}, Link}.

-spec name(#link{}) -> unicode:chardata().
name(#link{peer = Peer}) ->
    ecm_peer:name(Peer).

%% What a peer sent, for one line of the log.
-spec escape(binary()) -> io_lib:chars().
escape(Bytes) ->
    [escape_byte(Byte) || <<Byte>> <= Bytes].

-spec escape_byte(byte()) -> byte() | io_lib:chars().
escape_byte($") -> "\\\"";
escape_byte($\\) -> "\\\\";
escape_byte(Byte) when Byte >= $\s, Byte =< $~ -> Byte;
escape_byte(Byte) -> io_lib:format("\\x~2.16.0b", [Byte]).

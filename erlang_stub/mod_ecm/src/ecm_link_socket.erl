%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The socket of a link: TCP or a UNIX socket, with or without TLS (RFC 8446).
%%
%% One process reads and another one writes, so TLS is that of OTP (ssl), which has a process for each
%% direction. ejabberd's own (fast_tls) has one state for both, and no lock.
%%
%% There are two ways to end it. After finish/1, the peer gets everything that was written, and then the end
%% of the stream. abort/1 discards it: a socket with unsent bytes outlives its owner for as long as its peer
%% does not read, unless linger is set to 0.

-module(ecm_link_socket).

-export([abort/1, close/1, event/2, finish/1, interrupt/2, peername/1, read/2, secure/3, send/2, tcp/1,
         tune/2]).
-export_type([event/0, socket/0]).

-record(tcp, {port :: gen_tcp:socket()}).
-record(tls, {port :: gen_tcp:socket(), tls :: ssl:sslsocket()}).

-opaque socket() :: #tcp{} | #tls{}.

%% What a message says of a socket. `passive': it was read as often as read/2 has asked for.
-type event() :: {data, binary()} | passive | closed | {error, term()} | unknown.

%% @doc Wraps the socket that ejabberd has accepted.
-spec tcp(gen_tcp:socket()) -> socket().
tcp(Port) ->
    #tcp{port = Port}.

%% @doc Runs the server's TLS handshake. Returns a text for the log if it fails. The caller owns the socket,
%% and waits for at most `Timeout' milliseconds.
-spec secure(socket(), ecm_link_certificate:options(), timeout()) ->
    {ok, socket()} | {error, unicode:chardata()}.
secure(#tcp{port = Port}, Options, Timeout) ->
    case ssl:handshake(Port, Options, Timeout) of
        {ok, Tls} -> {ok, #tls{port = Port, tls = Tls}};
        {error, Reason} -> {error, reason(Reason)}
    end.

-spec reason(term()) -> unicode:chardata().
reason(timeout) -> "the handshake took too long";
reason(Reason) -> ssl:format_error({error, Reason}).

-spec peername(socket()) -> {ok, ecm_peer:peer()} | {error, term()}.
peername(#tcp{port = Port}) -> inet:peername(Port);
peername(#tls{port = Port}) -> inet:peername(Port).

%% @doc Sets options of the socket below TLS.
-spec tune(socket(), [gen_tcp:option()]) -> ok | {error, term()}.
tune(#tcp{port = Port}, Options) -> inet:setopts(Port, Options);
tune(#tls{port = Port}, Options) -> inet:setopts(Port, Options).

%% @doc Asks for messages to the caller, for the next `Reads' reads.
-spec read(socket(), Reads :: pos_integer()) -> ok | {error, term()}.
read(#tcp{port = Port}, Reads) -> inet:setopts(Port, [{active, Reads}]);
read(#tls{tls = Tls}, Reads) -> ssl:setopts(Tls, [{active, Reads}]).

%% @doc Returns what a message says of this socket.
-spec event(Message :: term(), socket()) -> event().
event({tcp, Port, Data}, #tcp{port = Port}) -> {data, Data};
event({tcp_passive, Port}, #tcp{port = Port}) -> passive;
event({tcp_closed, Port}, #tcp{port = Port}) -> closed;
event({tcp_error, Port, Reason}, #tcp{port = Port}) -> {error, Reason};
event({ssl, Tls, Data}, #tls{tls = Tls}) -> {data, Data};
event({ssl_passive, Tls}, #tls{tls = Tls}) -> passive;
event({ssl_closed, Tls}, #tls{tls = Tls}) -> closed;
event({ssl_error, Tls, Reason}, #tls{tls = Tls}) -> {error, Reason};
event(_, _) -> unknown.

-spec send(socket(), iodata()) -> ok | {error, term()}.
send(#tcp{port = Port}, Data) -> gen_tcp:send(Port, Data);
send(#tls{tls = Tls}, Data) -> ssl:send(Tls, Data).

%% @doc Half-closes the stream, after all that was written. Returns at once.
-spec finish(socket()) -> ok | {error, term()}.
finish(#tcp{port = Port}) -> gen_tcp:shutdown(Port, write);
finish(#tls{tls = Tls}) -> ssl:shutdown(Tls, write).

%% @doc Closes it once all that was written has left, which takes as long as the peer does not read.
-spec close(socket()) -> ok | {error, term()}.
close(#tcp{port = Port}) -> gen_tcp:close(Port);
close(#tls{tls = Tls}) -> ssl:close(Tls).

%% @doc Resets the connection.
-spec abort(socket()) -> ok.
abort(#tcp{port = Port}) -> reset(Port);
abort(#tls{port = Port}) -> reset(Port).

%% @doc Has a process that waits in send/2 know at once that the socket is closed. gen_tcp:send/2 itself waits
%% for the reply of a socket for five seconds before it looks whether there is still one (prim_inet). Anywhere
%% else, the process gets a message that it does not know.
-spec interrupt(pid(), socket()) -> any().
interrupt(Pid, #tcp{port = Port}) -> Pid ! {inet_reply, Port, {error, closed}};
interrupt(_, #tls{}) -> ok.  % waits for the process of TLS, which has ended

-spec reset(gen_tcp:socket()) -> ok.
reset(Port) ->
    _ = inet:setopts(Port, [{linger, {true, 0}}]),
    gen_tcp:close(Port).

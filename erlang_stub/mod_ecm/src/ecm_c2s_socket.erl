%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A session as a socket for ejabberd_c2s (xmpp_socket). The process of the session makes all calls.

-module(ecm_c2s_socket).

-export([new/1, start/2, unwatch/1]).
-export([change_shaper/2, close/1, controlling_process/2, get_owner/1, get_transport/1, peername/1,
         reset_stream/1, send_xml/2, setopts/2, sockname/1]).

-type socket() :: {?MODULE, Client :: ecm_peer:address()}.

-spec new(Client :: ecm_peer:address()) -> socket().
new(Client) -> {?MODULE, Client}.

%% @doc Starts a process of ejabberd_c2s with a socket for this client.
-spec start(Client :: ecm_peer:address(), Opts :: [{atom(), term()}]) -> pid().
start(Client, Opts) ->
    {ok, Session} = ejabberd_c2s:start(?MODULE, new(Client), [{xml_socket, true} | Opts]),
    Session.

%% @doc Has the calling process, with this state of ejabberd_c2s, monitor the socket's owner no more. That is ejabberd
%% itself (get_owner/1), of whose end a session need not be told; and a monitor takes 136 bytes.
-spec unwatch(State :: map()) -> ok.
unwatch(#{socket_monitor := Monitor}) when is_reference(Monitor) ->
    true = demonitor(Monitor),
    ok;
unwatch(_) -> ok.

-spec send_xml(socket(), tuple()) -> ok | {error, closed}.
send_xml(_, {xmlstreamelement, Element} = Packet) ->
    ecm_c2s_stream:answered(Packet),
    ecm_c2s_session:send(Element);
send_xml(_, _) -> ok.  % a BOSH session has no header and no end

-spec close(socket()) -> ok.
close(_) -> ecm_c2s_session:close().

-spec change_shaper(socket(), term()) -> ok.
change_shaper(_, Shaper) -> ecm_c2s_session:change_shaper(Shaper).

%% Never the process itself, because ejabberd_c2s would give that an XML stream. This one lives as long as
%% ejabberd, and is monitored when the process begins. Once there is a session, only the log asks,
%% for what tells it from others.
-spec get_owner(socket()) -> pid() | ecm_sid:nonce().
get_owner(_) ->
    case ecm_c2s_session:tag() of
        none -> whereis(ejabberd_sup);
        Tag -> Tag
    end.

-spec peername(socket()) -> {ok, ecm_peer:address()}.
peername({?MODULE, Client}) -> {ok, Client}.

-spec sockname(socket()) -> {ok, ecm_peer:address()}.
sockname({?MODULE, Client}) -> {ok, Client}.

-spec get_transport(socket()) -> http_bind.
get_transport(_) -> http_bind.

-spec reset_stream(socket()) -> socket().
reset_stream(Socket) ->
    ecm_c2s_stream:restarts(),
    Socket.

-spec setopts(socket(), list()) -> ok.
setopts(_, _) -> ok.

-spec controlling_process(socket(), pid()) -> ok.
controlling_process(_, _) -> ok.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A stream as a socket for ejabberd_c2s (xmpp_socket). The process of the session makes all calls.

-module(ecm_stream_socket).

-export([new/1]).
-export([change_shaper/2, close/1, controlling_process/2, get_owner/1, get_transport/1, peername/1,
         reset_stream/1, send_xml/2, setopts/2, sockname/1]).
-export([get_tls_cb_exporter/1]).

-type socket() :: {?MODULE, Client :: ecm_peer:address()}.

-spec new(Client :: ecm_peer:address()) -> socket().
new(Client) -> {?MODULE, Client}.

-spec send_xml(socket(), ecm_stream_session:packet()) -> ok.
send_xml(_, Packet) -> ecm_stream_session:send(Packet).

-spec close(socket()) -> ok.
close(_) -> ecm_stream_session:close().

-spec change_shaper(socket(), term()) -> ok.
change_shaper(_, Shaper) -> ecm_stream_session:change_shaper(Shaper).

%% The client begins its stream anew after a login.
-spec reset_stream(socket()) -> socket().
reset_stream(Socket) ->
    ok = ecm_stream_session:reset(),
    Socket.

%% What ejabberd knows of the client's connection (`connected_users_info').
-spec get_transport(socket()) -> websocket | tcp | tls.
get_transport(_) -> ecm_stream_session:transport().

%% See ecm_c2s_socket:get_owner/1.
-spec get_owner(socket()) -> pid() | ecm_link_packet:id().
get_owner(_) ->
    case ecm_stream_session:tag() of
        none -> whereis(ejabberd_sup);
        Tag -> Tag
    end.

%% What a login is bound to (`SCRAM-SHA-1-PLUS' and the like). Versions of ejabberd that do not ask do not know this
%% binding.
-spec get_tls_cb_exporter(socket()) -> {ok, binary()} | {error, unavailable}.
get_tls_cb_exporter(_) ->
    case ecm_stream_session:binding() of
        none -> {error, unavailable};
        Binding -> {ok, Binding}
    end.

-spec peername(socket()) -> {ok, ecm_peer:address()}.
peername({?MODULE, Client}) -> {ok, Client}.

-spec sockname(socket()) -> {ok, ecm_peer:address()}.
sockname({?MODULE, Client}) -> {ok, Client}.

-spec setopts(socket(), list()) -> ok.
setopts(_, _) -> ok.

-spec controlling_process(socket(), pid()) -> ok.
controlling_process(_, _) -> ok.

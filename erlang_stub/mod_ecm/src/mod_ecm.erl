%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A listener for ECM, which holds the HTTP connections of web clients in place of ejabberd,
%% and carries their BOSH requests (XEP-0124) here over one TCP connection: a link.
%%
%% This module is what ejabberd_listener calls. For each connection it starts an ecm_link, which
%% starts one ecm_exchange for each request; that one asks the session (ecm_bosh) and hands the
%% answer to the ecm_writer of the link. All that goes over the link is an ecm_packet.

-module(mod_ecm).
-behaviour(ejabberd_listener).

-export([accept/1, listen_opt_type/1, listen_options/0, start/3, start_link/3, tcp_init/2]).

%% As ECM has it for its --max-packet: the least lets a session begin, the greatest is what the ten
%% digits of a length can say.
-define(LEAST_MAX_PACKET, 4096).
-define(GREATEST_MAX_PACKET, 9999999999).

%% Milliseconds in which the peer has to read some of what is written; ejabberd's default.
-define(SEND_TIMEOUT, 15000).

%% @doc Called when the listener starts, before there are connections.
-spec tcp_init(inet:socket(), Opts) -> Opts when Opts :: [{atom(), term()}].
tcp_init(ListenSocket, Opts) ->
    ecm_bosh:report_missing(),
    limit_sending(inet:getopts(ListenSocket, [send_timeout]), ListenSocket, Opts),
    Opts.

%% ejabberd has the option `send_timeout' for every listener, but gives it to the sockets only from
%% 25.10 on. Without it a peer that does not read would never lose its link, and its answers would
%% pile up here.
-spec limit_sending(term(), inet:socket(), [{atom(), term()}]) -> ok.
limit_sending({ok, [{send_timeout, infinity}]}, ListenSocket, Opts) ->
    Timeout = proplists:get_value(send_timeout, Opts, ?SEND_TIMEOUT),
    ok = inet:setopts(ListenSocket, [{send_timeout, Timeout}]);
limit_sending({ok, [{send_timeout, _}]}, _, _) ->
    ok.

-spec start(gen_tcp, inet:socket(), [{atom(), term()}]) ->
    {ok, pid()} | {error, term()} | ignore.
start(gen_tcp, Socket, Opts) ->
    ecm_link:start(Socket, link_options(Opts)).

-spec start_link(gen_tcp, inet:socket(), [{atom(), term()}]) ->
    {ok, pid()} | {error, term()} | ignore.
start_link(gen_tcp, Socket, Opts) ->
    ecm_link:start_link(Socket, link_options(Opts)).

-spec accept(pid()) -> ok.
accept(Link) ->
    ecm_link:accept(Link).

-spec listen_options() -> [{atom(), term()}].
listen_options() ->
    [{max_packet, 1048576}].

-spec listen_opt_type(max_packet) -> econf:validator().
listen_opt_type(max_packet) ->
    econf:int(?LEAST_MAX_PACKET, ?GREATEST_MAX_PACKET).

%% ejabberd leaves out of `Opts' what has its default value, and puts in the peer's address if
%% the PROXY protocol told it.
-spec link_options([{atom(), term()}]) -> ecm_link:options().
link_options(Opts) ->
    MaxPacket = proplists:get_value(max_packet, Opts ++ listen_options()),
    Options = #{handler => ecm_exchange:handler(fun ecm_bosh:ask/2, MaxPacket),
                max_packet => MaxPacket},
    case proplists:get_value(sock_peer_name, Opts) of
        {_Local, Peer} -> Options#{peer => Peer};
        undefined -> Options
    end.

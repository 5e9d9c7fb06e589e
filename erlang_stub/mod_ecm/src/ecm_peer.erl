%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc An end of a connection: its address and port. Pure.

-module(ecm_peer).

-export([address/1, is_local/1, name/1]).
-export_type([address/0, peer/0]).

%% As inet:peername/1 and inet:sockname/1 tell it; `local' for a UNIX socket.
-type peer() :: address() | {local, binary()}.

-type address() :: {inet:ip_address(), inet:port_number()}.

%% @doc Returns an IP address for a peer, as ejabberd takes it for granted that a session has one.
-spec address(peer()) -> address().
address({local, _}) -> {{127, 0, 0, 1}, 0};
address(Peer) -> Peer.

%% @doc Returns the name of a peer for the log.
-spec name(peer()) -> unicode:chardata().
name({local, _}) -> "a UNIX socket";
name({{_, _, _, _} = Address, Port}) -> io_lib:format("~s:~B", [inet:ntoa(Address), Port]);
name({Address, Port}) -> io_lib:format("[~s]:~B", [inet:ntoa(Address), Port]).

%% @doc Returns whether only this machine can connect to this address (RFC 6890).
-spec is_local(peer()) -> boolean().
is_local({local, _}) -> true;
is_local({{127, _, _, _}, _}) -> true;
is_local({{0, 0, 0, 0, 0, 0, 0, 1}, _}) -> true;
is_local({_, _}) -> false.

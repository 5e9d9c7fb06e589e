%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The peer of a connection: its address, and what the log shows of it. Pure.

-module(ecm_peer).

-export([address/1, escape/1, is_local/1, name/1]).
-export_type([address/0, peer/0]).

%% As inet:peername/1 and inet:sockname/1 tell it; `local' for a UNIX socket.
-type peer() :: address() | {local, binary()}.

-type address() :: {inet:ip_address(), inet:port_number()}.

%% @doc Returns an IP address for a peer: ejabberd expects each session to have one.
-spec address(peer()) -> address().
address({local, _}) -> {{127, 0, 0, 1}, 0};
address(Peer) -> Peer.

%% @doc Returns the name of a peer for the log.
-spec name(peer()) -> unicode:chardata().
name({local, _}) -> "a UNIX socket";
name({{_, _, _, _} = Address, Port}) -> io_lib:format("~s:~B", [inet:ntoa(Address), Port]);
name({Address, Port}) -> io_lib:format("[~s]:~B", [inet:ntoa(Address), Port]).

%% @doc Returns bytes that came from a peer as printable ASCII without quotation marks.
-spec escape(binary()) -> io_lib:chars().
escape(Bytes) ->
    [escape_byte(Byte) || <<Byte>> <= Bytes].

-spec escape_byte(byte()) -> byte() | io_lib:chars().
escape_byte($") -> "\\\"";
escape_byte($\\) -> "\\\\";
escape_byte(Byte) when Byte >= $\s, Byte =< $~ -> Byte;
escape_byte(Byte) -> io_lib:format("\\x~2.16.0b", [Byte]).

%% @doc Returns whether only this machine can connect to this address (RFC 6890).
-spec is_local(peer()) -> boolean().
is_local({local, _}) -> true;
is_local({{127, _, _, _}, _}) -> true;
is_local({{0, 0, 0, 0, 0, 0, 0, 1}, _}) -> true;
is_local({_, _}) -> false.

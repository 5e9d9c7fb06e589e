%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The peer of a link: the address of the ECM at its other end. Pure.

-module(ecm_peer).

-export([name/1]).
-export_type([peer/0]).

%% As inet:peername/1 tells it; `local' for a UNIX socket.
-type peer() :: {inet:ip_address(), inet:port_number()} | {local, binary()}.

%% @doc Returns the name of a peer for the log.
-spec name(peer()) -> unicode:chardata().
name({local, _}) -> "a UNIX socket";
name({{_, _, _, _} = Address, Port}) -> io_lib:format("~s:~B", [inet:ntoa(Address), Port]);
name({Address, Port}) -> io_lib:format("[~s]:~B", [inet:ntoa(Address), Port]).

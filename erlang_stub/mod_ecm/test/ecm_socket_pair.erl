%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: the two ends of a local connection, opened as ejabberd opens it.

-module(ecm_socket_pair).

-export([close/1, open/0, open/1, open_local/0, receive_all/1, receive_packet/1]).

open() ->
    open([]).

%% @doc Returns the peer's end, and ours, which has `Options' and belongs to the caller.
open(Options) ->
    connect([{ip, {127, 0, 0, 1}} | Options]).

%% @doc The same, with a UNIX socket.
open_local() ->
    Path = filename:join(string:trim(os:cmd("mktemp -d")), "ecm.sock"),
    Pair = connect([{ip, {local, Path}}]),
    ok = file:delete(Path),
    ok = file:del_dir(filename:dirname(Path)),
    Pair.

connect(Options) ->
    {ok, Listener} = gen_tcp:listen(0, [binary, {packet, 0}, {active, false}, {nodelay, true},
                                        {send_timeout_close, true} | Options]),
    {ok, {Address, Port}} = listens(inet:sockname(Listener)),
    {ok, Peer} = gen_tcp:connect(Address, Port, [binary, {active, false}]),
    {ok, Ours} = gen_tcp:accept(Listener),
    ok = gen_tcp:close(Listener),
    {Peer, Ours}.

listens({ok, {local, _} = Address}) -> {ok, {Address, 0}};
listens(Name) -> Name.

close({Peer, Ours}) ->
    ok = gen_tcp:close(Peer),
    ok = gen_tcp:close(Ours).

%% @doc Returns the next packet that the peer receives.
receive_packet(Peer) ->
    {ok, <<Length:10/binary, Rest:22/binary>>} = gen_tcp:recv(Peer, 32),
    {ok, Content} = receive_exactly(Peer, binary_to_integer(Length) - 32),
    <<Length/binary, Rest/binary, Content/binary>>.

receive_exactly(_, 0) -> {ok, <<>>};
receive_exactly(Peer, Size) -> gen_tcp:recv(Peer, Size).

%% @doc Returns all bytes until the connection ends, and how it ended.
receive_all(Peer) ->
    receive_all(Peer, []).

receive_all(Peer, Done) ->
    case gen_tcp:recv(Peer, 0) of
        {ok, Data} -> receive_all(Peer, [Done, Data]);
        {error, Reason} -> {iolist_to_binary(Done), Reason}
    end.

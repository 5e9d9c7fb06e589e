%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: a link on a real socket, and the test at the other end of it.

-module(ecm_link_pair).

-export([answers/1, await/1, beside/1, close/1, gives/1, hello/1, hello_for_parts/2, log_since_up/0, lines/0,
         look/1, open/1, open/2, options/1, over/2, receive_content/1, reason_of_exit/1, refusal/0, send/2, send/3,
         stop/1, substitutes/0, typed/1]).

-define(MAX_PACKET, 10000).
-define(NONCE, <<"000102030405060708090a0b0c0d0e0f">>).

%% @doc Returns the two ends and the link that owns the socket. `Changes' override options/1. lines/0
%% returns the log from now on.
open(Changes) ->
    open(Changes, []).

open(Changes, SocketOptions) ->
    over(ecm_socket_pair:open(SocketOptions), Changes).

%% @doc The same, over an existing connection.
over(Pair, Changes) ->
    process_flag(trap_exit, true),
    ok = ecm_services:ensure(),
    ecm_log:start(),
    forget(),
    beside(Pair, Changes).

%% @doc The same beside earlier ones, whose log and messages stay.
beside(Changes) ->
    beside(ecm_socket_pair:open(), Changes).

beside({_, Ours} = Pair, Changes) ->
    {ok, Link} = ecm_link:start_link(Ours, options(Changes)),
    ok = gen_tcp:controlling_process(Ours, Link),
    ok = ecm_link:accept(Link),
    {Pair, Link}.

%% Drops the messages of earlier links to the test.
forget() ->
    receive
        {request, _, _} -> forget();
        {gone, _} -> forget()
    after 0 ->
        ok
    end.

%% @doc The same, typed, after hello in both directions.
typed(Changes) ->
    {{Peer, _}, _} = Opened = open(Changes),
    send(Opened, 0, hello(4096)),
    {0, <<"hello version=1 role=ejabberd ", _/binary>>} = receive_content(Peer),
    Opened.

%% @doc Returns the hello of an ECM that accepts packets of so many bytes.
hello(MaxPacket) ->
    ["hello version=1 role=ecm instance=web1:4711 max-packet=", integer_to_binary(MaxPacket),
     " nonce=", ?NONCE].

%% @doc The same for an ECM that accepts answers in parts, of so many bytes together.
hello_for_parts(MaxPacket, MaxContent) ->
    [hello(MaxPacket), " max-content=", integer_to_binary(MaxContent), " features=parts"].

%% @doc Returns the options of a link that answers each request with its own body. Options of the connection
%% may be changed one by one.
options(Changes) ->
    Connection = #{protocol => auto, instance => <<"ejabberd@chat">>, max_packet => ?MAX_PACKET,
                 max_content => 1000000, ping_interval => 10000, link_timeout => 30000, hello_timeout => 5000,
                 resume => false},
    Options = #{request => answers(fun(Body, _) -> {200, Body} end),
                gone => fun(Session, Exchange, Departure) -> Session ! {Departure, Exchange} end,
                status => fun() -> ecm_link_load:fields(<<"0123456789abcdef">>) end,
                substitutes => substitutes(), max_waiting => 1000000, link_grace => 30000, watched => [],
                services => fun() -> ok end},
    Changed = maps:merge(Connection, maps:get(connection, Changes, #{})),
    (maps:merge(Options, Changes))#{connection => Changed}.

%% @doc Returns what a plain link sends for a missing answer.
substitutes() ->
    #{retry => <<"try again">>, ended => <<"it has ended">>}.

%% @doc Returns a handler of requests that answers with the result of a function of body and client.
answers(Answer) ->
    fun(Body, {Writer, Id, _}, Client, _, _) ->
            {Status, Content} = Answer(Body, Client),
            ecm_link_writer:answer(Writer, Id, Status, Content)
    end.

%% @doc Returns a handler that passes requests to a session.
gives(Session) ->
    fun(Body, {_, Id, _} = Exchange, _, _, InFlight) ->
            ecm_link_table:add(Id, Session, InFlight),
            Session ! {request, Body, Exchange}
    end.

%% @doc Returns the body that clients of a plain link get for a missing answer.
refusal() ->
    map_get(ended, substitutes()).

%% @doc Has the link look for orphaned requests, which it does every 30 ticks.
look({_, Link}) ->
    [Link ! tick || _ <- lists:seq(1, 30)].

send({{Peer, _}, _}, Bytes) ->
    ok = gen_tcp:send(Peer, Bytes).

send(Opened, Id, Content) ->
    send(Opened, ecm_link_packet:encode(Id, Content)).

%% @doc Returns the ID and the content of the next packet.
receive_content(Peer) ->
    <<_:11/binary, Id:20/binary, _, Content/binary>> = ecm_socket_pair:receive_packet(Peer),
    {binary_to_integer(Id), Content}.

%% @doc Stops the link as ejabberd does at its own end.
stop({_, Link} = Opened) ->
    exit(Link, shutdown),
    shutdown = reason_of_exit(Link),
    close(Opened).

close({Pair, _}) ->
    ecm_socket_pair:close(Pair).

reason_of_exit(Link) ->
    receive {'EXIT', Link, Reason} -> Reason end.

%% @doc Returns once this is true. It is looked at again whenever a process of the node has done something.
await(Condition) ->
    _ = erlang:trace(processes, true, [running, procs]),
    try
        await_event(Condition)
    after
        _ = erlang:trace(processes, false, [running, procs]),
        Delivered = erlang:trace_delivered(all),
        receive {trace_delivered, all, Delivered} -> forget_events() end
    end.

await_event(Condition) ->
    case Condition() of
        true ->
            ok;
        false ->
            receive Event when element(1, Event) =:= trace -> forget_events() end,
            await_event(Condition)
    end.

forget_events() ->
    receive Event when element(1, Event) =:= trace -> forget_events()
    after 0 -> ok
    end.

%% @doc Returns the log lines of the link, without its name.
lines() ->
    [{Level, without_name(Text)} || {Level, Text} <- ecm_log:lines(), is_list(Text)].

%% @doc Returns the log lines after the one that says that a plain link is up.
log_since_up() ->
    [{info, "is up: plain"} | Lines] = lines(),
    Lines.

without_name(Text) ->
    re:replace(Text, "^ECM link from (127\\.0\\.0\\.1:[0-9]+|a UNIX socket):? ", "",
               [{return, list}]).

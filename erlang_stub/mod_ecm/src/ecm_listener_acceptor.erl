%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Accepts connections to a UNIX socket in place of ejabberd's listener.
%%
%% From 23.10 until 25.03 ejabberd's listener crashes when it logs such a connection, and takes five seconds to
%% listen again. Others fail meanwhile.

-module(ecm_listener_acceptor).

-export([is_needed/1, is_needed/2, run/2]).

-include_lib("ejabberd/include/logger.hrl").

%% Milliseconds until it accepts again, when there are too many open files.
-define(PAUSE, 100).

%% The supervisor of the links, as ejabberd_listener names it, unless the listener is to have none.
-define(LINKS, mod_ecm_sup).

-spec is_needed(inet:socket()) -> boolean().
is_needed(ListenSocket) ->
    {ok, Name} = inet:sockname(ListenSocket),
    is_needed(Name, application:get_key(ejabberd, vsn)).

%% @doc Returns whether this ejabberd cannot accept connections at this address.
-spec is_needed(ecm_peer:peer(), {ok, string()} | undefined) -> boolean().
is_needed({local, _}, {ok, Version}) ->
    case re:run(Version, "^([0-9]+)\\.([0-9]+)", [{capture, all_but_first, list}]) of
        {match, Numbers} ->
            Release = [list_to_integer(Number) || Number <- Numbers],
            Release >= [23, 10] andalso Release < [25, 3];
        nomatch ->
            false
    end;
is_needed(_, _) ->
    false.

%% @doc Accepts connections until the socket is closed.
-spec run(inet:socket(), ecm_listener_options:opts()) -> no_return().
run(ListenSocket, Opts) ->
    case gen_tcp:accept(ListenSocket) of
        {ok, Socket} ->
            hand_over(Socket, start_link(whereis(?LINKS), Socket, Opts));
        {error, closed} ->
            exit(normal);
        {error, Reason} ->
            ?ERROR_MSG("mod_ecm cannot accept a connection to its UNIX socket: ~ts", [inet:format_error(Reason)]),
            timer:sleep(?PAUSE)
    end,
    run(ListenSocket, Opts).

-spec start_link(pid() | undefined, inet:socket(), ecm_listener_options:opts()) -> {ok, pid()} | {error, term()}.
start_link(undefined, Socket, Opts) ->
    ecm_link:start(Socket, ecm_listener_options:for_link(Opts));
start_link(Supervisor, Socket, Opts) ->
    supervisor:start_child(Supervisor, [gen_tcp, Socket, Opts]).

-spec hand_over(inet:socket(), {ok, pid()} | {error, term()}) -> ok.
hand_over(Socket, {ok, Link}) ->
    case gen_tcp:controlling_process(Socket, Link) of
        ok -> ecm_link:accept(Link);
        {error, _} -> gen_tcp:close(Socket)
    end,
    ok;
hand_over(Socket, {error, _}) ->
    gen_tcp:close(Socket).

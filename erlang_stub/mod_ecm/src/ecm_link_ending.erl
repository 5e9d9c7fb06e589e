%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The end of a connection from an ECM: its line in the log, what becomes of its link, and of its socket.

-module(ecm_link_ending).

-export([close/2, leave/3, log/3]).
-export_type([text/0]).

-include_lib("ejabberd/include/logger.hrl").

%% What was wrong, for the log.
-type text() :: unicode:chardata() | none.

-spec log(Reason :: term(), text(), ecm_peer:peer()) -> any().
log(Reason, none, Peer) ->
    ?INFO_MSG("ECM link from ~ts is down: ~0P", [ecm_peer:name(Peer), Reason, 20]);
log(_, Text, Peer) ->
    ?WARNING_MSG("ECM link from ~ts is down: ~ts", [ecm_peer:name(Peer), Text]).

%% @doc Leaves a link that resumes to its writer, and ends any other. One whose packet has crashed the reader (the
%% reason is `crash') ends, too: it would crash the next one as well. When ejabberd stops, its sessions
%% have ended, and nobody waits for the writer.
-spec leave(Reason :: term(), ecm_link_connection:connection(), ecm_link_writer:writer()) -> ok.
leave(Reason, Connection, Writer) ->
    case ecm_link_connection:outlived(Connection) of
        true when Reason =/= crash, Reason =/= shutdown, Reason =/= unread -> ok;
        _ when Reason =:= shutdown -> ecm_link_writer:over(Writer);
        _ -> ecm_link_writer:end_soon(Writer)
    end.

%% @doc Closes the socket. When ejabberd stops, written bytes may still leave, until the supervisor loses
%% patience.
-spec close(Reason :: term(), ecm_link_socket:socket()) -> ok.
close(shutdown, Socket) ->
    _ = ecm_link_socket:close(Socket),
    ok;
close(_, Socket) ->
    ecm_link_socket:abort(Socket).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What the sessions of streams say, as packets in the backlog of a link. The writer of the link calls this.

-module(ecm_link_stream_replies).

-export([say/5]).

-include_lib("ejabberd/include/logger.hrl").

%% @doc Adds what a session says on a connection, unless its stream has ended.
-spec say(ecm_link_packet:id(), ecm_link_stream:said(), ecm_link_stream_table:streams(),
          ecm_link_replies:options(), ecm_link_backlog:backlog()) -> ecm_link_backlog:backlog().
say(Id, Said, Table, Options, Backlog) ->
    case ecm_link_stream_table:has(Id, Table) of
        true -> add(Id, Said, Table, Options, Backlog);
        false -> Backlog
    end.

-spec add(ecm_link_packet:id(), ecm_link_stream:said(), ecm_link_stream_table:streams(),
          ecm_link_replies:options(), ecm_link_backlog:backlog()) -> ecm_link_backlog:backlog().
add(Id, {message, Body}, Table, #{in_message := Longest} = Options, Backlog) when byte_size(Body) > Longest ->
    ?ERROR_MSG("ECM link from ~ts: connection ~B: a message of ~B bytes ends its stream, the link carries ~B",
               [ecm_peer:name(map_get(peer, Options)), Id, byte_size(Body), Longest]),
    fail(Id, Table, Backlog);
add(Id, {message, Body}, Table, _, Backlog) ->
    case ecm_link_replies:is_too_much(Body, Backlog) of
        false -> packet(Id, ecm_link_message:write(message, [], [], Body), Backlog);
        true -> fail(Id, Table, Backlog)
    end;
add(Id, {more, Bytes}, Table, _, Backlog) ->
    _ = ecm_link_stream_table:given_back(Id, Bytes, Table),
    packet(Id, ecm_link_message:write(more, [integer_to_binary(Bytes)], []), Backlog);
add(Id, left, _, _, Backlog) ->
    packet(Id, ecm_link_message:write(left, [], []), Backlog);
add(Id, {close, Reason, Status}, Table, _, Backlog) ->
    _ = ecm_link_stream_table:take(Id, Table),
    packet(Id, close(Reason, Status), Backlog);
add(Id, {wrong, Text}, Table, _, Backlog) ->
    _ = ecm_link_stream_table:take(Id, Table),
    packet(Id, ecm_link_message:write(error, [<<"credit">>, Text], []), Backlog).

%% Ends a stream, and tells both its ends.
-spec fail(ecm_link_packet:id(), ecm_link_stream_table:streams(), ecm_link_backlog:backlog()) ->
    ecm_link_backlog:backlog().
fail(Id, Table, Backlog) ->
    _ = [ecm_link_stream:tell({closed, failed}, Session) || {ok, Session} <- [ecm_link_stream_table:take(Id, Table)]],
    packet(Id, close(failed, none), Backlog).

-spec close(ecm_link_stream:ended(), ecm_link_stream:end_status()) -> Content :: iodata().
close(Reason, Status) ->
    Fields = [{<<"status">>, integer_to_binary(Status)} || is_integer(Status)],
    ecm_link_message:write(close, [atom_to_binary(Reason)], Fields).

-spec packet(ecm_link_packet:id(), Content :: iodata(), ecm_link_backlog:backlog()) -> ecm_link_backlog:backlog().
packet(Id, Content, Backlog) ->
    ecm_link_backlog:add(iolist_to_binary(ecm_link_packet:encode(Id, Content)), Backlog).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The replies to requests as packets in the backlog of a link: an answer, whole or in parts, or the
%% notice that there is none.

-module(ecm_link_replies).

-export([answer/5, drop/3, is_too_much/2]).
-export_type([options/0, substitutes/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Bytes of a long body; and the high-water mark, above which long bodies are refused, in bytes that wait to
%% be written or acknowledged. A client that repeats a request and does not read adds a copy of its answer
%% each time. A link with twice as many bytes is closed, with everybody's requests.
-define(LONG_BODY, 16384).
-define(MAX_WAITING, 134217728).

%% A body of at most `in_packet' bytes goes in one packet, one of at most `longest' bytes in parts. `peer' is
%% for the log.
-type options() :: #{form := ecm_link_connection:form(), in_packet := pos_integer(), longest := pos_integer(),
                     peer := ecm_peer:peer(), substitutes := substitutes(), atom() => term()}.

%% The bodies that stand for a missing answer on a plain link, which carries nothing but bodies: the client
%% may repeat its request, or its session has ended.
-type substitutes() :: #{retry := binary(), ended := binary()}.

%% @doc Adds the answer to the request on a connection.
-spec answer(ecm_link_packet:id(), ecm_link_answer:head(), Body :: binary(), options(),
             ecm_link_backlog:backlog()) -> ecm_link_backlog:backlog().
answer(Id, Head, Body, Options, Backlog) ->
    case is_too_much(Body, Backlog) of
        true -> again(Id, Options, Backlog);
        false -> add(Id, Head, Body, Options, Backlog)
    end.

%% @doc Returns whether a body is long, and too much waits already.
-spec is_too_much(Body :: binary(), ecm_link_backlog:backlog()) -> boolean().
is_too_much(Body, Backlog) ->
    byte_size(Body) > ?LONG_BODY andalso ecm_link_backlog:bytes(Backlog) > ?MAX_WAITING.

-spec add(ecm_link_packet:id(), ecm_link_answer:head(), binary(), options(),
          ecm_link_backlog:backlog()) -> ecm_link_backlog:backlog().
add(Id, Head, Body, #{form := Form, in_packet := InPacket}, Backlog) when byte_size(Body) =< InPacket ->
    packet(Id, ecm_link_answer:encode(Form, Head, Body), Backlog);
add(Id, Head, Body, #{in_packet := InPacket, longest := Longest} = Options, Backlog)
  when byte_size(Body) =< Longest ->
    case ecm_link_backlog:add_long(Id, Head, Body, InPacket, Backlog) of
        {ok, Added} -> Added;
        full -> again(Id, Options, Backlog)
    end;
add(Id, _, Body, Options, Backlog) ->
    too_long(Id, byte_size(Body), Options, Backlog).

-spec packet(ecm_link_packet:id(), Content :: iodata(), ecm_link_backlog:backlog()) ->
    ecm_link_backlog:backlog().
packet(Id, Content, Backlog) ->
    ecm_link_backlog:add(iolist_to_binary(ecm_link_packet:encode(Id, Content)), Backlog).

%% A session cuts its answers so that they fit. One that does not fit would take down the link, with
%% everybody's requests. Its client must not be told that the session has ended, because it goes on.
-spec too_long(ecm_link_packet:id(), Bytes :: pos_integer(), options(), ecm_link_backlog:backlog()) ->
    ecm_link_backlog:backlog().
too_long(Id, Bytes, #{longest := Longest, peer := Peer} = Options, Backlog) ->
    ?ERROR_MSG("ECM link from ~ts: connection ~B: dropped an answer of ~B bytes, the link carries ~B",
               [ecm_peer:name(Peer), Id, Bytes, Longest]),
    again(Id, Options, Backlog).

%% There is no answer now. The client may repeat its request.
-spec again(ecm_link_packet:id(), options(), ecm_link_backlog:backlog()) -> ecm_link_backlog:backlog().
again(Id, Options, Backlog) ->
    packet(Id, none(retry, Options), Backlog).

%% @doc Adds the notice that sessions have ended without an answer, for the requests on these connections.
-spec drop([ecm_link_packet:id()], options(), ecm_link_backlog:backlog()) -> ecm_link_backlog:backlog().
drop([], _, Backlog) ->
    Backlog;
drop([Id | _] = Ids, #{peer := Peer} = Options, Backlog) ->
    ?WARNING_MSG("ECM link from ~ts: dropped ~B requests, the first one on connection ~B: their sessions have ended "
                 "without an answer",
                 [ecm_peer:name(Peer), length(Ids), Id]),
    lists:foldl(fun(Each, Added) -> packet(Each, none(ended, Options), Added) end, Backlog, Ids).

%% Says that there will be no answer. On a plain link, only an answer can say it.
-spec none(retry | ended, options()) -> Content :: iodata().
none(_, #{form := typed}) -> ecm_link_answer:none();
none(Reason, #{form := plain, substitutes := Substitutes}) -> map_get(Reason, Substitutes).

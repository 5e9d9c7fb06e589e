%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A stream as its session knows it: what it tells the client, through the writer of the link.
%%
%% The session gets `{ecm_stream, Event}', and keeps the rules of ecm_link_credit: it sends no message without
%% credit, gives back what it has dealt with, and ends a stream on which ECM gives back too much.

-module(ecm_link_stream).

-export([close/3, leave/1, left/1, message/2, more/2, orphaned/2, send_away/1, tell/2, wrong/1]).
-export_type([closed/0, end_status/0, ended/0, event/0, open/0, said/0, stream/0]).

%% The writer of the link, and a body of at most so many bytes in one message.
-type stream() :: {Writer :: pid(), ecm_link_packet:id(), Longest :: pos_integer()}.

%% What ECM says of a stream that it opens, with all other fields, of which `cb' has bytes; the peer is the
%% link's if ECM does not say it.
-type open() :: #{kind := binary(), peer := ecm_peer:peer(), secure := boolean(),
                  windows := ecm_link_credit:windows(), fields := #{binary() => term()}}.

%% Nothing comes after `closed', and nothing is sent. `unsent' is what ECM has not acknowledged of a link that is over.
%% On `leave', a session closes its stream; on `half_close', it sends its last message, and hears its client out.
-type event() :: {message, binary()} | {more, Bytes :: non_neg_integer()} | {unsent, [Body :: binary()]} |
                 {closed, closed()} | leave | half_close.

%% The client or the link has gone; or one end of the link was wrong about the stream.
-type closed() :: gone | failed.

%% The session has ended (`end'), was not let in (`refused'), or something is wrong.
-type ended() :: 'end' | refused | failed.

%% What a session says, as the message `{stream, Connection, Said}' to the writer.
-type said() :: {message, binary()} | {more, Bytes :: pos_integer()} | left |
                {close, ended(), end_status()} | {wrong, Text :: binary()}.

%% The status with which ECM closes a WebSocket.
-type end_status() :: none | 1000..4999.

%% The status for a client that is to connect again, elsewhere (RFC 6455, section 7.4.1, and IANA's registry).
-define(SERVICE_RESTART, 1012).

%% @doc Sends a message to the client.
-spec message(Body :: binary(), stream()) -> ok.
message(Body, Stream) ->
    pass({message, Body}, Stream).

%% @doc Gives credit back to ECM.
-spec more(Bytes :: pos_integer(), stream()) -> ok.
more(Bytes, Stream) ->
    pass({more, Bytes}, Stream).

%% @doc Says that no message comes behind those before. ECM closes its end of the client's connection, and the stream
%% when the client has closed its own.
-spec left(stream()) -> ok.
left(Stream) ->
    pass(left, Stream).

%% @doc Ends the stream, behind all messages before.
-spec close(ended(), end_status(), stream()) -> ok.
close(Reason, Status, Stream) ->
    pass({close, Reason, Status}, Stream).

%% @doc Ends the stream of a client that is to connect again, elsewhere.
-spec send_away(stream()) -> ok.
send_away(Stream) ->
    close('end', ?SERVICE_RESTART, Stream).

%% @doc Ends the stream, because ECM has given back more than it has got.
-spec wrong(stream()) -> ok.
wrong(Stream) ->
    pass({wrong, <<"credit for more than was sent">>}, Stream).

%% @doc Ends a stream in place of its session, which has been killed. The link calls this.
-spec orphaned(Writer :: pid(), ecm_link_packet:id()) -> ok.
orphaned(Writer, Id) ->
    pass({close, failed, none}, {Writer, Id, none}).

-spec pass(said(), stream() | {Writer :: pid(), ecm_link_packet:id(), none}) -> ok.
pass(Said, {Writer, Id, _}) ->
    Writer ! {stream, Id, Said},
    ok.

%% @doc Tells a session an event. The link calls this.
-spec tell(event(), Session :: pid()) -> ok.
tell(Event, Session) ->
    Session ! {ecm_stream, Event},
    ok.

%% @doc Has a session close its stream, so that the client connects anew. This node is emptied.
-spec leave(Session :: pid()) -> ok.
leave(Session) ->
    tell(leave, Session).

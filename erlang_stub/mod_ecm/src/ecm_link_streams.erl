%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a link passes on from the clients of its streams. The reader of the link calls this.

-module(ecm_link_streams).

-export([close/3, leave/2, message/3, more/3, new/4, open/3, terms/2]).
-export_type([fault/0, opener/0, streams/0, terms/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Begins the session of a stream. It runs in the reader of the link, must not wait for anything, and does not link
%% the session to it. If it fails, that is the end of this stream alone.
-type opener() :: fun((ecm_link_stream:stream(), ecm_link_stream:open()) -> {ok, pid()} | {refused, term()}).

%% What both ends have agreed, if the link carries streams: a message has a body of at most `longest' bytes.
-type terms() :: #{windows := ecm_link_credit:windows(), longest := pos_integer()}.

%% ECM is wrong about one stream: a code, and a text for ECM and the log.
-type fault() :: {fault, unexpected | credit, Text :: binary()}.

-record(streams, {writer :: ecm_link_writer:writer(),
                  terms :: terms(),
                  peer :: ecm_peer:peer(),
                  open :: opener()}).

-opaque streams() :: #streams{}.

%% @doc Returns the terms of a link, `none' if it carries no streams.
-spec terms(plain | ecm_link_hello:agreement(), ecm_link_connection:options()) -> terms() | none.
terms(#{window := Theirs, max_packet := OfEcm}, #{window := Own, max_packet := MaxPacket}) ->
    #{windows => #{own => Own, theirs => Theirs}, longest => ecm_link_credit:longest(min(MaxPacket, OfEcm))};
terms(_, _) ->
    none.

%% @doc Returns the streams of a link, whose `peer' is that of clients whose address is unknown.
-spec new(ecm_link_writer:writer(), terms(), ecm_peer:peer(), opener()) -> streams().
new(Writer, Terms, Peer, Open) ->
    #streams{writer = Writer, terms = Terms, peer = Peer, open = Open}.

%% @doc Opens a stream, or refuses it. What its session says at once is not lost: the stream is there before it.
-spec open(ecm_link_packet:id(), ecm_link_connection:opened(), streams()) -> ok | fault().
open(Id, Opened, #streams{writer = Writer} = Streams) ->
    Table = ecm_link_writer:streams(Writer),
    case ecm_link_stream_table:begin_one(Id, Table) of
        true -> begun(ask(Id, Opened, Streams), Id, Table, Writer);
        false -> failed(Id, unexpected, <<"open came twice">>, Streams)
    end.

-spec ask(ecm_link_packet:id(), ecm_link_connection:opened(), streams()) -> {ok, pid()} | {refused, term()} | failed.
ask(Id, {Kind, Client, Secure, Fields}, #streams{writer = Writer, terms = Terms, peer = Peer, open = Open} = Streams) ->
    #{windows := Windows, longest := Longest} = Terms,
    try
        Open({ecm_link_writer:pid(Writer), Id, Longest},
             #{kind => Kind, peer => peer(Client, Streams), secure => Secure, windows => Windows, fields => Fields})
    catch
        Class:Reason:Stack ->
            ?ERROR_MSG("ECM link from ~ts: connection ~B: the session of a stream could not begin, and the stream is "
                       "closed:~n** ~ts", [ecm_peer:name(Peer), Id, misc:format_exception(2, Class, Reason, Stack)]),
            failed
    end.

-spec peer(ecm_peer:peer() | unknown, streams()) -> ecm_peer:peer().
peer(unknown, #streams{peer = Peer}) -> Peer;
peer(Client, _) -> Client.

-spec begun({ok, pid()} | {refused, term()} | failed, ecm_link_packet:id(), ecm_link_stream_table:streams(),
            ecm_link_writer:writer()) -> ok.
begun({ok, Session}, Id, Table, _) ->
    case ecm_link_stream_table:add(Id, Session, Table) of
        true -> ok;
        false -> ecm_link_stream:tell({closed, gone}, Session)  % it, or the link, has ended meanwhile
    end;
begun({refused, _}, Id, Table, Writer) ->
    end_at_once(<<"refused">>, Id, Table, Writer);
begun(failed, Id, Table, Writer) ->
    end_at_once(<<"failed">>, Id, Table, Writer).

%% Ends a stream without a session.
-spec end_at_once(Reason :: binary(), ecm_link_packet:id(), ecm_link_stream_table:streams(),
                  ecm_link_writer:writer()) -> ok.
end_at_once(Reason, Id, Table, Writer) ->
    _ = ecm_link_stream_table:take(Id, Table),
    Content = ecm_link_message:write(close, [Reason], []),
    ecm_link_writer:send(Writer, iolist_to_binary(ecm_link_packet:encode(Id, Content))).

%% @doc Passes on a message. It is dropped if its stream has ended.
-spec message(ecm_link_packet:id(), binary(), streams()) -> ok | fault().
message(Id, Body, #streams{writer = Writer, terms = #{windows := #{own := Window}}} = Streams) ->
    Bytes = ecm_link_credit:cost(Body),
    case ecm_link_stream_table:received(Id, Bytes, Window, ecm_link_writer:streams(Writer)) of
        {ok, Session} -> ecm_link_stream:tell({message, Body}, Session);
        too_much -> failed(Id, credit, <<"a message beyond the window">>, Streams);
        error -> ok
    end.

%% @doc Passes on credit that ECM gives back.
-spec more(ecm_link_packet:id(), Bytes :: non_neg_integer(), streams()) -> ok.
more(Id, Bytes, #streams{writer = Writer}) ->
    case ecm_link_stream_table:find(Id, ecm_link_writer:streams(Writer)) of
        {ok, Session} -> ecm_link_stream:tell({more, Bytes}, Session);
        error -> ok
    end.

%% @doc Has a session send its last message on a stream.
-spec leave(ecm_link_packet:id(), streams()) -> ok.
leave(Id, #streams{writer = Writer}) ->
    case ecm_link_stream_table:find(Id, ecm_link_writer:streams(Writer)) of
        {ok, Session} -> ecm_link_stream:tell(half_close, Session);
        error -> ok
    end.

-spec failed(ecm_link_packet:id(), unexpected | credit, binary(), streams()) -> fault().
failed(Id, Code, Text, Streams) ->
    _ = close(Id, failed, Streams),
    {fault, Code, Text}.

%% @doc Tells the session of a stream that it has ended. Returns whether there was one.
-spec close(ecm_link_packet:id(), ecm_link_stream:closed(), streams()) -> boolean().
close(Id, Reason, #streams{writer = Writer}) ->
    case ecm_link_stream_table:take(Id, ecm_link_writer:streams(Writer)) of
        {ok, Session} -> ecm_link_stream:tell({closed, Reason}, Session) =:= ok;
        error -> false
    end.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What comes over a connection from an ECM, and what is to be done about it.
%%
%% It decodes the stream into packets (ecm_link_packet), passes each to the state machine
%% (ecm_link_connection), and carries out the events that this returns. On a link that resumes it counts what has
%% come, and acknowledges it. The process of the connection (ecm_link) calls this.

-module(ecm_link_receiver).

-export([drain/1, ended/1, held/1, info/1, is_writer/2, leave/2, new/5, received/3, tick/2,
         wrong_acknowledgement/1, writer/1]).
-export_type([receiver/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Milliseconds for the peer to read the last messages and to close.
-define(LINGER, 3000).

%% Seconds for which further requests that were refused are counted, until the log says so.
-define(TALLY, 10).

%% Questions about sessions that are being answered, at most: an operator asks one at a time.
-define(MAX_QUESTIONS, 16).

%% `form' and `clients' are set once the link is up. Without `streams' it carries none, without a receipt it does not
%% resume. With an `end_text',
%% which says what was wrong, nothing more is taken.
-record(receiver, {socket :: ecm_link_socket:socket(),
                   peer :: ecm_peer:peer(),
                   options :: ecm_link:options(),
                   decoder :: ecm_link_packet:decoder(),
                   connection :: ecm_link_connection:connection(),
                   writer :: ecm_link_writer:writer(),
                   monitor :: reference(),  % of the writer
                   form = unknown :: ecm_link_connection:form() | unknown,
                   clients :: ecm_link_clients:clients() | undefined,
                   streams = none :: ecm_link_streams:streams() | none,
                   receipt = none :: ecm_link_receipt:receipt() | none,
                   incomplete = none :: {Packet :: pos_integer(), Since :: integer()} | none,
                   instance = unknown :: binary() | unknown,
                   round_trip = unknown :: non_neg_integer() | unknown,
                   refused = ecm_tally:new() :: ecm_tally:tally(),
                   answering = [] :: [pid()],  % questions about sessions
                   end_text = none :: ecm_link_ending:text()}).

-opaque receiver() :: #receiver{}.

%% @doc Returns what is to be done on a connection that begins. `Now' is in milliseconds, as everywhere.
-spec new(ecm_link_writer:writer(), ecm_link_socket:socket(), ecm_peer:peer(), ecm_link:options(),
          Now :: integer()) -> receiver().
new(Writer, Socket, Peer, #{connection := #{max_packet := MaxPacket} = Options} = All, Now) ->
    Connection = ecm_link_connection:new(Options#{nonce => ecm_link_auth:nonce()}, Now),
    #receiver{socket = Socket, peer = Peer, options = All, decoder = ecm_link_packet:new(MaxPacket),
              connection = Connection, writer = Writer, monitor = monitor(process, ecm_link_writer:pid(Writer))}.

%% @doc Returns the writer, which on a link that goes on is not that with which the connection began.
-spec writer(receiver()) -> ecm_link_writer:writer().
writer(#receiver{writer = Writer}) ->
    Writer.

%% @doc Returns whether this is the monitor of the writer.
-spec is_writer(reference(), receiver()) -> boolean().
is_writer(Monitor, #receiver{monitor = OfWriter}) ->
    Monitor =:= OfWriter.

%% @doc Returns what was wrong, if nothing more is taken.
-spec ended(receiver()) -> ecm_link_ending:text().
ended(#receiver{end_text = Text}) ->
    Text.

%% @doc Returns the bytes of the packet that has not come whole.
-spec held(receiver()) -> non_neg_integer().
held(#receiver{decoder = Decoder}) ->
    ecm_link_packet:held(Decoder).

%% @doc See ecm_link:info/1.
-spec info(receiver()) -> map().
info(#receiver{peer = Peer, form = Form, instance = Instance, round_trip = RoundTrip, writer = Writer}) ->
    #{peer => Peer, form => Form, instance => Instance, round_trip => RoundTrip,
      in_flight => ecm_link_table:size(ecm_link_writer:in_flight(Writer)),
      streams => ecm_link_stream_table:size(ecm_link_writer:streams(Writer))}.

%% @doc See ecm_link_ending:leave/3.
-spec leave(Reason :: term(), receiver()) -> ok.
leave(Reason, #receiver{connection = Connection, writer = Writer}) ->
    ecm_link_ending:leave(Reason, Connection, Writer).

%% @doc Takes bytes of the stream. What comes after `close' is dropped, but must be read: closing a socket with
%% unread bytes resets the connection, and the peer could lose the last messages.
-spec received(binary(), Now :: integer(), receiver()) -> receiver().
received(_, _, #receiver{end_text = Text} = Receiver) when Text =/= none ->
    Receiver;
received(Data, Now, #receiver{decoder = Decoder, connection = Connection} = Receiver) ->
    Alive = Receiver#receiver{connection = ecm_link_connection:received(Now, Connection)},
    case ecm_link_packet:decode(Data, Decoder) of
        {ok, Packets, Next} ->
            maybe_acknowledge(byte_size(Data), packets(Packets, Now, Alive#receiver{decoder = Next}));
        {error, Packets, Reason, First} ->
            fault(Reason, First, packets(Packets, Now, Alive))
    end.

-spec packets([ecm_link_packet:packet()], integer(), receiver()) -> receiver().
packets([{Id, _} = Packet | Rest], Now, #receiver{end_text = none, receipt = Receipt} = Receiver)
  when Id =/= 0, Receipt =/= none ->
    packets(Rest, Now, counted(Packet, Now, Receiver));
packets([Packet | Rest], Now, #receiver{connection = Connection, end_text = none} = Receiver) ->
    packets(Rest, Now, act(ecm_link_connection:packet(Packet, Now, Connection), Receiver));
packets(_, _, Receiver) ->
    Receiver.

-spec counted(ecm_link_packet:packet(), integer(), receiver()) -> receiver().
counted(Packet, Now, #receiver{connection = Connection, writer = Writer} = Receiver) ->
    ecm_link_writer:begin_one(Writer),
    Acted = act(ecm_link_connection:packet(Packet, Now, Connection), Receiver),
    ecm_link_writer:count(Writer),
    Acted.

%% `First' is at most 64 bytes, from where a packet should have started.
-spec fault(ecm_link_packet:reason(), First :: binary(), receiver()) -> receiver().
fault(Reason, First, #receiver{connection = Connection, end_text = none} = Receiver) ->
    #receiver{end_text = Text} = Ended = act(ecm_link_connection:fault(Reason, Connection), Receiver),
    Ended#receiver{end_text = [Text, "; received \"", ecm_peer:escape(First), $"]};
fault(_, _, Receiver) ->
    Receiver.

%% Acknowledges what has come, if that is enough by now. Otherwise the next tick does.
-spec maybe_acknowledge(Bytes :: non_neg_integer() | tick, receiver()) -> receiver().
maybe_acknowledge(_, #receiver{receipt = Receipt, end_text = Text} = Receiver)
  when Receipt =:= none; Text =/= none ->
    Receiver;
maybe_acknowledge(tick, #receiver{receipt = Receipt, writer = Writer} = Receiver) ->
    acknowledge(ecm_link_receipt:tick(ecm_link_writer:counted(Writer), Receipt), Receiver);
maybe_acknowledge(Bytes, #receiver{receipt = Receipt, writer = Writer} = Receiver) ->
    acknowledge(ecm_link_receipt:received(Bytes, ecm_link_writer:counted(Writer), Receipt), Receiver).

-spec acknowledge({ecm_link_ring:count() | none, ecm_link_receipt:receipt()}, receiver()) -> receiver().
acknowledge({none, Receipt}, Receiver) ->
    Receiver#receiver{receipt = Receipt};
acknowledge({Count, Receipt}, Receiver) ->
    Content = ecm_link_message:write(ack, [integer_to_binary(Count)], []),
    send(0, Content, Receiver#receiver{receipt = Receipt}).

%% @doc Takes notice of the time, about once a second.
-spec tick(Now :: integer(), receiver()) -> receiver().
tick(Now, #receiver{connection = Connection} = Receiver) ->
    Acknowledged = maybe_acknowledge(tick, log_refused(Now, Receiver)),
    Ticked = act(ecm_link_connection:tick(Now, Connection), Acknowledged),
    complete(ecm_link_packet:begun(Ticked#receiver.decoder), Now, Ticked).

-spec log_refused(Now :: integer(), receiver()) -> receiver().
log_refused(Now, #receiver{refused = Before} = Receiver) ->
    {Report, Tally} = ecm_tally:tick(Now, ?TALLY, Before),
    _ = [?WARNING_MSG("ECM link from ~ts: ~B more like this in ~B seconds, the last one on connection ~B: ~ts",
                      [name(Receiver), Times, ?TALLY, Id, Text])
         || {Times, {Id, Text}} <- [Report]],
    Receiver#receiver{refused = Tally}.

%% A packet must be complete within the link timeout.
-spec complete(Packet :: pos_integer() | none, integer(), receiver()) -> receiver().
complete(none, _, Receiver) ->
    Receiver;
complete(Packet, Now, #receiver{incomplete = {Packet, Since}, end_text = none} = Receiver) ->
    #receiver{connection = Connection, options = #{connection := #{link_timeout := Timeout}}} = Receiver,
    case Now - Since >= Timeout of
        true -> act(ecm_link_connection:stalled(Connection), Receiver);
        false -> Receiver
    end;
complete(Packet, Now, Receiver) ->
    Receiver#receiver{incomplete = {Packet, Now}}.

%% @doc Tells the peer that ejabberd stops.
-spec drain(receiver()) -> receiver().
drain(#receiver{connection = Connection, end_text = none} = Receiver) ->
    act(ecm_link_connection:drain(Connection), Receiver);
drain(Receiver) ->
    Receiver.

%% @doc Ends a link whose peer has acknowledged what it cannot have.
-spec wrong_acknowledgement(receiver()) -> receiver().
wrong_acknowledgement(#receiver{connection = Connection} = Receiver) ->
    Text = "ECM acknowledges what was not sent, or less than before",
    act(ecm_link_connection:refuse(Text, Connection), Receiver).

%% Carries out events of the state machine.
-spec act({[ecm_link_connection:event()], ecm_link_connection:connection()}, receiver()) -> receiver().
act({Events, Connection}, Receiver) ->
    lists:foldl(fun event/2, Receiver#receiver{connection = Connection}, Events).

-spec event(ecm_link_connection:event(), receiver()) -> receiver().
event({request, Id, Client, Secure, Body}, Receiver) ->
    ecm_link_clients:request(Id, Client, Secure, Body, Receiver#receiver.clients),
    Receiver;
event({message, Id, Body}, #receiver{streams = Streams} = Receiver) ->
    checked(ecm_link_streams:message(Id, Body, Streams), Id, Receiver);
event({more, Id, Bytes}, #receiver{streams = Streams} = Receiver) ->
    ok = ecm_link_streams:more(Id, Bytes, Streams),
    Receiver;
event({leave, Id}, #receiver{streams = Streams} = Receiver) ->
    ok = ecm_link_streams:leave(Id, Streams),
    Receiver;
event({open, Id, Opened}, #receiver{streams = Streams} = Receiver) ->
    checked(ecm_link_streams:open(Id, Opened, Streams), Id, Receiver);
event({send, Id, Content}, Receiver) ->
    send(Id, Content, Receiver);
event({gone, Id, Reason}, Receiver) ->
    ?DEBUG("ECM link from ~ts: connection ~B: the client is gone: ~ts", [name(Receiver), Id, Reason]),
    close_stream(Id, gone, Receiver) orelse ecm_link_clients:gone(Id, Reason, Receiver#receiver.clients),
    Receiver;
event({nodes, Names}, #receiver{clients = Clients} = Receiver) ->
    Receiver#receiver{clients = ecm_link_clients:reaches(Names, Clients)};
event({pong, Token}, #receiver{clients = Clients} = Receiver) ->
    send(0, ecm_link_message:write(pong, [Token], ecm_link_clients:status(Clients)), Receiver);
event(stats, #receiver{options = #{stats := Stats}} = Receiver) ->
    _ = aside(fun() -> ecm_link_message:write(stats, [], [], Stats()) end, Receiver),
    Receiver;
event({inspect, Token, Asked}, #receiver{answering = Before} = Receiver) ->
    inspect(Token, Asked, Receiver#receiver{answering = lists:filter(fun is_process_alive/1, Before)});
event({up, Agreed}, #receiver{writer = Writer, peer = Peer, options = Options} = Receiver) ->
    begun(ecm_link_beginning:begins(Agreed, Writer, Peer, Options), Receiver);
event({over, Token}, Receiver) ->
    ecm_link_resume:give_up(Token),
    Receiver;
event({resume, Agreed, Token, Got}, Receiver) ->
    resume(Token, Got, Agreed, Receiver);
event({acknowledged, Number}, #receiver{writer = Writer} = Receiver) ->
    ecm_link_writer:acknowledge(Writer, Number),
    Receiver;
event({round_trip, Milliseconds}, Receiver) ->
    Receiver#receiver{round_trip = Milliseconds};
event(peer_draining, Receiver) ->
    ?INFO_MSG("ECM link from ~ts: ECM drains: it takes no new clients", [name(Receiver)]),
    Receiver;
event({refused, Id, Text}, #receiver{refused = Before} = Receiver) ->
    _ = close_stream(Id, failed, Receiver),
    {IsFirst, Tally} = ecm_tally:add({Id, Text}, Before),
    _ = IsFirst andalso ?WARNING_MSG("ECM link from ~ts: connection ~B: ~ts", [name(Receiver), Id, Text]),
    Receiver#receiver{refused = Tally};
event({break, Text}, #receiver{writer = Writer} = Receiver) ->
    ecm_link_writer:release(Writer),
    linger(Text, Receiver);
event({close, Text}, #receiver{writer = Writer} = Receiver) ->
    ecm_link_writer:finish(Writer),
    linger(Text, Receiver).

-spec inspect(binary(), ecm_link_connection:asked(), receiver()) -> receiver().
inspect(Token, _, #receiver{answering = Others} = Receiver) when length(Others) >= ?MAX_QUESTIONS ->
    send(0, ecm_link_message:write(inspected, [Token], [{<<"why">>, <<"busy">>}], []), Receiver);
inspect(Token, Asked, #receiver{answering = Others, writer = Writer, options = #{inspect := Inspect}} = Receiver) ->
    Tables = {ecm_link_writer:in_flight(Writer), ecm_link_writer:streams(Writer)},
    Answer = fun() -> Inspect(Token, Asked, element(1, Tables), element(2, Tables)) end,
    Receiver#receiver{answering = aside(Answer, Receiver) ++ Others}.

%% What is told of this node takes its time: a process says it. If there are too many, nobody does.
-spec aside(fun(() -> Content :: iodata()), receiver()) -> [pid()].
aside(Content, #receiver{writer = Writer}) ->
    Say = fun() -> ecm_link_writer:say(Writer, iolist_to_binary(ecm_link_packet:encode(0, Content()))) end,
    try [spawn(Say)]
    catch error:system_limit -> []
    end.

%% Tells ECM that it is wrong about a stream, which has ended.
-spec checked(ok | ecm_link_streams:fault(), ecm_link_packet:id(), receiver()) -> receiver().
checked(ok, _, Receiver) ->
    Receiver;
checked({fault, Code, Text}, Id, Receiver) ->
    Told = send(Id, ecm_link_message:write(error, [atom_to_binary(Code), Text], []), Receiver),
    event({refused, Id, [atom_to_binary(Code), ": ", Text]}, Told).

%% Returns whether there was a stream.
-spec close_stream(ecm_link_packet:id(), ecm_link_stream:closed(), receiver()) -> boolean().
close_stream(_, _, #receiver{streams = none}) -> false;
close_stream(Id, Reason, #receiver{streams = Streams}) -> ecm_link_streams:close(Id, Reason, Streams).

-spec linger(Text :: iodata(), receiver()) -> receiver().
linger(Text, Receiver) ->
    _ = erlang:send_after(?LINGER, self(), linger_timeout),
    Receiver#receiver{end_text = Text}.

%% The link goes on, with another writer than that of this connection; or a new one begins.
-spec resume(ecm_link_tokens:token() | new, ecm_link_ring:count(), ecm_link_hello:agreement(), receiver()) ->
    receiver().
resume(new, _, Agreed, #receiver{writer = Writer, peer = Peer, options = Options} = Receiver) ->
    begun(ecm_link_beginning:begins_to_resume(Agreed, Writer, Peer, Options), Receiver);
resume(Token, Got, Agreed, #receiver{writer = Own, socket = Socket, peer = Peer, options = Options} = Receiver) ->
    case ecm_link_beginning:goes_on(Token, Got, Agreed, Own, Socket, Peer, Options) of
        unknown -> resume(new, 0, Agreed, Receiver);
        wrong -> wrong_acknowledgement(Receiver);
        #{writer := Writer} = Link -> begun(Link, write_by(Writer, Receiver))
    end.

-spec write_by(ecm_link_writer:writer(), receiver()) -> receiver().
write_by(Writer, #receiver{monitor = Before} = Receiver) ->
    demonitor(Before, [flush]),
    Receiver#receiver{writer = Writer, monitor = monitor(process, ecm_link_writer:pid(Writer))}.

-spec begun(ecm_link_beginning:link(), receiver()) -> receiver().
begun(#{form := Form, instance := Instance, clients := Clients} = Link, Receiver) ->
    Receiver#receiver{form = Form, instance = Instance, clients = Clients,
                      streams = maps:get(streams, Link, none), receipt = maps:get(receipt, Link, none)}.

-spec send(ecm_link_packet:id(), iodata(), receiver()) -> receiver().
send(0, Content, #receiver{writer = Writer} = Receiver) ->
    ecm_link_writer:say(Writer, iolist_to_binary(ecm_link_packet:encode(0, Content))),
    Receiver;
send(Id, Content, #receiver{writer = Writer} = Receiver) ->
    ecm_link_writer:send(Writer, iolist_to_binary(ecm_link_packet:encode(Id, Content))),
    Receiver.

-spec name(receiver()) -> unicode:chardata().
name(#receiver{peer = Peer}) ->
    ecm_peer:name(Peer).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Properties of any input, with inputs that PropEr generates, the same in each run. The output of a
%% failure is the smallest such input.

-module(ecm_properties_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [binary/0, boolean/0, byte/0, elements/1, exactly/1, frequency/1, integer/2,
                       list/1, non_empty/1, oneof/1, vector/2]).

-define(ECM_NONCE, "000102030405060708090a0b0c0d0e0f").
-define(OUR_NONCE, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").
-define(SECRET, <<"correct horse battery staple">>).
-define(HELLO, <<"hello version=1 role=ecm instance=w max-packet=4096 nonce=", ?ECM_NONCE>>).
-define(STREAMS_HELLO, <<?HELLO/binary, " features=streams,insight">>).
-define(PROOF, <<"proof 893de573f2aa79d96fbabf04730afef26aa233d2db39eb5e537040c37a484f0d">>).

-define(FAULTS, ['line-too-long', 'bad-type', 'body-missing', 'body-unwanted', 'bad-word',
                 'bad-field', 'missing-field', 'bad-value']).

properties_test_() ->
    [{Name, {timeout, 600, fun() -> ecm_property:holds(Generator, Test, Count, 20) end}}
     || {Name, Generator, Test, Count} <-
            [{"any bytes are a packet's content", content(), fun any_content/1, 20000},
             {"a request is read as by the table", request(), fun request_by_table/1, 10000},
             {"what is written is read", line(), fun written_is_read/1, 5000},
             {"a conversation keeps its rules", conversation(), fun keeps_rules/1, 10000},
             {"TCP may cut anywhere", stream(), fun cuts_anywhere/1, 2000}]].

%% The properties.

any_content(Content) ->
    case ecm_link_message:parse(Content) of
        {ok, #{type := _, words := _, fields := _}} -> true;
        {unknown, Type} -> is_binary(Type);
        {error, Fault} -> lists:member(Fault, ?FAULTS)
    end.

request_by_table(Content) ->
    ecm_link_message:parse(Content) =:= ecm_link_message:parse_by_table(Content).

written_is_read({Type, Words, Fields, Body}) ->
    Written = write(Type, [Text || {Text, _} <- Words],
                    [{Key, Text} || {Key, Text, _} <- Fields], Body),
    Line = #{type => Type, words => [Meaning || {_, Meaning} <- Words],
             fields => maps:from_list([{Key, Meaning} || {Key, _, Meaning} <- Fields])},
    ecm_link_message:parse(iolist_to_binary(Written)) =:= {ok, with_body(Body, Line)}.

write(Type, Words, Fields, none) -> ecm_link_message:write(Type, Words, Fields);
write(Type, Words, Fields, Body) -> ecm_link_message:write(Type, Words, Fields, Body).

with_body(none, Line) -> Line;
with_body(Body, Line) -> Line#{body => Body}.

keeps_rules({Options, Steps}) ->
    Connection = ecm_link_connection:new(options(Options), 0),
    {Events, _, _} = lists:foldl(fun play/2, {[], Connection, 0}, Steps),
    closes_once(Events) andalso up_before_requests(Events) andalso tells_who_asks(Steps, Events)
        andalso plain_or_typed(Options, Events) andalso proven(Options, Steps, Events)
        andalso lists:all(fun is_said/1, Events).

play(Step, {Events, Connection, Now}) ->
    {New, Next, Later} = step(Step, Connection, Now),
    {Events ++ New, Next, Later}.

step({passes, Time}, Connection, Now) ->
    {Events, Next} = ecm_link_connection:tick(Now + Time, Connection),
    {Events, Next, Now + Time};
step(flood, Connection, Now) ->
    lists:foldl(fun play/2, {[], Connection, Now}, lists:duplicate(101, {0, <<"ping 1">>}));
step(received, Connection, Now) ->
    {[], ecm_link_connection:received(Now, Connection), Now};
step(drain, Connection, Now) ->
    {Events, Next} = ecm_link_connection:drain(Connection),
    {Events, Next, Now};
step({fault, Reason}, Connection, Now) ->
    {Events, Next} = ecm_link_connection:fault(Reason, Connection),
    {Events, Next, Now};
step(Packet, Connection, Now) ->
    {Events, Next} = ecm_link_connection:packet(Packet, Now, Connection),
    {Events, Next, Now}.

%% Nothing comes after `close', not even what is asked for later.
closes_once(Events) ->
    not lists:keymember(close, 1, lists:droplast([none | Events])).

up_before_requests(Events) ->
    Before = lists:takewhile(fun(Event) -> not is_up(Event) end, Events),
    length(lists:filter(fun is_up/1, Events)) =< 1
        andalso not lists:any(fun concerns_client/1, Before).

%% Only an ECM that has named the feature, and has asked, is told of this node and of sessions.
tells_who_asks(Steps, Events) ->
    Has = lists:member({0, ?STREAMS_HELLO}, Steps),
    Has orelse not lists:any(fun(Event) -> Event =:= stats orelse element(1, as_tuple(Event)) =:= inspect end, Events).

as_tuple(Event) when is_tuple(Event) -> Event;
as_tuple(Event) -> {Event}.

is_up({up, _}) -> true;
is_up(_) -> false.

concerns_client({request, _, _, _, _}) -> true;
concerns_client({gone, _, _}) -> true;
concerns_client(_) -> false.

%% A plain link carries no messages, and a link that is typed_only is never plain.
plain_or_typed(Options, Events) ->
    case lists:keyfind(up, 1, Events) of
        {up, plain} -> not typed_only(Options) andalso not lists:keymember(send, 1, Events);
        _ -> true
    end.

typed_only({Protocol, Secret}) ->
    Protocol =:= typed orelse Secret.

%% A link with a secret is up only if ECM has said hello first, and then its proof.
proven({_, true}, Steps, Events) ->
    {BeforeProof, Proof} = lists:splitwith(fun(Step) -> Step =/= {0, ?PROOF} end, Steps),
    not lists:any(fun is_up/1, Events)
        orelse Proof =/= [] andalso lists:any(fun is_hello/1, BeforeProof);
proven(_, _, _) ->
    true.

is_hello({0, <<"hello ", _/binary>>}) -> true;
is_hello(_) -> false.

%% mod_ecm sends only messages that it may send, and ECM understands them.
is_said({send, Id, Content}) ->
    {ok, #{type := Type}} = ecm_link_message:parse(iolist_to_binary(Content)),
    ecm_link_message:comes(Type, ejabberd, Id);
is_said(_) ->
    true.

cuts_anywhere({Packets, Sizes}) ->
    Stream = iolist_to_binary([ecm_link_packet:encode(Id, Content) || {Id, Content} <- Packets]),
    decoded(cut(Stream, Sizes), ecm_link_packet:new(1000000)) =:= Packets.

cut(Stream, [Size | Sizes]) when Size < byte_size(Stream) ->
    <<Piece:Size/binary, Rest/binary>> = Stream,
    [Piece | cut(Rest, Sizes)];
cut(Stream, _) ->
    [Stream].

decoded([], _) ->
    [];
decoded([Segment | Segments], Decoder) ->
    {ok, Packets, Next} = ecm_link_packet:decode(Segment, Decoder),
    Packets ++ decoded(Segments, Next).

%% Generators.

%% Valid, spoiled or nonsense: contents of the vectors, the same with some bytes changed, and others.
content() ->
    frequency([{2, known()},
               {3, map({known(), integer(0, 300), non_empty(list(printable()))}, fun spoiled/1)},
               {2, request()},
               {1, binary()}]).

known() ->
    #{<<"contents">> := Good, <<"errors">> := Bad} = ecm_vectors:read("typed.json"),
    elements([ecm_vectors:bytes(Content) || #{<<"content">> := Content} <- Good ++ Bad]).

printable() ->
    frequency([{5, elements(" =%|:[].\n019af-")}, {1, byte()}]).

%% Replaces some bytes from a place in the content on.
spoiled({Content, Place, Bytes}) ->
    At = Place rem (byte_size(Content) + 1),
    <<Before:At/binary, After/binary>> = Content,
    Gone = min(byte_size(After), length(Bytes)),
    <<_:Gone/binary, Rest/binary>> = After,
    iolist_to_binary([Before, Bytes, Rest]).

%% As ECM writes it, or nearly so.
request() ->
    map({frequency([{3, map(peer(), fun({_, Text, _}) -> Text end)}, {1, almost_peer()}]),
         elements(["0", "1", "", "2", "1 a=b", "1 peer=1.2.3.4:5"]),
         elements(["\n", "\n", "", " \n", "\r\n"]), binary()},
        fun({Peer, Secure, End, Body}) ->
                iolist_to_binary(["request peer=", Peer, " secure=", Secure, End, Body])
        end).

almost_peer() ->
    map(vector(2, list(elements("0123456789.:[]abf%"))), fun(Parts) -> lists:join($:, Parts) end).

%% Lines of all types: their words and fields, each with its text and what it means.
line() ->
    oneof([{hello, [], hello_fields(), none},
           {proof, [same(hex(64))], others(), none},
           {oneof([ping, pong]), [same(visible(32))], others(), none},
           {drain, [], others(), none},
           {request, [], request_fields(), binary()},
           {answer, [map(status(), fun(Status) -> {integer_to_binary(Status), Status} end)],
            others(), binary()},
           {close, [same(visible(100))], others(), none},
           {error, [same(elements([<<"version">>, <<"-">>, <<"a-b">>])), same(text())], [], none}]).

text() ->
    map(non_empty(list(integer($\s, $~))), fun list_to_binary/1).

request_fields() ->
    map({list_of_one(peer()), list_of_one(secure()), others()},
        fun({Peer, Secure, Others}) -> Secure ++ Others ++ Peer end).

hello_fields() ->
    map({map(non_empty(list(integer(0, 99999))),
             fun(Versions) -> {<<"version">>, numbers(lists:sublist(Versions, 20)),
                               lists:sublist(Versions, 20)} end),
         elements([{<<"role">>, <<"ecm">>, ecm}, {<<"role">>, <<"ejabberd">>, ejabberd}]),
         map(instance(), fun(Text) -> {<<"instance">>, Text, Text} end),
         map(integer(4096, 9999999999),
             fun(Size) -> {<<"max-packet">>, integer_to_binary(Size), Size} end),
         map(hex(32), fun(Text) -> {<<"nonce">>, Text, Text} end),
         list_of_one(map(hex(64), fun(Text) -> {<<"proof">>, Text, Text} end)),
         others()},
        fun({Version, Role, Instance, MaxPacket, Nonce, Proof, Others}) ->
                Others ++ [Role, Nonce | Proof] ++ [MaxPacket, Instance, Version]
        end).

numbers(Numbers) ->
    lists:join($,, [integer_to_binary(Number) || Number <- Numbers]).

%% Printable, in one to four bytes of UTF-8 each.
instance() ->
    map(vector(12, elements([$a, $\s, $%, $=, 16#FC, 16#20AC, 16#1F600])),
        fun unicode:characters_to_binary/1).

peer() ->
    map({oneof([{byte(), byte(), byte(), byte()}, address6()]), integer(0, 65535)},
        fun({Address, Port}) -> {<<"peer">>, text(inet:ntoa(Address), Port), {Address, Port}} end).

address6() ->
    map(vector(8, oneof([0, 16#FFFF, integer(0, 16#FFFF)])), fun list_to_tuple/1).

text(Address, Port) ->
    Host = case lists:member($:, Address) of
               true -> ["[", Address, "]"];
               false -> Address
           end,
    iolist_to_binary([Host, ":", integer_to_list(Port)]).

secure() ->
    elements([{<<"secure">>, <<"0">>, false}, {<<"secure">>, <<"1">>, true}]).

status() ->
    elements(lists:seq(200, 599) -- [204, 205, 304]).

%% Unknown fields.
others() ->
    elements([[], [{<<"x-1">>, <<>>, <<>>}],
              [{<<"a">>, <<"%\n =">>, <<"%\n =">>}, {<<"b">>, <<0, 127>>, <<0, 127>>}]]).

hex(Size) ->
    map(vector(Size, elements("0123456789abcdef")), fun list_to_binary/1).

visible(MaxSize) ->
    map(non_empty(list(integer($!, $~))),
        fun(Bytes) -> list_to_binary(lists:sublist(Bytes, MaxSize)) end).

same(Type) ->
    map(Type, fun(Text) -> {Text, Text} end).

list_of_one(Type) ->
    oneof([[], [Type]]).

%% A link with any options, on which anything happens; often after it has come up.
conversation() ->
    {{oneof([auto, typed, plain]), boolean()},
     map({elements([[], [{0, ?HELLO}], [{0, ?HELLO}, {0, ?PROOF}], [{0, ?STREAMS_HELLO}],
                    [{0, ?STREAMS_HELLO}, {0, ?PROOF}]]), list(happening())},
         fun({First, Then}) -> First ++ Then end)}.

happening() ->
    frequency([{12, packet()},
               {1, flood},
               {4, {passes, integer(0, 12000)}},
               {2, received},
               {1, drain},
               {1, {fault, elements(['length-not-decimal', 'id-too-large'])}}]).

packet() ->
    frequency([{2, {0, elements(on_link())}},
               {2, {7, elements(on_connection())}},
               {1, {oneof([0, 7, integer(1, 16#FFFFFFFFFFFFFFFF)]), content()}}]).

on_link() ->
    [?HELLO, ?PROOF, <<"drain">>, <<"ping 1">>, <<"pong 1">>, <<"error silent x">>, <<"opened">>,
     <<"ping 1 stats=1">>, <<"inspect 1 id=7">>, <<"inspect 1 jid=a@b">>,
     <<?HELLO/binary, "x">>, binary:replace(?HELLO, <<"=1">>, <<"=9">>),
     binary:replace(?HELLO, <<"ecm">>, <<"ejabberd">>)].

on_connection() ->
    [<<"request\n">>, <<"close gone">>, <<"error version x">>, <<"opened">>, <<"open websocket">>,
     <<"message\nx">>, <<"more 7">>, <<"message">>].

options({Protocol, Secret}) ->
    Options = #{protocol => Protocol, instance => <<"ejabberd@chat">>, max_packet => 1048576, max_content => 16777216,
                nonce => <<?OUR_NONCE>>, ping_interval => 10000, link_timeout => 30000,
                hello_timeout => 5000, resume => false, window => 1000, insight => true},
    maps:merge(Options, maps:from_list([{secret, ?SECRET} || Secret])).

stream() ->
    {list({integer(0, 16#FFFFFFFFFFFFFFFF), binary()}), list(integer(0, 60))}.

map(Type, Fun) ->
    proper_types:bind(Type, fun(Value) -> exactly(Fun(Value)) end, false).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The messages of a typed link: the first line of a packet's content.
%%
%%     content = line [LF body]
%%     line    = type *(SP word) *(SP field)    ; at most 1,024 bytes
%%     field   = key "=" value                  ; UTF-8, percent-encoded where not visible ASCII
%%
%% The table types/0 has all types; docs/protocol.md of Megaphone explains them. Pure, and strict: each byte
%% that violates the grammar is a fault with a name.

-module(ecm_link_message).

-export([comes/3, parse/1, parse_by_table/1, write/3, write/4, write_fields/1]).
-export_type([fault/0, line/0, result/0, side/0, type/0]).

-define(MAX_LINE, 1024).
-define(MAX_TOKEN, 32).
-define(MAX_INSTANCE, 255).

%% Bytes of `tls-exporter' (RFC 9266).
-define(BINDING, 32).

%% The largest number of a packet.
-define(MAX_NUMBER, 16#FFFFFFFFFFFFFFFF).

%% The lower bound of the option of both ends; the upper one has the ten digits of a length.
-define(MIN_MAX_PACKET, 4096).

-type side() :: ecm | ejabberd.
-type type() ::
    hello | proof | ping | pong | stats | inspect | inspected | drain | nodes | resume | ack | request |
    misdirected | part | answer | open | message | more | leave | left | close | error.

%% Words in order and fields by key, both decoded: a status is a number, a peer an address with its port.
%% Other values and unknown fields are binaries.
-type line() :: #{type := type(), words := [term()], fields := #{binary() => term()},
                  body => binary()}.

-type fault() ::
    'line-too-long' | 'bad-type' | 'body-missing' | 'body-unwanted' | 'bad-word' | 'bad-field' |
    'missing-field' | 'bad-value'.

-type class() :: digit | hex | any_hex | name | key | word | text.

-type result() :: {ok, line()} | {unknown, Type :: binary()} | {error, fault()}.

%% A type: who sends it, on connection 0 (`link') or n (`connection'), its words, the keys of its fields,
%% and whether it has a body.
-record(type, {from :: side() | both,
               on :: link | connection | both,
               words = [] :: [proof | token | number | status | reason | code | text],
               required = [] :: [binary()],
               optional = [] :: [binary()],
               body = false :: boolean()}).

-spec types() -> #{binary() => #type{}}.
types() ->
    #{<<"hello">> => #type{from = both, on = link,
                           required = [<<"version">>, <<"role">>, <<"instance">>,
                                       <<"max-packet">>, <<"nonce">>],
                           optional = [<<"max-content">>, <<"window">>, <<"proof">>, <<"features">>]},
      <<"proof">> => #type{from = ecm, on = link, words = [proof]},
      <<"ping">> => #type{from = both, on = link, words = [token], optional = [<<"stats">>]},
      <<"pong">> => #type{from = both, on = link, words = [token], optional = [<<"load">>, <<"cluster">>]},
      <<"stats">> => #type{from = ejabberd, on = link, body = true},
      <<"inspect">> => #type{from = ecm, on = link, words = [token],
                             optional = [<<"jid">>, <<"sid">>, <<"id">>]},
      <<"inspected">> => #type{from = ejabberd, on = link, words = [token],
                               optional = [<<"why">>, <<"more">>], body = true},
      <<"drain">> => #type{from = both, on = link},
      <<"nodes">> => #type{from = ecm, on = link, body = true},
      <<"resume">> => #type{from = both, on = link, optional = [<<"link">>, <<"got">>, <<"over">>]},
      <<"ack">> => #type{from = both, on = link, words = [number]},
      <<"request">> => #type{from = ecm, on = connection,
                             optional = [<<"peer">>, <<"secure">>, <<"truncated">>, <<"redirected">>, <<"full">>],
                             body = true},
      <<"misdirected">> => #type{from = ejabberd, on = connection, required = [<<"node">>],
                                 optional = [<<"peer">>, <<"secure">>], body = true},
      <<"part">> => #type{from = ejabberd, on = connection, body = true},
      <<"answer">> => #type{from = ejabberd, on = connection, words = [status],
                            optional = [<<"content-type">>], body = true},
      <<"open">> => #type{from = ecm, on = connection, words = [code],
                          optional = [<<"peer">>, <<"secure">>, <<"cb">>]},
      <<"message">> => #type{from = both, on = connection, body = true},
      <<"more">> => #type{from = both, on = connection, words = [number]},
      <<"leave">> => #type{from = ecm, on = connection},
      <<"left">> => #type{from = ejabberd, on = connection},
      <<"close">> => #type{from = both, on = connection, words = [reason], optional = [<<"status">>]},
      <<"error">> => #type{from = both, on = both, words = [code, text]}}.

%% @doc Returns whether this side may send this type on this connection.
-spec comes(type(), side(), ecm_link_packet:id()) -> boolean().
comes(Type, Side, Id) ->
    #type{from = From, on = On} = maps:get(atom_to_binary(Type), types()),
    (From =:= Side orelse From =:= both)
        andalso (On =:= both orelse On =:= link andalso Id =:= 0
                 orelse On =:= connection andalso Id =/= 0).

%% @doc Parses a content. Nearly all are requests in one spelling, or messages of streams: those are parsed
%% without the table, at a fraction of its cost, and with the same result.
-spec parse(Content :: binary()) -> result().
parse(<<"request peer=", Rest/binary>> = Content) ->
    Scope = {0, min(?MAX_LINE, byte_size(Rest))},
    case binary:match(Rest, <<" ">>, [{scope, Scope}]) of
        {Size, _} -> parse_request(Rest, Size, Content);
        nomatch -> parse_by_table(Content)
    end;
parse(<<"message\n", Body/binary>>) ->
    {ok, #{type => message, words => [], fields => #{}, body => Body}};
parse(Content) ->
    parse_by_table(Content).

-spec parse_request(binary(), non_neg_integer(), Content :: binary()) -> result().
parse_request(Rest, Size, Content) ->
    case Rest of
        <<Peer:Size/binary, " secure=", Secure, $\n, Body/binary>>
          when Secure =:= $0; Secure =:= $1 ->
            request(peer(Peer), Secure =:= $1, Body, Content);
        _ ->
            parse_by_table(Content)
    end.

-spec request(term(), boolean(), binary(), Content :: binary()) -> result().
request(error, _, _, Content) ->
    parse_by_table(Content);
request(Peer, Secure, Body, _) ->
    {ok, #{type => request, words => [], body => Body,
           fields => #{<<"peer">> => Peer, <<"secure">> => Secure}}}.

%% @doc Parses a content by the table alone.
-spec parse_by_table(Content :: binary()) -> result().
parse_by_table(Content) ->
    try {ok, line(Content)}
    catch throw:Result -> Result
    end.

%% From here on, a fault is thrown as the result.
-spec line(binary()) -> line().
line(Content) ->
    {Line, Body} = cut_line(Content),
    {Name, AfterName} = cut(Line),
    Type = type(Name),
    check_body(Type#type.body, Body),
    {Words, AfterWords} = words(Type#type.words, AfterName, []),
    Fields = fields(AfterWords),
    check_required(Type#type.required, Fields),
    with_body(Body, #{type => binary_to_atom(Name), words => Words,
                      fields => maps:map(fun(Key, Text) -> value(Key, Text, Type) end, Fields)}).

-spec fault(fault()) -> no_return().
fault(Fault) ->
    throw({error, Fault}).

-spec sure(Meaning | error, fault()) -> Meaning.
sure(error, Fault) -> fault(Fault);
sure(Meaning, _) -> Meaning.

-spec with_body(none | binary(), line()) -> line().
with_body(none, Line) -> Line;
with_body(Body, Line) -> Line#{body => Body}.

-spec cut_line(binary()) -> {Line :: binary(), Body :: none | binary()}.
cut_line(Content) ->
    Scope = {0, min(?MAX_LINE + 1, byte_size(Content))},
    case binary:match(Content, <<"\n">>, [{scope, Scope}]) of
        {Size, 1} ->
            <<Line:Size/binary, $\n, Body/binary>> = Content,
            {Line, Body};
        nomatch when byte_size(Content) =< ?MAX_LINE ->
            {Content, none};
        nomatch ->
            fault('line-too-long')
    end.

%% Splits at the next space.
-spec cut(binary()) -> {binary(), none | binary()}.
cut(Bytes) ->
    case binary:split(Bytes, <<" ">>) of
        [Before, Behind] -> {Before, Behind};
        [Bytes] -> {Bytes, none}
    end.

-spec type(binary()) -> #type{}.
type(Name) ->
    is(name, Name) orelse fault('bad-type'),
    case types() of
        #{Name := Type} -> Type;
        #{} -> throw({unknown, Name})
    end.

-spec check_body(boolean(), none | binary()) -> ok.
check_body(true, none) -> fault('body-missing');
check_body(false, Body) when is_binary(Body) -> fault('body-unwanted');
check_body(_, _) -> ok.

-spec words([atom()], none | binary(), [term()]) -> {[term()], none | binary()}.
words([], Rest, Done) ->
    {lists:reverse(Done), Rest};
words(_, none, _) ->
    fault('bad-word');
words([text], Text, Done) ->
    words([], none, [sure(word(text, Text), 'bad-word') | Done]);
words([Kind | Kinds], Rest, Done) ->
    {Word, Behind} = cut(Rest),
    words(Kinds, Behind, [sure(word(Kind, Word), 'bad-word') | Done]).

-spec word(atom(), binary()) -> term() | error.
word(proof, Word) -> only(is_hex(Word, 64), Word);
word(token, Word) -> only(is(word, Word) andalso byte_size(Word) =< ?MAX_TOKEN, Word);
word(number, Word) -> packet_number(Word);
word(status, Word) -> status(number(Word, 3));
word(reason, Word) -> only(is(word, Word), Word);
word(code, Word) -> only(is(name, Word), Word);
word(text, Text) -> only(is(text, Text), Text).

-spec only(boolean(), Value) -> Value | error.
only(true, Value) -> Value;
only(false, _) -> error.

%% Excludes the statuses without a body in HTTP, because an answer has one (RFC 9110, section 15).
-spec status(non_neg_integer() | error) -> 200..599 | error.
status(Status) when Status =:= 204; Status =:= 205; Status =:= 304 -> error;
status(Status) when is_integer(Status), Status >= 200, Status =< 599 -> Status;
status(_) -> error.

-spec fields(none | binary()) -> #{binary() => binary()}.
fields(none) ->
    #{};
fields(Rest) ->
    List = [field(Field) || Field <- binary:split(Rest, <<" ">>, [global])],
    Fields = maps:from_list(List),
    map_size(Fields) =:= length(List) orelse fault('bad-field'),
    Fields.

-spec field(binary()) -> {Key :: binary(), Value :: binary()}.
field(Field) ->
    case binary:split(Field, <<"=">>) of
        [Key, Value] ->
            is(key, Key) orelse fault('bad-field'),
            {Key, decode(Value, <<>>)};
        [_] ->
            fault('bad-field')
    end.

-spec decode(binary(), binary()) -> binary().
decode(<<$%, High, Low, Rest/binary>>, Done) ->
    decode(Rest, <<Done/binary, (hex_digit(High)):4, (hex_digit(Low)):4>>);
decode(<<Byte, Rest/binary>>, Done) when Byte > $\s, Byte =< $~, Byte =/= $% ->
    decode(Rest, <<Done/binary, Byte>>);
decode(<<>>, Done) ->
    Done;
decode(_, _) ->
    fault('bad-field').

-spec hex_digit(byte()) -> 0..15.
hex_digit(Digit) when Digit >= $0, Digit =< $9 -> Digit - $0;
hex_digit(Digit) when Digit >= $A, Digit =< $F -> Digit - $A + 10;
hex_digit(Digit) when Digit >= $a, Digit =< $f -> Digit - $a + 10;
hex_digit(_) -> fault('bad-field').

-spec check_required([binary()], #{binary() => binary()}) -> ok.
check_required(Keys, Fields) ->
    lists:all(fun(Key) -> is_map_key(Key, Fields) end, Keys) orelse fault('missing-field'),
    ok.

%% A value is UTF-8, even if its meaning is unknown.
-spec value(Key :: binary(), Text :: binary(), #type{}) -> term().
value(Key, Text, #type{required = Required, optional = Optional}) ->
    is_list(unicode:characters_to_list(Text)) orelse fault('bad-value'),
    case lists:member(Key, Required) orelse lists:member(Key, Optional) of
        true -> sure(meaning(Key, Text), 'bad-value');
        false -> Text
    end.

-spec meaning(Key :: binary(), Text :: binary()) -> term() | error.
meaning(<<"version">>, Text) -> versions(parts(Text));
meaning(<<"role">>, <<"ecm">>) -> ecm;
meaning(<<"role">>, <<"ejabberd">>) -> ejabberd;
meaning(<<"role">>, _) -> error;
meaning(Key, Text) when Key =:= <<"instance">>; Key =:= <<"node">> -> only(is_instance(Text), Text);
meaning(Key, Text) when Key =:= <<"max-packet">>; Key =:= <<"max-content">> ->
    bytes(number(Text, 10));
meaning(<<"window">>, Text) -> positive(number(Text, 10));
meaning(<<"status">>, Text) -> close_code(number(Text, 4));
meaning(Key, Text) when Key =:= <<"nonce">>; Key =:= <<"link">>; Key =:= <<"over">> -> only(is_hex(Text, 32), Text);
meaning(<<"cluster">>, Text) -> only(is_hex(Text, 16), Text);
meaning(Key, Text) when Key =:= <<"got">>; Key =:= <<"load">>; Key =:= <<"id">>; Key =:= <<"more">> ->
    packet_number(Text);
meaning(Key, Text) when Key =:= <<"jid">>; Key =:= <<"sid">> -> only(is_name(Text), Text);
meaning(<<"why">>, Text) -> only(is(name, Text), Text);
meaning(<<"proof">>, Text) -> only(is_hex(Text, 64), Text);
meaning(<<"features">>, <<>>) -> [];
meaning(<<"features">>, Text) -> features(parts(Text));
meaning(<<"peer">>, Text) -> peer(Text);
meaning(Key, Text)
  when Key =:= <<"secure">>; Key =:= <<"truncated">>; Key =:= <<"redirected">>; Key =:= <<"full">>;
       Key =:= <<"stats">> ->
    flag(Text);
meaning(<<"cb">>, Text) -> binding(Text);
meaning(<<"content-type">>, Text) -> Text.

%% In base64, in the one spelling of these bytes.
-spec binding(binary()) -> binary() | error.
binding(Text) ->
    try base64:decode(Text) of
        Bytes -> only(byte_size(Bytes) =:= ?BINDING andalso base64:encode(Bytes) =:= Text, Bytes)
    catch
        _:_ -> error
    end.

-spec flag(binary()) -> boolean() | error.
flag(<<"0">>) -> false;
flag(<<"1">>) -> true;
flag(_) -> error.

-spec parts(binary()) -> [binary()].
parts(Text) ->
    binary:split(Text, <<",">>, [global]).

-spec versions([binary()]) -> [non_neg_integer()] | error.
versions(Parts) ->
    Versions = [number(Part, 5) || Part <- Parts],
    only(not lists:member(error, Versions), Versions).

-spec features([binary()]) -> [binary()] | error.
features(Parts) ->
    only(lists:all(fun(Part) -> is(key, Part) end, Parts), Parts).

%% The number of a packet has as many bits as an ID.
-spec packet_number(binary()) -> 0..?MAX_NUMBER | error.
packet_number(Text) ->
    case number(Text, 20) of
        Number when is_integer(Number), Number =< ?MAX_NUMBER -> Number;
        _ -> error
    end.

-spec bytes(non_neg_integer() | error) -> pos_integer() | error.
bytes(Size) when is_integer(Size), Size >= ?MIN_MAX_PACKET -> Size;
bytes(_) -> error.

-spec positive(non_neg_integer() | error) -> pos_integer() | error.
positive(Number) when is_integer(Number), Number > 0 -> Number;
positive(_) -> error.

%% Of WebSocket (RFC 6455, section 7.4).
-spec close_code(non_neg_integer() | error) -> 1000..4999 | error.
close_code(Code) when is_integer(Code), Code >= 1000, Code =< 4999 -> Code;
close_code(_) -> error.

%% An address and its port, as in a URI (RFC 3986, section 3.2.2).
-spec peer(binary()) -> {inet:ip_address(), inet:port_number()} | error.
peer(<<$[, Text/binary>>) -> peer(binary:split(Text, <<"]:">>), fun ipv6/1);
peer(Text) -> peer(binary:split(Text, <<":">>), fun ipv4/1).

-spec peer([binary()], fun((binary()) -> inet:ip_address() | error)) ->
    {inet:ip_address(), inet:port_number()} | error.
peer([Address, Port], Parse) -> with_port(Parse(Address), number(Port, 5));
peer([_], _) -> error.

-spec with_port(inet:ip_address() | error, non_neg_integer() | error) ->
    {inet:ip_address(), inet:port_number()} | error.
with_port(Address, Port) when Address =/= error, Port =< 65535 -> {Address, Port};
with_port(_, _) -> error.

%% Stricter than inet, which accepts 192.0.2.07 and 0xc0000207.
-spec ipv4(binary()) -> inet:ip4_address() | error.
ipv4(Text) ->
    ipv4(Text, none, []).

%% `Part' is the current part so far; those before it are in reverse order.
-spec ipv4(binary(), none | byte(), [byte()]) -> inet:ip4_address() | error.
ipv4(<<Digit, Rest/binary>>, none, Done) when Digit >= $0, Digit =< $9 ->
    ipv4(Rest, Digit - $0, Done);
ipv4(<<Digit, Rest/binary>>, Part, Done)
  when Digit >= $0, Digit =< $9, Part > 0, Part * 10 + Digit - $0 =< 255 ->
    ipv4(Rest, Part * 10 + Digit - $0, Done);
ipv4(<<$., Rest/binary>>, Part, Done) when is_integer(Part) ->
    ipv4(Rest, none, [Part | Done]);
ipv4(<<>>, D, [C, B, A]) when is_integer(D) ->
    {A, B, C, D};
ipv4(_, _, _) ->
    error.

%% Stricter than inet, which accepts zones (fe80::1%eth0, and 7::1%2001:db8), and its own kind of IPv4 at
%% the end.
-spec ipv6(binary()) -> inet:ip6_address() | error.
ipv6(Text) ->
    Last = lists:last(binary:split(Text, <<":">>, [global])),
    Valid = Last =:= <<>> orelse is(any_hex, Last) orelse ipv4(Last) =/= error,
    HasZone = binary:match(Text, <<"%">>) =/= nomatch,
    case Valid andalso not HasZone andalso inet:parse_ipv6strict_address(binary_to_list(Text)) of
        {ok, Address} -> Address;
        _ -> error
    end.

%% Stricter than binary_to_integer/1, which accepts a sign.
-spec number(binary(), MaxDigits :: pos_integer()) -> non_neg_integer() | error.
number(Digits, MaxDigits) when Digits =/= <<>>, byte_size(Digits) =< MaxDigits ->
    decimal(Digits, 0);
number(_, _) ->
    error.

-spec decimal(binary(), non_neg_integer()) -> non_neg_integer() | error.
decimal(<<Digit, Rest/binary>>, Number) when Digit >= $0, Digit =< $9 ->
    decimal(Rest, Number * 10 + Digit - $0);
decimal(<<>>, Number) ->
    Number;
decimal(_, _) ->
    error.

%% Returns whether this is one or more bytes of this class.
-spec is(class(), binary()) -> boolean().
is(Class, Bytes) ->
    Bytes =/= <<>> andalso lists:all(fun(Byte) -> in(Class, Byte) end, binary_to_list(Bytes)).

-spec in(class(), byte()) -> boolean().
in(digit, Byte) -> Byte >= $0 andalso Byte =< $9;
in(hex, Byte) -> in(digit, Byte) orelse Byte >= $a andalso Byte =< $f;
in(any_hex, Byte) -> in(hex, Byte) orelse Byte >= $A andalso Byte =< $F;
in(name, Byte) -> Byte >= $a andalso Byte =< $z orelse Byte =:= $-;
in(key, Byte) -> in(name, Byte) orelse in(digit, Byte);
in(word, Byte) -> Byte > $\s andalso Byte =< $~;
in(text, Byte) -> Byte >= $\s andalso Byte =< $~.

-spec is_hex(binary(), Size :: pos_integer()) -> boolean().
is_hex(Bytes, Size) ->
    byte_size(Bytes) =:= Size andalso is(hex, Bytes).

-spec is_instance(binary()) -> boolean().
is_instance(Text) ->
    byte_size(Text) =< ?MAX_INSTANCE andalso is_name(Text).

%% Without control characters, because it goes into the log.
-spec is_name(binary()) -> boolean().
is_name(Text) ->
    Text =/= <<>> andalso not lists:any(fun is_control/1, unicode:characters_to_list(Text)).

-spec is_control(char()) -> boolean().
is_control(Character) ->
    Character < 16#20 orelse Character >= 16#7F andalso Character =< 16#9F.

%% @doc Returns the content of a message without a body. Values are percent-encoded here; words and the
%% order of the fields are the caller's.
-spec write(type(), Words :: [iodata()], Fields :: [{Key :: binary(), Value :: iodata()}]) ->
    iodata().
write(Type, Words, Fields) ->
    [atom_to_binary(Type), [[$\s, Word] || Word <- Words], [[$\s, Field] || Field <- encoded(Fields)]].

%% @doc Returns fields as a line of their own.
-spec write_fields([{Key :: binary(), Value :: iodata()}]) -> iodata().
write_fields(Fields) ->
    lists:join($\s, encoded(Fields)).

-spec encoded([{Key :: binary(), Value :: iodata()}]) -> [iodata()].
encoded(Fields) ->
    [[Key, $=, encode(iolist_to_binary(Value))] || {Key, Value} <- Fields].

%% @doc Returns the content of a message with a body.
-spec write(type(), Words :: [iodata()], Fields :: [{Key :: binary(), Value :: iodata()}],
            Body :: iodata()) -> iodata().
write(Type, Words, Fields, Body) ->
    [write(Type, Words, Fields), $\n, Body].

-spec encode(binary()) -> iodata().
encode(Value) ->
    [encode_byte(Byte) || <<Byte>> <= Value].

-spec encode_byte(byte()) -> byte() | binary().
encode_byte(Byte) when Byte > $\s, Byte =< $~, Byte =/= $% -> Byte;
encode_byte(Byte) -> <<$%, (binary:encode_hex(<<Byte>>))/binary>>.

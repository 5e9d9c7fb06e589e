%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The packet, the unit of everything on the link between ECM and ejabberd.
%%
%%     packet        = length "|" connection-id "|" content
%%     length        = 10DIGIT    ; bytes of the whole packet, these 32 bytes of header included
%%     connection-id = 20DIGIT    ; 1 to 2^64-1 name a client's connection; 0 is the link itself
%%     content       = *OCTET     ; length - 32 bytes, never escaped and never inspected
%%
%% Pure: bytes in, packets out, no process, no socket, no clock. The bytes come as TCP cuts them: a decoder
%% takes what has arrived, returns the packets that are complete, and holds at most one that is not. Nothing
%% that it holds or returns keeps the received segment alive.

-module(ecm_link_packet).

-export([begun/1, decode/2, encode/2, held/1, new/1]).
-export_type([decoded/0, decoder/0, id/0, packet/0, reason/0]).

-define(HEADER_SIZE, 32).
-define(MAX_ID, 16#FFFFFFFFFFFFFFFF).

%% Bytes of the stream that an error reports.
-define(REPORTED, 64).

-type id() :: 0..?MAX_ID.
-type packet() :: {id(), Content :: binary()}.
-type reason() ::
    'length-not-decimal' | 'missing-separator' | 'id-not-decimal' |
    'length-too-small' | 'length-too-large' | 'id-too-large'.

%% An incomplete packet: the bytes received so far, and the bytes of content still missing. The pieces are
%% in reverse order, and joined once, when the last one is there. Joining them at every segment would copy a
%% large packet again and again.
-record(begun, {id :: id(), held :: pos_integer(), missing :: pos_integer(), pieces :: [binary()]}).

%% Between two packets, or inside a header, `begun' holds the bytes of the header so far. `number' counts
%% the packets that were held before they were complete.
-record(decoder, {max_packet :: pos_integer(), begun = <<>> :: binary() | #begun{},
                  number = 0 :: non_neg_integer()}).

-opaque decoder() :: #decoder{}.

-type decoded() ::
    {ok, [packet()], decoder()} | {error, [packet()], reason(), First :: binary()}.

%% @doc Returns the packet that carries `Content' for the connection with this ID.
-spec encode(id(), iodata()) -> iolist().
encode(Id, Content) ->
    Length = ?HEADER_SIZE + iolist_size(Content),
    [digits(10, Length), $|, digits(20, Id), $|, Content].

-spec digits(10 | 20, non_neg_integer()) -> binary().
digits(Width, Number) ->
    Digits = integer_to_binary(Number),
    <<(binary:part(<<"00000000000000000000">>, 0, Width - byte_size(Digits)))/binary,
      Digits/binary>>.

%% @doc Returns a decoder for packets of at most `MaxPacket' bytes, header included.
-spec new(MaxPacket :: pos_integer()) -> decoder().
new(MaxPacket) ->
    #decoder{max_packet = MaxPacket}.

%% @doc Returns the bytes of an incomplete packet that are held.
-spec held(decoder()) -> non_neg_integer().
held(#decoder{begun = #begun{held = Held}}) -> Held;
held(#decoder{begun = Header}) -> byte_size(Header).

%% @doc Returns a number that identifies the incomplete packet, or `none' if there is none.
-spec begun(decoder()) -> pos_integer() | none.
begun(#decoder{begun = <<>>}) -> none;
begun(#decoder{number = Number}) -> Number.

%% @doc Takes the next bytes of the stream, and returns the packets that they complete, in order. An error
%% has the packets before it, and at most 64 bytes from where the next one should have started. After an
%% error, the stream is at its end.
-spec decode(binary(), decoder()) -> decoded().
decode(Data, #decoder{begun = #begun{} = Begun} = Decoder) ->
    continue(Data, Begun, Decoder);
decode(Data, #decoder{begun = <<>>} = Decoder) ->
    packets(Data, Decoder, []);
decode(Data, #decoder{begun = Header} = Decoder) ->
    packets(<<Header/binary, Data/binary>>, Decoder, []).

-spec continue(binary(), #begun{}, decoder()) -> decoded().
continue(Data, #begun{missing = Missing} = Begun, Decoder) when byte_size(Data) < Missing ->
    {ok, [], Decoder#decoder{begun = add(Data, Begun)}};
continue(Data, #begun{id = Id, missing = Missing, pieces = Pieces}, Decoder) ->
    <<Last:Missing/binary, Rest/binary>> = Data,
    Content = iolist_to_binary(lists:reverse(Pieces, [Last])),
    packets(Rest, Decoder, [{Id, Content}]).

%% Returns the packets in `Bytes', which start at a packet boundary, behind those in `Done', which are in
%% reverse order.
-spec packets(binary(), decoder(), [packet()]) -> decoded().
packets(<<Header:?HEADER_SIZE/binary, Rest/binary>> = Bytes, Decoder, Done) ->
    case header(Header, Decoder#decoder.max_packet) of
        {Id, Size} when byte_size(Rest) >= Size ->
            <<Content:Size/binary, Next/binary>> = Rest,
            packets(Next, Decoder, [{Id, binary:copy(Content)} | Done]);
        {Id, Size} ->
            Begun = #begun{id = Id, held = ?HEADER_SIZE, missing = Size, pieces = []},
            {ok, lists:reverse(Done), hold(add(binary:copy(Rest), Begun), Done, Decoder)};
        Reason ->
            First = binary:part(Bytes, 0, min(?REPORTED, byte_size(Bytes))),
            {error, lists:reverse(Done), Reason, First}
    end;
packets(Bytes, Decoder, Done) ->
    {ok, lists:reverse(Done), hold(binary:copy(Bytes), Done, Decoder)}.

%% A packet held now is a new one, unless the one held before is still incomplete.
-spec hold(binary() | #begun{}, Done :: [packet()], decoder()) -> decoder().
hold(Begun, [], #decoder{begun = Held} = Decoder) when Held =/= <<>> ->
    Decoder#decoder{begun = Begun};
hold(<<>>, _, Decoder) ->
    Decoder#decoder{begun = <<>>};
hold(Begun, _, #decoder{number = Number} = Decoder) ->
    Decoder#decoder{begun = Begun, number = Number + 1}.

-spec add(binary(), #begun{}) -> #begun{}.
add(Piece, #begun{held = Held, missing = Missing, pieces = Pieces} = Begun) ->
    Size = byte_size(Piece),
    Begun#begun{held = Held + Size, missing = Missing - Size, pieces = [Piece | Pieces]}.

%% Returns the ID and the size of the content from a header, or its first fault.
-spec header(binary(), pos_integer()) -> {id(), non_neg_integer()} | reason().
header(<<LengthDigits:10/binary, Separator1, IdDigits:20/binary, Separator2>>, MaxPacket) ->
    Length = decimal(LengthDigits, 0),
    Id = decimal(IdDigits, 0),
    if
        Length =:= error -> 'length-not-decimal';
        Separator1 =/= $| -> 'missing-separator';
        Id =:= error -> 'id-not-decimal';
        Separator2 =/= $| -> 'missing-separator';
        Length < ?HEADER_SIZE -> 'length-too-small';
        Length > MaxPacket -> 'length-too-large';
        Id > ?MAX_ID -> 'id-too-large';
        true -> {Id, Length - ?HEADER_SIZE}
    end.

%% Stricter than binary_to_integer/1, which accepts a sign.
-spec decimal(binary(), non_neg_integer()) -> non_neg_integer() | error.
decimal(<<Digit, Rest/binary>>, Number) when Digit >= $0, Digit =< $9 ->
    decimal(Rest, Number * 10 + Digit - $0);
decimal(<<>>, Number) ->
    Number;
decimal(_, _) ->
    error.

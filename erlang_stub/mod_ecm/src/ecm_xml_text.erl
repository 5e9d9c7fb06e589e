%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A parser of text in elements and in the values of attributes. Pure. An ecm_xml:fault() is thrown.

-module(ecm_xml_text).

-export([read/1, skip_space/1, value/1]).

-define(IS_SPACE(Byte),
        (Byte =:= $\s orelse Byte =:= $\n orelse Byte =:= $\t orelse Byte =:= $\r)).
-define(IS_QUOTE(Byte), (Byte =:= $' orelse Byte =:= $")).

%% XML 1.0, section 2.2. Decoded UTF-8 has no surrogates.
-define(IS_WIDE(Character),
        (Character >= 128 andalso Character =/= 16#FFFE andalso Character =/= 16#FFFF)).
-define(IS_SURROGATE(Character), (Character >= 16#D800 andalso Character =< 16#DFFF)).

-define(LAST_CHARACTER, 16#10FFFF).

%% @doc Returns what follows leading white space.
-spec skip_space(binary()) -> Rest :: binary().
skip_space(<<Byte, Rest/binary>>) when ?IS_SPACE(Byte) -> skip_space(Rest);
skip_space(Rest) -> Rest.

%% @doc Reads text up to the next tag or other markup. It does not refer to `Bytes'.
-spec read(binary()) -> {Text :: binary(), Rest :: binary()}.
read(Bytes) ->
    Size = text_size(Bytes, 0),
    case Bytes of
        <<Text:Size/binary, $<, Byte, _/binary>> when Byte =/= $! ->
            <<_:Size/binary, Rest/binary>> = Bytes,
            {binary:copy(Text), Rest};
        <<Text:Size/binary, Rest/binary>> ->
            read(Rest, Text)
    end.

%% Starts where text needs decoding. `Done' grows in place.
-spec read(binary(), Done :: binary()) -> {Text :: binary(), Rest :: binary()}.
read(<<"<![CDATA[", Bytes/binary>>, Done) ->
    section(Bytes, Done);
read(<<$<, _/binary>> = Bytes, Done) ->
    {binary:copy(Done), Bytes};
read(<<"\r\n", Bytes/binary>>, Done) ->
    more(Bytes, <<Done/binary, $\n>>);
read(<<$\r, Bytes/binary>>, Done) ->
    more(Bytes, <<Done/binary, $\n>>);
read(<<$&, Bytes/binary>>, Done) ->
    {Text, Rest} = reference(Bytes),
    more(Rest, <<Done/binary, Text/binary>>);
read(_, _) ->
    throw('not-xml').

-spec more(binary(), Done :: binary()) -> {Text :: binary(), Rest :: binary()}.
more(Bytes, Done) ->
    Size = text_size(Bytes, 0),
    <<Text:Size/binary, Rest/binary>> = Bytes,
    read(Rest, <<Done/binary, Text/binary>>).

%% A CDATA section, behind its beginning.
-spec section(binary(), Done :: binary()) -> {Text :: binary(), Rest :: binary()}.
section(Bytes, Done) ->
    Size = section_size(Bytes, 0),
    case Bytes of
        <<Text:Size/binary, "]]>", Rest/binary>> -> more(Rest, <<Done/binary, Text/binary>>);
        <<Text:Size/binary, "\r\n", Rest/binary>> ->
            section(Rest, <<Done/binary, Text/binary, $\n>>);
        <<Text:Size/binary, $\r, Rest/binary>> ->
            section(Rest, <<Done/binary, Text/binary, $\n>>);
        _ -> throw('not-xml')
    end.

%% @doc Reads a value in quotation marks. It may refer to `Bytes'.
-spec value(binary()) -> {Value :: binary(), Rest :: binary()}.
value(<<Quote, Bytes/binary>>) when ?IS_QUOTE(Quote) ->
    Size = value_size(Bytes, Quote, 0),
    case Bytes of
        <<Value:Size/binary, Quote, Rest/binary>> -> {Value, Rest};
        <<Part:Size/binary, Rest/binary>> -> value(Rest, Quote, Part)
    end;
value(_) ->
    throw('not-xml').

%% White space is normalised to a space, except in references (XML 1.0, sections 2.11 and 3.3.3).
-spec value(binary(), Quote :: byte(), Done :: binary()) -> {Value :: binary(), Rest :: binary()}.
value(<<Quote, Rest/binary>>, Quote, Done) ->
    {binary:copy(Done), Rest};
value(<<"\r\n", Bytes/binary>>, Quote, Done) ->
    more_value(Bytes, Quote, <<Done/binary, $\s>>);
value(<<Byte, Bytes/binary>>, Quote, Done) when Byte =:= $\r; Byte =:= $\n; Byte =:= $\t ->
    more_value(Bytes, Quote, <<Done/binary, $\s>>);
value(<<$&, Bytes/binary>>, Quote, Done) ->
    {Text, Rest} = reference(Bytes),
    more_value(Rest, Quote, <<Done/binary, Text/binary>>);
value(_, _, _) ->
    throw('not-xml').

-spec more_value(binary(), Quote :: byte(), Done :: binary()) ->
          {Value :: binary(), Rest :: binary()}.
more_value(Bytes, Quote, Done) ->
    Size = value_size(Bytes, Quote, 0),
    <<Part:Size/binary, Rest/binary>> = Bytes,
    value(Rest, Quote, <<Done/binary, Part/binary>>).

%% A reference, behind its `&'. Others than these need a document type.
-spec reference(binary()) -> {Text :: binary(), Rest :: binary()}.
reference(<<"lt;", Rest/binary>>) -> {<<"<">>, Rest};
reference(<<"gt;", Rest/binary>>) -> {<<">">>, Rest};
reference(<<"amp;", Rest/binary>>) -> {<<"&">>, Rest};
reference(<<"apos;", Rest/binary>>) -> {<<"'">>, Rest};
reference(<<"quot;", Rest/binary>>) -> {<<"\"">>, Rest};
reference(<<"#x", Digit, Rest/binary>>) -> number(Rest, 16, digit(Digit, 16));
reference(<<"#", Digit, Rest/binary>>) -> number(Rest, 10, digit(Digit, 10));
reference(_) -> throw('not-xml').

-spec number(binary(), Base :: 10 | 16, Number :: non_neg_integer()) ->
          {Text :: binary(), Rest :: binary()}.
number(<<$;, Rest/binary>>, _, Number) ->
    {character(Number), Rest};
number(<<Digit, Rest/binary>>, Base, Number) when Number =< ?LAST_CHARACTER ->
    number(Rest, Base, Number * Base + digit(Digit, Base));
number(_, _, _) ->
    throw('not-xml').

-spec digit(byte(), Base :: 10 | 16) -> 0..15.
digit(Digit, _) when Digit >= $0, Digit =< $9 -> Digit - $0;
digit(Digit, 16) when Digit >= $a, Digit =< $f -> Digit - $a + 10;
digit(Digit, 16) when Digit >= $A, Digit =< $F -> Digit - $A + 10;
digit(_, _) -> throw('not-xml').

-spec character(non_neg_integer()) -> binary().
character(Number) when Number =:= $\t; Number =:= $\n; Number =:= $\r -> <<Number>>;
character(Number) when Number >= $\s, Number < 128 -> <<Number>>;
character(Number) when ?IS_WIDE(Number), not ?IS_SURROGATE(Number), Number =< ?LAST_CHARACTER ->
    <<Number/utf8>>;
character(_) -> throw('not-xml').

%% Counts the bytes that need no decoding: up to markup, a reference, or a line end that is normalised.
-spec text_size(binary(), non_neg_integer()) -> non_neg_integer().
text_size(<<Byte, Rest/binary>>, Size)
  when Byte >= $\s, Byte < 128, Byte =/= $<, Byte =/= $&, Byte =/= $]; Byte =:= $\n; Byte =:= $\t ->
    text_size(Rest, Size + 1);
text_size(<<"]]>", _/binary>>, _) ->
    throw('not-xml');
text_size(<<$], Rest/binary>>, Size) ->
    text_size(Rest, Size + 1);
text_size(<<Character/utf8, Rest/binary>> = Bytes, Size) when ?IS_WIDE(Character) ->
    text_size(Rest, Size + byte_size(Bytes) - byte_size(Rest));
text_size(_, Size) ->
    Size.

-spec section_size(binary(), non_neg_integer()) -> non_neg_integer().
section_size(<<Byte, Rest/binary>>, Size)
  when Byte >= $\s, Byte < 128, Byte =/= $]; Byte =:= $\n; Byte =:= $\t ->
    section_size(Rest, Size + 1);
section_size(<<"]]>", _/binary>>, Size) ->
    Size;
section_size(<<$], Rest/binary>>, Size) ->
    section_size(Rest, Size + 1);
section_size(<<Character/utf8, Rest/binary>> = Bytes, Size) when ?IS_WIDE(Character) ->
    section_size(Rest, Size + byte_size(Bytes) - byte_size(Rest));
section_size(_, Size) ->
    Size.

-spec value_size(binary(), Quote :: byte(), non_neg_integer()) -> non_neg_integer().
value_size(<<Quote, _/binary>>, Quote, Size) ->
    Size;
value_size(<<Byte, Rest/binary>>, Quote, Size)
  when Byte >= $\s, Byte < 128, Byte =/= $<, Byte =/= $& ->
    value_size(Rest, Quote, Size + 1);
value_size(<<Character/utf8, Rest/binary>> = Bytes, Quote, Size) when ?IS_WIDE(Character) ->
    value_size(Rest, Quote, Size + byte_size(Bytes) - byte_size(Rest));
value_size(_, _, Size) ->
    Size.

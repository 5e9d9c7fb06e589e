%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A serialiser of elements, in UTF-8. Pure.
%%
%% The text of an element means the same as the one that it was parsed from, and is not longer, except for
%% CDATA sections, which may double. The serialiser of ejabberd takes up to six bytes for each quotation
%% mark and `>', even where they need no escape; it writes carriage returns so that they are parsed as line
%% feeds; and it takes C's stack for each level.

-module(ecm_xml_serialiser).

-export([element/1, value/1]).

-type xmlel() :: ecm_xml:element().

%% Bytes that escapes may add to a text, beside its own size. With more, a CDATA section is shorter: the
%% text came from one. Scripts of web pages often expect text without sections.
-define(ESCAPES, 1024).

%% @doc Returns the text of an element.
-spec element(xmlel()) -> binary().
element(El) ->
    iolist_to_binary(el(El)).

-spec el(xmlel()) -> iolist().
el({xmlel, Name, Attributes, []}) ->
    [$<, Name, attributes(Attributes), <<"/>">>];
el({xmlel, Name, Attributes, Children}) ->
    [$<, Name, attributes(Attributes), $>, content(Children), <<"</">>, Name, $>].

-spec attributes([ecm_xml:attribute()]) -> iolist().
attributes([{Name, Value} | Attributes]) ->
    [$\s, Name, $= , value(Value) | attributes(Attributes)];
attributes([]) -> [].

-spec content(ecm_xml:content()) -> iolist().
content([{xmlcdata, One}, {xmlcdata, Other} | Children]) ->
    content([{xmlcdata, iolist_to_binary([One, Other])} | Children]);
content([{xmlcdata, Text} | Children]) ->
    [text(Text) | content(Children)];
content([El | Children]) ->
    [el(El) | content(Children)];
content([]) -> [].

%% Text.

-spec text(iodata()) -> iodata().
text(Text) when is_binary(Text) ->
    Size = byte_size(Text),
    case text_size(Text, 0) of
        Size -> Text;
        Plain -> short(Text, escaped(Text, Plain))
    end;
text(Text) ->
    text(iolist_to_binary(Text)).

-spec short(binary(), Escaped :: iolist()) -> iodata().
short(Text, Escaped) ->
    case iolist_size(Escaped) - byte_size(Text) > byte_size(Text) + ?ESCAPES of
        true -> lists:join(<<"&#13;">>, [shortest(Part) || Part <- binary:split(Text, <<"\r">>,
                                                                                [global])]);
        false -> Escaped
    end.

-spec shortest(binary()) -> iodata().
shortest(Text) ->
    Escaped = escaped(Text, text_size(Text, 0)),
    Section = [<<"<![CDATA[">>, binary:replace(Text, <<"]]>">>, <<"]]]]><![CDATA[>">>, [global]),
               <<"]]>">>],
    case iolist_size(Section) < iolist_size(Escaped) of
        true -> Section;
        false -> Escaped
    end.

%% So many bytes at the beginning need no escape.
-spec escaped(binary(), Plain :: non_neg_integer()) -> iolist().
escaped(Text, Plain) ->
    case Text of
        <<Part:Plain/binary, "]]>", Rest/binary>> ->
            [Part, <<"]]&gt;">> | escaped(Rest, text_size(Rest, 0))];
        <<Part:Plain/binary, Byte, Rest/binary>> ->
            [Part, reference(Byte) | escaped(Rest, text_size(Rest, 0))];
        _ ->
            [Text]
    end.

-spec text_size(binary(), non_neg_integer()) -> non_neg_integer().
text_size(<<Byte, Rest/binary>>, Size)
  when Byte =/= $<, Byte =/= $&, Byte =/= $\r, Byte =/= $] ->
    text_size(Rest, Size + 1);
text_size(<<"]]>", _/binary>>, Size) -> Size;
text_size(<<$], Rest/binary>>, Size) -> text_size(Rest, Size + 1);
text_size(_, Size) -> Size.

%% Values.

%% @doc Returns the text of an attribute's value, in quotation marks.
-spec value(iodata()) -> iolist().
value(Value) when is_binary(Value) ->
    Size = byte_size(Value),
    case value_size(Value, $', 0) of
        Size -> [$', Value, $'];
        _ -> quoted(Value, quote(Value))
    end;
value(Value) ->
    value(iolist_to_binary(Value)).

-spec value_size(binary(), Quote :: byte(), non_neg_integer()) -> non_neg_integer().
value_size(<<Quote, _/binary>>, Quote, Size) -> Size;
value_size(<<Byte, Rest/binary>>, Quote, Size) when Byte >= $\s, Byte =/= $<, Byte =/= $& ->
    value_size(Rest, Quote, Size + 1);
value_size(_, _, Size) -> Size.

%% The quotation mark that occurs less often inside.
-spec quote(binary()) -> Quote :: byte().
quote(Value) ->
    case more(Value, 0) > 0 of
        true -> $";
        false -> $'
    end.

%% Counts by how many there are more apostrophes than quotation marks.
-spec more(binary(), integer()) -> integer().
more(<<$', Rest/binary>>, Count) -> more(Rest, Count + 1);
more(<<$", Rest/binary>>, Count) -> more(Rest, Count - 1);
more(<<_, Rest/binary>>, Count) -> more(Rest, Count);
more(<<>>, Count) -> Count.

-spec quoted(binary(), Quote :: byte()) -> iolist().
quoted(Value, Quote) ->
    [Quote, in_value(Value, Quote), Quote].

-spec in_value(binary(), Quote :: byte()) -> iolist().
in_value(Value, Quote) ->
    Size = value_size(Value, Quote, 0),
    case Value of
        <<Part:Size/binary, Byte, Rest/binary>> -> [Part, reference(Byte) | in_value(Rest, Quote)];
        _ -> [Value]
    end.

%% The shortest reference.
-spec reference(byte()) -> binary().
reference($<) -> <<"&lt;">>;
reference($&) -> <<"&amp;">>;
reference(Byte) -> <<"&#", (integer_to_binary(Byte))/binary, $;>>.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Elements as most clients write them, read without an XML parser. To make one costs more than
%% to read a stanza by hand. Pure.
%%
%% What is read is a part of XML in which nothing has to be looked up or replaced: no prefixes, no
%% references, no CDATA, no comments, one space before each attribute. What is read at all is read
%% as the parser reads it; all else, well-formed or not, is `unknown', and left to the parser.

-module(ecm_xml).

-export([elements/1]).

-type element() :: ecm_body:xmlel().
-type content() :: [element() | {xmlcdata, binary()}].
-type attribute() :: {Name :: binary(), Value :: binary()}.

%% Each attribute is compared with those before it, which takes long where they are very many.
-define(MAX_ATTRIBUTES, 20).

-define(IS_LETTER(Byte),
        (Byte >= $a andalso Byte =< $z orelse Byte >= $A andalso Byte =< $Z orelse Byte =:= $_)).
-define(IS_IN_NAME(Byte),
        (?IS_LETTER(Byte) orelse Byte >= $0 andalso Byte =< $9
         orelse Byte =:= $- orelse Byte =:= $.)).

%% @doc Reads the elements in another one, and returns what follows the `</' of its end tag. White
%% space between them is left out. Nothing in the elements keeps `Bytes' alive.
-spec elements(binary()) -> {[element()], Rest :: binary()} | unknown.
elements(Bytes) ->
    try
        {Content, Rest} = content(Bytes, []),
        {[El || El <- Content, is_element(El)], Rest}
    catch
        throw:unknown -> unknown
    end.

%% From here on `unknown' is thrown.
-spec is_element(element() | {xmlcdata, binary()}) -> boolean().
is_element({xmlcdata, Text}) ->
    is_space(Text) orelse throw(unknown),
    false;
is_element(_) ->
    true.

-spec is_space(binary()) -> boolean().
is_space(<<Byte, Rest/binary>>) when Byte =:= $\s; Byte =:= $\n; Byte =:= $\t -> is_space(Rest);
is_space(Rest) -> Rest =:= <<>>.

-spec content(binary(), content()) -> {content(), Rest :: binary()}.
content(<<"</", Rest/binary>>, Done) ->
    {lists:reverse(Done), Rest};
content(<<$<, Tag/binary>>, Done) ->
    {Name, Attributes} = name(Tag),
    {El, Rest} = element(Attributes, Name, []),
    content(Rest, [El | Done]);
content(Bytes, Done) ->
    {Text, Rest} = cut(text_size(Bytes, 0), Bytes),
    content(Rest, [{xmlcdata, Text} | Done]).

%% The rest of an element, from behind its name or an attribute; those in `Done' are reversed.
-spec element(binary(), Name :: binary(), Done :: [attribute()]) -> {element(), Rest :: binary()}.
element(<<$>, Bytes/binary>>, Name, Done) ->
    {Content, End} = content(Bytes, []),
    {{xmlel, Name, lists:reverse(Done), Content}, behind(Name, End)};
element(<<"/>", Rest/binary>>, Name, Done) ->
    {{xmlel, Name, lists:reverse(Done), []}, Rest};
element(<<" />", Rest/binary>>, Name, Done) ->
    {{xmlel, Name, lists:reverse(Done), []}, Rest};
element(<<$\s, Bytes/binary>>, Name, Done) ->
    {{Key, _} = Attribute, Rest} = attribute(name(Bytes)),
    lists:keymember(Key, 1, Done) andalso throw(unknown),
    length(Done) < ?MAX_ATTRIBUTES orelse throw(unknown),
    element(Rest, Name, add(Attribute, Done));
element(_, _, _) ->
    throw(unknown).

%% The parser has the declaration of the namespace in front of the other attributes.
-spec add(attribute(), Done :: [attribute()]) -> [attribute()].
add({<<"xmlns">>, _} = Declaration, Done) -> Done ++ [Declaration];
add(Attribute, Done) -> [Attribute | Done].

%% What follows a tag whose rest, with the name, this is.
-spec behind(Name :: binary(), binary()) -> Rest :: binary().
behind(Name, End) ->
    Size = byte_size(Name),
    case End of
        <<Name:Size/binary, $>, Rest/binary>> -> Rest;
        _ -> throw(unknown)
    end.

%% The parser leaves out a namespace that is empty, and refuses some of the W3C.
-spec attribute({Name :: binary(), binary()}) -> {attribute(), Rest :: binary()}.
attribute({<<"xmlns">>, <<$=, Quote, Quote, _/binary>>}) ->
    throw(unknown);
attribute({<<"xmlns">>, <<$=, _, "http://www.w3.org/", _/binary>>}) ->
    throw(unknown);
attribute({Name, <<$=, Quote, Bytes/binary>>}) when Quote =:= $'; Quote =:= $" ->
    case cut(value_size(Bytes, Quote, 0), Bytes) of
        {Value, <<Quote, Rest/binary>>} -> {{Name, Value}, Rest};
        _ -> throw(unknown)
    end;
attribute(_) ->
    throw(unknown).

-spec name(binary()) -> {Name :: binary(), Rest :: binary()}.
name(<<First, _/binary>> = Bytes) when ?IS_LETTER(First) -> cut(name_size(Bytes, 0), Bytes);
name(_) -> throw(unknown).

-spec cut(non_neg_integer() | unknown, binary()) -> {binary(), Rest :: binary()}.
cut(Size, Bytes) when is_integer(Size) ->
    <<Part:Size/binary, Rest/binary>> = Bytes,
    {binary:copy(Part), Rest};
cut(unknown, _) ->
    throw(unknown).

-spec name_size(binary(), non_neg_integer()) -> non_neg_integer().
name_size(<<Byte, Rest/binary>>, Size) when ?IS_IN_NAME(Byte) -> name_size(Rest, Size + 1);
name_size(_, Size) -> Size.

%% A text goes on until the next tag, a value until its quotation mark. A line end in a value, and a
%% carriage return anywhere, would be another character for who reads it (XML 1.0, sections 2.11 and
%% 3.3.3).
-spec text_size(binary(), non_neg_integer()) -> pos_integer() | unknown.
text_size(<<Byte, Rest/binary>>, Size)
  when Byte >= $\s, Byte < 128, Byte =/= $<, Byte =/= $>, Byte =/= $&; Byte =:= $\n; Byte =:= $\t ->
    text_size(Rest, Size + 1);
text_size(<<$<, _/binary>>, Size) ->
    Size;
text_size(Bytes, Size) ->
    wide(Bytes, Size, fun text_size/2).

-spec value_size(binary(), Quote :: byte(), non_neg_integer()) -> non_neg_integer() | unknown.
value_size(<<Quote, _/binary>>, Quote, Size) ->
    Size;
value_size(<<Byte, Rest/binary>>, Quote, Size)
  when Byte >= $\s, Byte < 128, Byte =/= $<, Byte =/= $& ->
    value_size(Rest, Quote, Size + 1);
value_size(Bytes, Quote, Size) ->
    wide(Bytes, Size, fun(Rest, Next) -> value_size(Rest, Quote, Next) end).

%% A character of more bytes than one, if XML has it (section 2.2), and what is behind it.
-spec wide(binary(), Size, fun((binary(), Size) -> Size | unknown)) -> Size | unknown when
      Size :: non_neg_integer().
wide(<<Character/utf8, Rest/binary>> = Bytes, Size, Go)
  when Character >= 128, Character =/= 16#FFFE, Character =/= 16#FFFF ->
    Go(Rest, Size + byte_size(Bytes) - byte_size(Rest));
wide(_, _, _) ->
    unknown.

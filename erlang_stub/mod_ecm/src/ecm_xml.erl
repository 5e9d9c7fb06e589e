%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A parser of XML as BOSH has it: elements, attributes and text, in UTF-8. Pure, and in linear time.
%%
%% That is XML 1.0 without what a body must not have (XEP-0124, section 6): comments, processing
%% instructions, and document types with all their entities. A general parser costs several times as much
%% for the usual body, and bounds neither depth nor prefixes. Names stay as they are written:
%% ecm_xml_namespaces resolves their prefixes.
%%
%% A fault() is thrown.

-module(ecm_xml).

-export([content/2, document/1, end_of_document/1, read/1, root/1]).
-export_type([attribute/0, content/0, element/0, fault/0, names/0]).

-type fault() :: 'not-xml' | 'forbidden-markup' | 'other-encoding' | 'too-deep'.
-type element() :: {xmlel, Name :: binary(), [attribute()], content()}.
-type content() :: [element() | {xmlcdata, binary()}].
-type attribute() :: {Name :: binary(), Value :: binary()}.

%% Names in `plain' content are ASCII, and have no prefix except `xml'.
-type names() :: plain | any.

%% Levels of nested elements, from the stanza on. Real ones have less than twenty. The serialiser of
%% ejabberd takes C's stack for each level, and crashes all of ejabberd between 3,000 and 4,000.
-define(MAX_DEPTH, 200).

%% More than fit in any memory.
-define(ANY_DEPTH, 16#FFFFFFFFFFF).

%% Up to so many attributes are compared one by one, because sorting costs more then.
-define(FEW, 12).

-define(IS_SPACE(Byte),
        (Byte =:= $\s orelse Byte =:= $\n orelse Byte =:= $\t orelse Byte =:= $\r)).
-define(IS_QUOTE(Byte), (Byte =:= $' orelse Byte =:= $")).
-define(IS_LETTER(Byte),
        (Byte >= $a andalso Byte =< $z orelse Byte >= $A andalso Byte =< $Z orelse Byte =:= $_)).
-define(IS_IN_NAME(Byte),
        (?IS_LETTER(Byte) orelse Byte >= $0 andalso Byte =< $9
         orelse Byte =:= $- orelse Byte =:= $.)).

%% @doc Reads a document up to the attributes of its root. The rest begins with `>' or `/>', unless the
%% start tag is malformed. The attributes, the last one first, refer to `Bytes' and keep it alive. A fault
%% concerns what is before the root.
-spec root(binary()) -> {Name :: binary(), [attribute()], Rest :: binary(), fault() | none}.
root(<<"<body ", Tag/binary>>) ->  % for speed
    {Attributes, Rest} = attribute(Tag, any, []),
    {<<"body">>, Attributes, Rest, none};
root(Bytes) ->
    case ecm_xml_prolog:skip(Bytes) of
        {<<$<, Tag/binary>>, Fault} ->
            {Name, Attributes, Rest} = start_tag(Tag, any),
            {Name, Attributes, Rest, Fault};
        _ ->
            throw('not-xml')
    end.

%% @doc Reads a document: one element. Returns it with the kind of its names. None of it keeps `Bytes' alive.
-spec document(binary()) -> {element(), names()}.
document(Bytes) ->
    case ecm_xml_prolog:skip(Bytes) of
        {<<$<, Tag/binary>>, none} -> alone(Tag);
        {<<$<, _/binary>>, Fault} -> throw(Fault);
        _ -> throw('not-xml')
    end.

-spec alone(Tag :: binary()) -> {element(), names()}.
alone(Tag) ->
    try alone(Tag, plain)
    catch throw:names -> alone(Tag, any)
    end.

-spec alone(Tag :: binary(), names()) -> {element(), names()}.
alone(Tag, Names) ->
    {El, Rest} = element(Tag, Names, ?MAX_DEPTH),
    ok = end_of_document(Rest),
    {El, Names}.

%% @doc Reads an element that ecm_xml_serialiser has written.
-spec read(binary()) -> element().
read(<<$<, Tag/binary>>) ->
    {El, <<>>} = element(Tag, any, ?ANY_DEPTH),
    El.

%% @doc Checks that nothing follows the root.
-spec end_of_document(binary()) -> ok.
end_of_document(<<>>) ->
    ok;
end_of_document(Bytes) ->
    case ecm_xml_text:skip_space(Bytes) of
        <<>> -> ok;
        Rest -> throw(misplaced(Rest))
    end.

%% @doc Reads the content of the element with this name. Returns it with the rest and the kind of its names.
%% None of it keeps `Bytes' alive.
-spec content(binary(), Name :: binary()) -> {content(), Rest :: binary(), names()}.
content(Bytes, Name) ->
    try content(Bytes, Name, plain)
    catch throw:names -> content(Bytes, Name, any)
    end.

-spec content(binary(), binary(), names()) -> {content(), binary(), names()}.
content(Bytes, Name, Names) ->
    {Content, End} = content(Bytes, Names, ?MAX_DEPTH, []),
    {Content, behind(Name, End), Names}.

-spec content(binary(), names(), Depth :: non_neg_integer(), content()) ->
          {content(), Rest :: binary()}.
content(<<"</", Rest/binary>>, _, _, Done) ->
    {lists:reverse(Done), Rest};
content(<<$<, Tag/binary>> = Bytes, Names, Depth, Done) ->
    case Tag of
        <<"![CDATA[", _/binary>> ->
            text(Bytes, Names, Depth, Done);
        <<Byte, _/binary>> when Byte =:= $!; Byte =:= $? ->
            throw(misplaced(Bytes));
        _ ->
            {El, Rest} = element(Tag, Names, Depth),
            content(Rest, Names, Depth, [El | Done])
    end;
content(Bytes, Names, Depth, Done) ->
    text(Bytes, Names, Depth, Done).

-spec text(binary(), names(), Depth :: non_neg_integer(), content()) ->
          {content(), Rest :: binary()}.
text(Bytes, Names, Depth, Done) ->
    case ecm_xml_text:read(Bytes) of
        {<<>>, Rest} -> content(Rest, Names, Depth, Done);
        {Text, Rest} -> content(Rest, Names, Depth, [{xmlcdata, Text} | Done])
    end.

%% Starts behind the `<'.
-spec element(binary(), names(), Depth :: non_neg_integer()) -> {element(), Rest :: binary()}.
element(_, _, 0) ->
    throw('too-deep');
element(Tag, Names, Depth) ->
    {Name, Attributes, Rest} = start_tag(Tag, Names),
    case Rest of
        <<"/>", Next/binary>> ->
            {{xmlel, binary:copy(Name), own(Attributes, []), []}, Next};
        <<$>, Inside/binary>> ->
            {Content, End} = content(Inside, Names, Depth - 1, []),
            {{xmlel, binary:copy(Name), own(Attributes, []), Content}, behind(Name, End)};
        _ ->
            throw('not-xml')
    end.

-spec own([attribute()], [attribute()]) -> [attribute()].
own([{<<"xmlns">>, Value} | Attributes], Done) ->
    ecm_xml_namespaces:may_be_default(Value) orelse throw('not-xml'),
    own(Attributes, [{<<"xmlns">>, binary:copy(Value)} | Done]);
own([{Name, Value} | Attributes], Done) ->
    own(Attributes, [{binary:copy(Name), binary:copy(Value)} | Done]);
own([], Done) -> Done.

%% Skips the rest of an end tag with this name.
-spec behind(Name :: binary(), binary()) -> Rest :: binary().
behind(Name, End) ->
    Size = byte_size(Name),
    case End of
        <<Name:Size/binary, $>, Rest/binary>> -> Rest;
        <<Name:Size/binary, Byte, Rest/binary>> when ?IS_SPACE(Byte) ->
            closed(ecm_xml_text:skip_space(Rest));
        _ -> throw('not-xml')
    end.

-spec closed(binary()) -> Rest :: binary().
closed(<<$>, Rest/binary>>) -> Rest;
closed(_) -> throw('not-xml').

%% Markup that is forbidden everywhere, or only here.
-spec misplaced(binary()) -> fault().
misplaced(<<"<!--", _/binary>>) -> 'forbidden-markup';
misplaced(<<"<!DOCTYPE", _/binary>>) -> 'forbidden-markup';
misplaced(<<"<?", _/binary>>) -> 'forbidden-markup';
misplaced(_) -> 'not-xml'.

-spec start_tag(binary(), names()) -> {Name :: binary(), [attribute()], Rest :: binary()}.
start_tag(Tag, Names) ->
    {Name, Behind} = name(Tag, Names),
    {Attributes, Rest} = attributes(Behind, Names, []),
    {Name, Attributes, Rest}.

-spec attributes(binary(), names(), [attribute()]) -> {[attribute()], Rest :: binary()}.
attributes(<<Byte, Bytes/binary>>, Names, Done) when ?IS_SPACE(Byte) ->
    attribute(Bytes, Names, Done);
attributes(Bytes, _, Done) ->
    unique(Done),
    {Done, Bytes}.

%% Starts behind some white space.
-spec attribute(binary(), names(), [attribute()]) -> {[attribute()], Rest :: binary()}.
attribute(<<Byte, _/binary>> = Bytes, _, Done) when Byte =:= $>; Byte =:= $/ ->
    unique(Done),
    {Done, Bytes};
attribute(<<Byte, Bytes/binary>>, Names, Done) when ?IS_SPACE(Byte) ->
    attribute(Bytes, Names, Done);
attribute(Bytes, Names, Done) ->
    {Name, Behind} = name(Bytes, Names),
    {Value, Rest} = ecm_xml_text:value(equals(Behind)),
    attributes(Rest, Names, [{Name, Value} | Done]).

-spec equals(binary()) -> Rest :: binary().
equals(<<$=, Quote, _/binary>> = Bytes) when ?IS_QUOTE(Quote) ->
    <<_, Rest/binary>> = Bytes,
    Rest;
equals(Bytes) ->
    case ecm_xml_text:skip_space(Bytes) of
        <<$=, Rest/binary>> -> ecm_xml_text:skip_space(Rest);
        _ -> throw('not-xml')
    end.

%% A name must not be repeated.
-spec unique([attribute()]) -> ok.
unique([]) -> ok;
unique([_]) -> ok;
unique(Attributes) -> unique(Attributes, length(Attributes)).

-spec unique([attribute()], Count :: non_neg_integer()) -> ok.
unique(Attributes, Count) when Count > ?FEW ->
    length(lists:ukeysort(1, Attributes)) =:= Count orelse throw('not-xml'),
    ok;
unique([{Name, _} | Attributes], _) ->
    lists:keymember(Name, 1, Attributes) andalso throw('not-xml'),
    unique(Attributes).

-spec name(binary(), names()) -> {Name :: binary(), Rest :: binary()}.
name(<<First, _/binary>> = Bytes, Names) when ?IS_LETTER(First) ->
    Size = name_size(Bytes, 0),
    case Bytes of
        <<_:Size/binary, Next, _/binary>> when Next >= 128; Next =:= $: -> rare_name(Bytes, Names);
        <<Name:Size/binary, Rest/binary>> -> {Name, Rest}
    end;
name(Bytes, Names) ->
    rare_name(Bytes, Names).

-spec name_size(binary(), non_neg_integer()) -> non_neg_integer().
name_size(<<Byte, Rest/binary>>, Size) when ?IS_IN_NAME(Byte) -> name_size(Rest, Size + 1);
name_size(_, Size) -> Size.

%% A name with a prefix, or one that is not ASCII.
-spec rare_name(binary(), names()) -> {Name :: binary(), Rest :: binary()}.
rare_name(Bytes, Names) ->
    Size = local(Bytes, part(Bytes)),
    <<Name:Size/binary, Rest/binary>> = Bytes,
    Names =:= any orelse is_plain(Name) orelse throw(names),
    {Name, Rest}.

%% The size of a name of which the prefix, or all, has this size.
-spec local(binary(), non_neg_integer()) -> non_neg_integer().
local(Bytes, Size) ->
    case Bytes of
        <<_:Size/binary, $:, Local/binary>> -> Size + 1 + part(Local);
        _ -> Size
    end.

-spec part(binary()) -> Size :: pos_integer().
part(<<First, _/binary>> = Bytes) when ?IS_LETTER(First); First >= 128 ->
    part_size(Bytes, 0);
part(_) ->
    throw('not-xml').

-spec part_size(binary(), non_neg_integer()) -> non_neg_integer().
part_size(<<Byte, Rest/binary>>, Size) when ?IS_IN_NAME(Byte); Byte >= 128 ->
    part_size(Rest, Size + 1);
part_size(_, Size) -> Size.

-spec is_plain(Name :: binary()) -> boolean().
is_plain(<<"xml:", Local/binary>>) -> name_size(Local, 0) =:= byte_size(Local);
is_plain(_) -> false.

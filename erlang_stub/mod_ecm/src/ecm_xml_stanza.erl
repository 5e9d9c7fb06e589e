%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Stanzas as on a stream whose default namespace is jabber:client: from elements that a client has sent, and
%% as text for one. Pure. A fault() is thrown.
%%
%% ejabberd knows elements by their names without a prefix, and takes apart those that it knows: their
%% children go on without the declarations around them, and `<x:a/>' alone would not be XML for its
%% receiver. So each element declares what it needs, as long as the stanza hardly grows. If it would grow,
%% as with one long namespace and a thousand elements, those that ejabberd does not know, and passes on
%% whole, stay as they are.

-module(ecm_xml_stanza).

-export([all/3, encode/1]).
-export_type([fault/0]).

-type fault() :: 'not-xml' | 'too-many-declarations'.
-type scope() :: ecm_xml_namespaces:scope().
-type xmlel() :: ecm_xml:element().
-type content() :: xmlel() | {xmlcdata, binary()}.

-define(NS_BODY, <<"http://jabber.org/protocol/httpbind">>).
-define(NS_CLIENT, <<"jabber:client">>).

%% Bytes by which declarations may lengthen a stanza: about thirty of them. All stanzas of a body together
%% may grow by their own size and this. No receiver gets more than twice what was sent.
-define(MAX_GROWTH, 2048).

%% @doc Returns the stanzas among the children of a body. Clients forget to declare the namespace of their
%% stanzas (XEP-0206, section 2), so the namespace of the body, and none at all, stand for jabber:client.
%% `Names' says whether names may have prefixes.
-spec all([xmlel()], Outside :: scope(), Names :: plain | any) -> [xmlel()].
all(Els, #{<<>> := Default}, plain)
  when Default =:= ?NS_BODY; Default =:= <<>>; Default =:= ?NS_CLIENT ->
    [stanza(El) || El <- Els];
all(Els, #{<<>> := Default} = Outside, Names) when Default =:= ?NS_BODY; Default =:= <<>> ->
    all(Els, Outside#{<<>> := ?NS_CLIENT}, Names);
all(Els, Outside, _) ->
    Wide = lists:foldl(fun(El, Before) -> check(El, Outside, Before) end, [], Els),
    ok = ecm_xml_namespaces:legible(Wide),
    {Stanzas, Sizes} = lists:unzip([small(El, Outside) || El <- Els]),
    lists:sum(Sizes) =< 2 * size_of(Els, infinity) + ?MAX_GROWTH
        orelse throw('too-many-declarations'),
    lists:map(fun stanza/1, Stanzas).

%% @doc Returns the text of a stanza, or of another element of a stream, for where the default namespace is another
%% one (XEP-0206, section 2; RFC 7395, section 3.3.3). The prefix `stream' must be declared around it.
-spec encode(xmlel()) -> binary().
encode({xmlel, <<"stream:", _/binary>>, _, _} = El) ->
    ecm_xml_serialiser:element(El);
encode({xmlel, Name, Attributes, Children} = El) ->
    case lists:keymember(<<"xmlns">>, 1, Attributes) of
        true -> ecm_xml_serialiser:element(El);
        false -> ecm_xml_serialiser:element({xmlel, Name, [{<<"xmlns">>, ?NS_CLIENT} | Attributes], Children})
    end.

-spec stanza(xmlel()) -> xmlel().
stanza({xmlel, Name, Attributes, Children} = El) ->
    case lists:keyfind(<<"xmlns">>, 1, Attributes) of
        {_, Namespace} = Declaration
          when Namespace =:= ?NS_BODY; Namespace =:= ?NS_CLIENT; Namespace =:= <<>> ->
            {xmlel, Name, lists:delete(Declaration, Attributes), Children};
        _ ->
            El
    end.

%% Checks that prefixes are declared, and that no attribute is repeated. Returns the names that are not
%% ASCII.
-spec check(content(), scope(), Wide) -> Wide when Wide :: [Name :: binary()].
check({xmlel, Name, Attributes, Children}, Outer, Wide) ->
    Scope = ecm_xml_namespaces:scope(Attributes, Outer),
    _ = ecm_xml_namespaces:element(Name, Scope),
    ok = ecm_xml_namespaces:check(Attributes, Scope),
    Here = lists:foldl(fun({Key, _}, Before) -> wide(Key, Before) end, wide(Name, Wide),
                       Attributes),
    lists:foldl(fun(Child, Before) -> check(Child, Scope, Before) end, Here, Children);
check({xmlcdata, _}, _, Wide) ->
    Wide.

-spec wide(Name :: binary(), [binary()]) -> [binary()].
wide(Name, Wide) ->
    case ecm_xml_namespaces:is_wide(Name) of
        true -> [Name | Wide];
        false -> Wide
    end.

%% Sizes.

%% The stanza, with its size.
-spec small(xmlel(), scope()) -> {xmlel(), Size :: non_neg_integer()}.
small(El, Scope) ->
    first([fun() -> alone(El, Scope, ?NS_CLIENT) end, fun() -> parted(El, Scope, ?NS_CLIENT) end],
          size_of([El], infinity) + ?MAX_GROWTH).

-spec first([fun(() -> xmlel())], Most :: non_neg_integer()) -> {xmlel(), non_neg_integer()}.
first([Make | Others], Most) ->
    El = Make(),
    try {El, size_of([El], Most)}
    catch throw:larger -> first(Others, Most)
    end;
first([], _) ->
    throw('too-many-declarations').

%% The bytes of its text, without escapes. Throws `larger' if there are more than `Most'.
-spec size_of([content()], Most :: non_neg_integer() | infinity) -> non_neg_integer().
size_of(Els, Most) -> size_of(Els, Most, 0).

-spec size_of([content()], Most :: non_neg_integer() | infinity, Sum) -> Sum
              when Sum :: non_neg_integer().
size_of(_, Most, Sum) when Sum > Most ->
    throw(larger);
size_of([{xmlel, Name, Attributes, Children} | Els], Most, Sum) ->
    Tags = size_of_attributes(Attributes, Sum + size_of_tags(byte_size(Name), Children)),
    size_of(Els, Most, size_of(Children, Most, Tags));
size_of([{xmlcdata, Text} | Els], Most, Sum) ->
    size_of(Els, Most, Sum + byte_size(Text));
size_of([], _, Sum) ->
    Sum.

-spec size_of_attributes([ecm_xml:attribute()], Sum :: non_neg_integer()) -> non_neg_integer().
size_of_attributes([{Name, Value} | Attributes], Sum) ->
    size_of_attributes(Attributes, Sum + byte_size(Name) + byte_size(Value) + 4);
size_of_attributes([], Sum) ->
    Sum.

-spec size_of_tags(Name :: non_neg_integer(), [content()]) -> non_neg_integer().
size_of_tags(Name, []) -> Name + 3;
size_of_tags(Name, _) -> 2 * Name + 5.

%% The element with no prefix in the names of elements, and with each prefix of an attribute declared in the
%% same tag. `Default' is the default namespace around the result.
-spec alone(content(), scope(), Default :: binary()) -> content().
alone({xmlel, _, _, _} = El, Outer, Default) ->
    unprefixed(El, Outer, Default, fun alone/3);
alone(Text, _, _) ->
    Text.

%% The same for elements that ejabberd knows. All others stay whole.
-spec parted(content(), scope(), Default :: binary()) -> content().
parted({xmlel, Name, Attributes, _} = El, Outer, Default) ->
    Scope = ecm_xml_namespaces:scope(Attributes, Outer),
    {Namespace, Local} = ecm_xml_namespaces:element(Name, Scope),
    case xmpp:is_known_tag({xmlel, Local, [{<<"xmlns">>, Namespace}], []}, Default) of
        true -> unprefixed(El, Outer, Default, fun parted/3);
        false -> whole(El, Outer, Default)
    end;
parted(Text, _, _) ->
    Text.

-spec unprefixed(xmlel(), scope(), binary(), fun((content(), scope(), binary()) -> content())) ->
          xmlel().
unprefixed({xmlel, Name, Attributes, Children}, Outer, Default, Inside) ->
    Scope = ecm_xml_namespaces:scope(Attributes, Outer),
    {Namespace, Local} = name(Name, Scope),
    Own = [{<<"xmlns">>, Namespace} || Namespace =/= Default],
    Others = [Attribute || {Key, _} = Attribute <- Attributes,
                           ecm_xml_namespaces:declared(Key) =:= none],
    {xmlel, Local, Own ++ declarations(prefixes(Others), Scope) ++ Others,
     [Inside(Child, Scope, Namespace) || Child <- Children]}.

%% The prefix `xml' cannot be replaced, because its namespace must not be declared.
-spec name(binary(), scope()) -> {Namespace :: binary(), Name :: binary()}.
name(<<"xml:", _/binary>> = Name, #{<<>> := Default}) -> {Default, Name};
name(Name, Scope) -> ecm_xml_namespaces:element(Name, Scope).

%% The prefixes of attributes that are not declarations.
-spec prefixes([ecm_xml:attribute()]) -> [Prefix :: binary()].
prefixes([]) ->
    [];
prefixes(Attributes) ->
    lists:usort([Prefix || {Name, _} <- Attributes, ecm_xml_namespaces:declared(Name) =:= none,
                           Prefix <- [ecm_xml_namespaces:prefix(Name)], is_declared(Prefix)]).

-spec is_declared(Prefix :: binary()) -> boolean().
is_declared(Prefix) -> Prefix =/= <<>> andalso Prefix =/= <<"xml">>.

-spec declarations([Prefix :: binary()], scope()) -> [ecm_xml:attribute()].
declarations(Prefixes, Scope) ->
    [{declaration(Prefix), map_get(Prefix, Scope)} || Prefix <- Prefixes].

-spec declaration(Prefix :: binary()) -> Name :: binary().
declaration(<<>>) -> <<"xmlns">>;
declaration(Prefix) -> <<"xmlns:", Prefix/binary>>.

%% The element as it is, with the declarations that it needs from around it.
-spec whole(xmlel(), scope(), Default :: binary()) -> xmlel().
whole({xmlel, Name, Attributes, Children} = El, Outer, Default) ->
    Needed = [Prefix || Prefix <- maps:keys(needed(El, #{}, #{})),
                        Prefix =/= <<>> orelse map_get(<<>>, Outer) =/= Default],
    {xmlel, Name, declarations(Needed, Outer) ++ Attributes, Children}.

%% The prefixes that are used and not declared inside; no prefix counts as one.
-spec needed(content(), Declared :: scope(), #{Prefix => []}) -> #{Prefix => []}
              when Prefix :: binary().
needed({xmlel, Name, Attributes, Children}, Declared, Found) ->
    Scope = ecm_xml_namespaces:scope(Attributes, Declared),
    Used = [ecm_xml_namespaces:prefix(Name) | prefixes(Attributes)],
    Now = lists:foldl(fun(Prefix, Others) -> need(Prefix, Scope, Others) end, Found, Used),
    lists:foldl(fun(Child, Before) -> needed(Child, Scope, Before) end, Now, Children);
needed({xmlcdata, _}, _, Found) ->
    Found.

-spec need(Prefix :: binary(), Declared :: scope(), #{binary() => []}) -> #{binary() => []}.
need(<<"xml">>, _, Found) -> Found;
need(Prefix, Declared, Found) when is_map_key(Prefix, Declared) -> Found;
need(Prefix, _, Found) when is_map_key(Prefix, Found) -> Found;
need(Prefix, _, Found) -> Found#{Prefix => []}.

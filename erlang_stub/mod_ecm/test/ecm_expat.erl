%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The meaning of bodies, as ejabberd's XML parser (expat) and ecm_bosh_body read them, in one form,
%% for comparison.
%%
%% Namespaces are resolved. The namespace of the body, none, and jabber:client are one, as for stanzas
%% (XEP-0206, section 2).

-module(ecm_expat).

-export([agrees/1, meaning/1, meaning_of/1, read/1, stanzas/1]).

-define(NS_BODY, <<"http://jabber.org/protocol/httpbind">>).

%% What the parser ignores, and what is refused to protect it.
-define(STRICT, ['forbidden-markup', 'no-start-tag', 'other-encoding', 'too-deep',
                 'too-many-declarations']).

%% @doc Returns whether bytes are the same body to both, or not a body to either.
-spec agrees(binary()) -> boolean().
agrees(Bytes) ->
    Head = ecm_bosh_body:head(Bytes),
    is_strict(Head) orelse agree(read(Bytes), Head).

is_strict({error, Fault}) -> lists:member(Fault, ?STRICT);
is_strict({ok, #{fault := Fault}, _}) -> lists:member(Fault, ?STRICT);
is_strict({ok, _, _}) -> false.

agree(error, {error, _}) -> true;
agree(error, {ok, _, Content}) -> element(1, ecm_bosh_body:els(Content)) =:= error;
agree({ok, _, _}, {error, _}) -> false;
agree({ok, Tag, Els}, {ok, Head, Content}) ->
    {ok, Plain, _} = ecm_bosh_body:head(Tag),
    Plain =:= Head andalso
        case ecm_bosh_body:els(Content) of
            {ok, Read} -> lists:map(fun meaning/1, Read) =:= Els;
            Error -> is_strict(Error)
        end.

%% @doc Returns the start tag of a body, in plain spelling, and its stanzas; or `error' if it is not XML or
%% not a body.
-spec read(binary()) -> {ok, Tag :: binary(), [term()]} | error.
read(Bytes) ->
    case fxml_stream:parse_element(Bytes) of
        {xmlel, Name, Attributes, Children} ->
            Scope = scope(Attributes, #{}),
            Text = << <<Part/binary>> || {xmlcdata, Part} <- Children >>,
            case expanded(Name, Scope) =:= {client, <<"body">>} andalso is_of_body(Name, Scope)
                 andalso re:run(Text, "^[ \t\r\n]*\\z") =/= nomatch of
                true -> {ok, fxml:element_to_binary({xmlel, Name, Attributes, []}),
                         stanzas(Bytes)};
                false -> error
            end;
        {error, _} ->
            error
    end.

is_of_body(Name, Scope) ->
    maps:get(prefix(Name), Scope, <<>>) =:= ?NS_BODY.

%% @doc Returns the meanings of the elements in the root of a document that is XML.
%%
%% The parser of streams resolves the namespace of each element, and that of documents does not. It gets
%% another root, because it mishandles prefixes that the root declares.
stanzas(Bytes) ->
    Stream = fxml_stream:new(self(), infinity, [no_gen_server]),
    {Root, none} = ecm_xml_prolog:skip(Bytes),
    _ = fxml_stream:parse(fxml_stream:parse(Stream, <<"<r>">>), Root),
    fxml_stream:close(Stream),
    receive {xmlstreamstart, <<"r">>, []} -> ok end,
    Body = receive {xmlstreamelement, El} -> El end,
    rest(),
    {_, _, Content} = meaning(Body),
    [Child || Child <- Content, is_tuple(Child)].

%% White space after the root.
rest() ->
    receive {xmlstreamcdata, _} -> rest() after 0 -> ok end.

%% @doc Returns the meaning of an element if the default namespace is jabber:client.
-spec meaning(tuple()) -> term().
meaning(El) ->
    meaning(El, #{}).

%% @doc Returns the meaning of the text of one element, as the parser of streams reads it.
-spec meaning_of(binary()) -> term().
meaning_of(Text) ->
    {ok, _, [Meaning]} = read(iolist_to_binary(["<body xmlns='", ?NS_BODY, "' xmlns:stream='"
                                                "http://etherx.jabber.org/streams'>", Text,
                                                "</body>"])),
    Meaning.

meaning({xmlel, Name, Attributes, Children}, Outer) ->
    Scope = scope(Attributes, Outer),
    {expanded(Name, Scope),
     lists:sort([{attribute(Key, Scope), Value} || {Key, Value} <- Attributes, declared(Key) =:= no]),
     [meaning(Child, Scope) || Child <- joined(Children)]};
meaning({xmlcdata, Text}, _) ->
    Text.

joined([{xmlcdata, One}, {xmlcdata, Other} | Children]) ->
    joined([{xmlcdata, <<One/binary, Other/binary>>} | Children]);
joined([{xmlcdata, <<>>} | Children]) -> joined(Children);
joined([Child | Children]) -> [Child | joined(Children)];
joined([]) -> [].

scope(Attributes, Outer) ->
    maps:merge(Outer, maps:from_list([{Prefix, Namespace} || {Name, Namespace} <- Attributes,
                                                             Prefix <- [declared(Name)],
                                                             Prefix =/= no])).

declared(<<"xmlns">>) -> <<>>;
declared(<<"xmlns:", Prefix/binary>>) -> Prefix;
declared(_) -> no.

prefix(Name) ->
    case binary:split(Name, <<":">>) of
        [Prefix, _] -> Prefix;
        [_] -> <<>>
    end.

local(Name) ->
    lists:last(binary:split(Name, <<":">>)).

expanded(<<"xml:", Local/binary>>, _) -> {<<"http://www.w3.org/XML/1998/namespace">>, Local};
expanded(Name, Scope) ->
    Namespace = case prefix(Name) of
                    <<>> -> maps:get(<<>>, Scope, <<>>);
                    Prefix -> map_get(Prefix, Scope)
                end,
    case lists:member(Namespace, [?NS_BODY, <<>>, <<"jabber:client">>]) of
        true -> {client, local(Name)};
        false -> {Namespace, local(Name)}
    end.

attribute(<<"xml:", _/binary>> = Name, _) -> {xml, Name};
attribute(Name, Scope) ->
    case prefix(Name) of
        <<>> -> Name;
        Prefix -> {map_get(Prefix, Scope), local(Name)}
    end.

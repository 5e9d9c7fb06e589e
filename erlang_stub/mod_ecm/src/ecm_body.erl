%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The body, the XML element that every BOSH request and answer consists of (XEP-0124,
%% section 6; for XMPP: XEP-0206). Pure: bytes in, a map out; attributes and stanzas in, bytes out.
%%
%% Most requests are a start tag with a few plain attributes, and nothing in it or plain stanzas
%% (ecm_xml). These are read by hand, because an XML parser costs several times as much; anything
%% else is left to it. What both can read they read alike, and make no atom of what a client sends.

-module(ecm_body).

-export([encode/1, parse/1, sid/1, write/2]).
-export_type([body/0, fault/0, xmlel/0]).

%% As in fxml.hrl, which every distribution keeps in a folder of another name.
-record(xmlel, {name :: binary(),
                attrs = [] :: [{binary(), binary()}],
                children = [] :: [xmlel() | {xmlcdata, binary()}]}).

-type xmlel() :: #xmlel{}.

%% A key is there if its attribute is. `restart' and `version' are the attributes of XEP-0206,
%% `lang' is xml:lang; times are in seconds. The stanzas are as on a stream whose default namespace
%% is jabber:client, and each declares whatever other namespaces it needs.
-type body() ::
    #{rid := 1..16#1FFFFFFFFFFFFF, els := [xmlel()],
      sid => binary(), to => binary(), from => binary(), lang => binary(), ver => binary(),
      content => binary(), route => binary(), key => binary(), newkey => binary(),
      version => binary(), wait => non_neg_integer(), hold => non_neg_integer(),
      pause => non_neg_integer(), ack => non_neg_integer(), type => terminate | error,
      restart => true}.

-type fault() ::
    'not-xml' | 'forbidden-markup' | 'not-body' | 'missing-rid' | 'text-between-stanzas' |
    'namespace-too-long' | 'bad-rid' | 'bad-ack' | 'bad-wait' | 'bad-hold' | 'bad-pause' |
    'bad-ver' | 'bad-type' | 'bad-restart'.

-type type() :: sid | text | number | rid | ver | type | boolean.

%% Prefixes and the namespaces they are bound to; the default namespace is that of no prefix.
-type scope() :: #{Prefix :: binary() => Namespace :: binary()}.

-define(NS_BODY, <<"http://jabber.org/protocol/httpbind">>).
-define(NS_CLIENT, <<"jabber:client">>).
-define(NS_STREAM, "http://etherx.jabber.org/streams").
-define(NS_XBOSH, "urn:xmpp:xbosh").

%% The greatest RID (XEP-0124, section 14.1), and the greatest number that is read at all.
-define(GREATEST, 16#1FFFFFFFFFFFFF).
-define(GREATEST_DIGITS, 16).

%% Bytes. One declaration of a prefix may turn into one for each element that has the prefix: this
%% is what keeps a stanza from growing beyond all measure.
-define(MAX_NAMESPACE, 255).

-define(IS_SPACE(Byte), Byte =:= $\s; Byte =:= $\n; Byte =:= $\t; Byte =:= $\r).
-define(IS_QUOTE(Byte), (Byte =:= $' orelse Byte =:= $")).

%% @doc Reads the body of a request. The SID may be a part of `Bytes', and keep it alive; nothing
%% else is.
-spec parse(binary()) -> {ok, body()} | {error, fault()}.
parse(<<"<body", Tag/binary>> = Bytes) ->
    case parse_tag(Tag, #{els => []}, false) of
        {ok, Body} -> {ok, Body};
        unknown -> parse_xml(Bytes)
    end;
parse(Bytes) ->
    parse_xml(Bytes).

%% @doc Finds the SID of a request at little cost. `none' says only that it was not found: if the
%% request has one nevertheless, as after an XML declaration, parse/1 finds it.
-spec sid(binary()) -> {ok, binary()} | none.
sid(<<"<body", Tag/binary>>) -> sid_in(Tag);
sid(_) -> none.

-spec sid_in(binary()) -> {ok, binary()} | none.
sid_in(Tag) ->
    case next_attribute(Tag) of
        {<<"sid">>, Sid, _} -> {ok, Sid};
        {_, _, Rest} -> sid_in(Rest);
        _ -> none
    end.

%% @doc Returns the body of an answer. The values of the attributes are one line of text, in UTF-8;
%% the stanzas come from encode/1.
-spec write([{Name :: binary(), Value :: iodata()}], [binary()]) -> iodata().
write([], []) ->
    <<"<body xmlns='http://jabber.org/protocol/httpbind'/>">>;
write(Attributes, Els) ->
    [<<"<body xmlns='http://jabber.org/protocol/httpbind'">>,
     [<<" xmlns:xmpp='" ?NS_XBOSH "'">> || lists:any(fun is_of_xbosh/1, Attributes)],
     [<<" xmlns:stream='" ?NS_STREAM "'">> || lists:any(fun is_of_stream/1, Els)],
     [[$\s, Name, "='", fxml:crypt(iolist_to_binary(Value)), $'] || {Name, Value} <- Attributes],
     case Els of [] -> <<"/>">>; _ -> [$>, Els, <<"</body>">>] end].

-spec is_of_xbosh({binary(), iodata()}) -> boolean().
is_of_xbosh({<<"xmpp:", _/binary>>, _}) -> true;
is_of_xbosh(_) -> false.

-spec is_of_stream(binary()) -> boolean().
is_of_stream(<<"<stream:", _/binary>>) -> true;
is_of_stream(_) -> false.

%% @doc Returns the text of a stanza, or of what else a stream carries, for write/2. The namespace
%% of a body is not that of its stanzas, so it has to be said (XEP-0206, section 2).
-spec encode(xmlel()) -> binary().
encode(#xmlel{name = <<"stream:", _/binary>>} = El) ->
    fxml:element_to_binary(El);
encode(#xmlel{attrs = Attributes} = El) ->
    case lists:keymember(<<"xmlns">>, 1, Attributes) of
        true -> fxml:element_to_binary(El);
        false -> fxml:element_to_binary(El#xmlel{attrs = [{<<"xmlns">>, ?NS_CLIENT} | Attributes]})
    end.

%% The plain body, without an XML parser: `unknown' is what only the parser can judge.

-spec parse_tag(binary(), map(), HasNamespace :: boolean()) -> {ok, body()} | unknown.
parse_tag(Tag, Body, HasNamespace) ->
    case next_attribute(Tag) of
        {<<"xmlns">>, ?NS_BODY, Rest} when not HasNamespace -> parse_tag(Rest, Body, true);
        {Name, Value, Rest} -> parse_field(Name, Value, Rest, Body, HasNamespace);
        {stop, End} when HasNamespace, is_map_key(rid, Body) -> parse_end(End, Body);
        _ -> unknown
    end.

-spec parse_field(binary(), binary(), binary(), map(), boolean()) -> {ok, body()} | unknown.
parse_field(Name, Text, Rest, Body, HasNamespace) ->
    case field(Name) of
        {Key, Type} when not is_map_key(Key, Body) ->
            case value(Type, Text) of
                {ok, Value} -> parse_tag(Rest, Body#{Key => Value}, HasNamespace);
                _ -> unknown
            end;
        _ ->
            unknown
    end.

-spec parse_end(binary(), body()) -> {ok, body()} | unknown.
parse_end(<<"/>", Rest/binary>>, Body) -> parse_rest(Rest, Body);
parse_end(<<$>, Content/binary>>, Body) ->
    case ecm_xml:elements(Content) of
        {Els, <<"body>", Rest/binary>>} ->
            parse_rest(Rest, Body#{els := stanzas(Els, #{}, false)});
        _ ->
            unknown
    end;
parse_end(_, _) -> unknown.

-spec parse_rest(binary(), body()) -> {ok, body()} | unknown.
parse_rest(Rest, Body) ->
    case skip_space(Rest) of
        <<>> -> {ok, Body};
        _ -> unknown
    end.

%% The next attribute of a start tag, if its value is printable ASCII without quotation marks and
%% references, and what follows it; or what follows the white space, if that is no such attribute.
-spec next_attribute(binary()) -> {Name, Value, Rest} | {stop, Rest} when
      Name :: binary(), Value :: binary(), Rest :: binary().
next_attribute(<<Byte, Tag/binary>>) when ?IS_SPACE(Byte) ->
    Size = name_size(Tag, 0),
    case Tag of
        <<Name:Size/binary, $=, Quote, Text/binary>> when Size > 0, ?IS_QUOTE(Quote) ->
            quoted(Name, Quote, Text);
        _ ->
            next_attribute(Tag)
    end;
next_attribute(Text) ->
    {stop, Text}.

-spec quoted(Name, byte(), binary()) -> {Name, binary(), binary()} | {stop, binary()}.
quoted(Name, Quote, Text) ->
    Size = plain_size(Text, 0),
    case Text of
        <<Value:Size/binary, Quote, Rest/binary>> -> {Name, Value, Rest};
        _ -> {stop, Text}
    end.

-spec skip_space(binary()) -> binary().
skip_space(<<Byte, Rest/binary>>) when ?IS_SPACE(Byte) -> skip_space(Rest);
skip_space(Rest) -> Rest.

-spec name_size(binary(), non_neg_integer()) -> non_neg_integer().
name_size(<<Byte, Rest/binary>>, Size) when Byte >= $a, Byte =< $z; Byte =:= $: ->
    name_size(Rest, Size + 1);
name_size(_, Size) ->
    Size.

-spec plain_size(binary(), non_neg_integer()) -> non_neg_integer().
plain_size(<<Byte, Rest/binary>>, Size)
  when Byte > $<, Byte =< $~; Byte > $', Byte < $<; Byte >= $\s, Byte < $&, Byte =/= $" ->
    plain_size(Rest, Size + 1);
plain_size(_, Size) ->
    Size.

%% The key of an attribute and the type of its value. Those with a prefix are named by what the
%% prefix is bound to, which only the XML parser knows.
-spec field(binary() | {xbosh | xml, binary()}) -> {Key :: atom(), type()} | unknown.
field(<<"rid">>) -> {rid, rid};
field(<<"sid">>) -> {sid, sid};
field(<<"ack">>) -> {ack, number};
field(<<"key">>) -> {key, text};
field(<<"newkey">>) -> {newkey, text};
field(<<"to">>) -> {to, text};
field(<<"from">>) -> {from, text};
field(<<"wait">>) -> {wait, number};
field(<<"hold">>) -> {hold, number};
field(<<"ver">>) -> {ver, ver};
field(<<"type">>) -> {type, type};
field(<<"pause">>) -> {pause, number};
field(<<"content">>) -> {content, text};
field(<<"route">>) -> {route, text};
field({xml, <<"lang">>}) -> {lang, text};
field({xbosh, <<"version">>}) -> {version, text};
field({xbosh, <<"restart">>}) -> {restart, boolean};
field(_) -> unknown.

%% Returns `default' for what means the same as no attribute. Copying is a fifth of the cost of an
%% empty poll, so the SID, which nobody needs for long, is not copied.
-spec value(type(), binary()) -> {ok, binary() | non_neg_integer() | atom()} | default | error.
value(sid, Text) -> {ok, Text};
value(text, Text) -> {ok, binary:copy(Text)};
value(number, Digits) -> number(Digits);
value(rid, <<"0">>) -> error;
value(rid, Digits) -> number(Digits);
value(ver, Text) -> ver(Text);
value(type, <<"terminate">>) -> {ok, terminate};
value(type, <<"error">>) -> {ok, error};
value(boolean, <<"true">>) -> {ok, true};
value(boolean, <<"1">>) -> {ok, true};
value(boolean, <<"false">>) -> default;
value(boolean, <<"0">>) -> default;
value(_, _) -> error.

%% Neither signs nor leading zeros: a number has one text.
-spec number(binary()) -> {ok, non_neg_integer()} | error.
number(<<"0">>) -> {ok, 0};
number(<<"0", _/binary>>) -> error;
number(<<>>) -> error;
number(Digits) when byte_size(Digits) =< ?GREATEST_DIGITS -> number(Digits, 0);
number(_) -> error.

-spec number(binary(), non_neg_integer()) -> {ok, non_neg_integer()} | error.
number(<<Digit, Rest/binary>>, Number) when Digit >= $0, Digit =< $9 ->
    number(Rest, Number * 10 + Digit - $0);
number(<<>>, Number) when Number =< ?GREATEST ->
    {ok, Number};
number(_, _) ->
    error.

%% Two numbers, and no fraction (XEP-0124, section 7.1).
-spec ver(binary()) -> {ok, binary()} | error.
ver(Text) ->
    case [number(Part) || Part <- binary:split(Text, <<".">>)] of
        [{ok, _Major}, {ok, _Minor}] -> {ok, binary:copy(Text)};
        _ -> error
    end.

%% Any body, with an XML parser. It tells all that is wrong by throwing its fault().

-spec parse_xml(binary()) -> {ok, body()} | {error, fault()}.
parse_xml(Bytes) ->
    case fxml_stream:parse_element(Bytes) of
        #xmlel{} = Root ->
            try {ok, body(Root, Bytes)}
            catch throw:Fault -> {error, Fault}
            end;
        {error, _} ->
            {error, 'not-xml'}
    end.

%% Whether there may be other prefixes than `xml', which is always bound.
-spec has_prefixes(binary()) -> boolean().
has_prefixes(Bytes) ->
    binary:match(Bytes, <<"xmlns:">>) =/= nomatch.

-spec body(xmlel(), binary()) -> body().
body(#xmlel{name = Name, attrs = Attributes, children = Children}, Bytes) ->
    ecm_markup:is_forbidden(Bytes) andalso throw('forbidden-markup'),
    Scope = scope(Attributes, #{<<>> => <<>>}),
    expand(Name, Scope) =:= {?NS_BODY, <<"body">>} orelse throw('not-body'),
    Body = lists:foldl(fun(Attribute, Before) -> add_field(Attribute, Scope, Before) end,
                       #{}, Attributes),
    is_map_key(rid, Body) orelse throw('missing-rid'),
    Els = [El || Child <- Children, El <- el(Child)],
    Body#{els => stanzas(Els, Scope, has_prefixes(Bytes))}.

-spec add_field({binary(), binary()}, scope(), map()) -> map().
add_field({Name, Text}, Scope, Body) ->
    case known(Name, Scope) of
        {Key, Type} -> add_value(Key, value(Type, Text), Body);
        unknown -> Body
    end.

-spec add_value(Key :: atom(), {ok, term()} | default | error, map()) -> map().
add_value(Key, {ok, Value}, Body) -> Body#{Key => Value};
add_value(_, default, Body) -> Body;
add_value(Key, error, _) -> throw(bad(Key)).

%% To look for a prefix costs more than all else here.
-spec known(binary(), scope()) -> {Key :: atom(), type()} | unknown.
known(Name, Scope) ->
    case field(Name) of
        unknown -> prefixed(binary:split(Name, <<":">>), Scope);
        Known -> Known
    end.

-spec prefixed([binary()], scope()) -> {Key :: atom(), type()} | unknown.
prefixed([<<"xml">>, Local], _) -> field({xml, Local});
prefixed([Prefix, Local], Scope) when map_get(Prefix, Scope) =:= <<?NS_XBOSH>> ->
    field({xbosh, Local});
prefixed(_, _) -> unknown.

-spec bad(atom()) -> fault().
bad(rid) -> 'bad-rid';
bad(ack) -> 'bad-ack';
bad(wait) -> 'bad-wait';
bad(hold) -> 'bad-hold';
bad(pause) -> 'bad-pause';
bad(ver) -> 'bad-ver';
bad(type) -> 'bad-type';
bad(restart) -> 'bad-restart'.

-spec el(xmlel() | {xmlcdata, binary()}) -> [xmlel()].
el(#xmlel{} = El) ->
    [El];
el({xmlcdata, Text}) ->
    skip_space(Text) =:= <<>> orelse throw('text-between-stanzas'),
    [].

%% The stanzas.

%% Clients forget to say that their stanzas are in another namespace than the body (XEP-0206,
%% section 2), so its own namespace, and none at all, stand for jabber:client.
-spec stanzas([xmlel()], scope(), HasPrefixes :: boolean()) -> [xmlel()].
stanzas(Els, _, false) ->
    [stanza(El) || El <- Els];
stanzas(Els, #{<<>> := Default} = Scope, true) when Default =:= ?NS_BODY; Default =:= <<>> ->
    stanzas(Els, Scope#{<<>> := ?NS_CLIENT}, true);
stanzas(Els, Scope, true) ->
    [stanza(unprefixed(El, Scope, ?NS_CLIENT)) || El <- Els].

-spec stanza(xmlel()) -> xmlel().
stanza(#xmlel{attrs = Attributes} = El) ->
    case lists:keyfind(<<"xmlns">>, 1, Attributes) of
        {_, Namespace} = Declaration when Namespace =:= ?NS_BODY; Namespace =:= ?NS_CLIENT ->
            El#xmlel{attrs = lists:delete(Declaration, Attributes)};
        _ ->
            El
    end.

%% The element without prefixes in the names of elements, and with a declaration of each prefix of
%% an attribute right there. ejabberd knows elements by their names without a prefix, and passes on
%% what is in a stanza without the declarations of the stanza: what is left of `<x:a/>' then
%% would be no XML any more to who gets it. `Default' is the default namespace around the result.
-spec unprefixed(xmlel() | {xmlcdata, binary()}, scope(), binary()) ->
          xmlel() | {xmlcdata, binary()}.
unprefixed(#xmlel{name = Name, attrs = Attributes, children = Children}, Outer, Default) ->
    Scope = scope(Attributes, Outer),
    {Namespace, Local} = expand(Name, Scope),
    Own = [{<<"xmlns">>, Namespace} || Namespace =/= Default],
    Others = [Attribute || {Key, _} = Attribute <- Attributes, declared(Key) =:= none],
    #xmlel{name = Local,
           attrs = Own ++ declarations(Others, Scope) ++ Others,
           children = [unprefixed(Child, Scope, Namespace) || Child <- Children]};
unprefixed({xmlcdata, _} = Text, _, _) ->
    Text.

-spec declarations([{binary(), binary()}], scope()) -> [{binary(), binary()}].
declarations(Attributes, Scope) ->
    Prefixes = [Prefix || {Name, _} <- Attributes, [Prefix, _] <- [binary:split(Name, <<":">>)]],
    [{<<"xmlns:", Prefix/binary>>, map_get(Prefix, Scope)}
     || Prefix <- lists:usort(Prefixes), Prefix =/= <<"xml">>].

%% The namespace and the local name of an element. The prefix `xml' cannot be replaced: its
%% namespace may not be declared.
-spec expand(binary(), scope()) -> {Namespace :: binary(), Local :: binary()}.
expand(<<"body">>, #{<<>> := Default}) -> {Default, <<"body">>};  % for speed
expand(Name, #{<<>> := Default} = Scope) ->
    case binary:split(Name, <<":">>) of
        [<<"xml">>, _] -> {Default, Name};
        [Prefix, Local] -> {map_get(Prefix, Scope), Local};
        [Local] -> {Default, Local}
    end.

-spec scope([{binary(), binary()}], scope()) -> scope().
scope(Attributes, Outer) ->
    lists:foldl(fun({Name, Namespace}, Scope) -> declare(declared(Name), Namespace, Scope) end,
                Outer, Attributes).

-spec declare(Prefix :: binary() | none, binary(), scope()) -> scope().
declare(none, _, Scope) -> Scope;
declare(_, Namespace, _) when byte_size(Namespace) > ?MAX_NAMESPACE -> throw('namespace-too-long');
declare(Prefix, Namespace, Scope) -> Scope#{Prefix => Namespace}.

%% The prefix that an attribute declares.
-spec declared(binary()) -> Prefix :: binary() | none.
declared(<<"xmlns">>) -> <<>>;
declared(<<"xmlns:", Prefix/binary>>) -> Prefix;
declared(_) -> none.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The body: the XML element of each BOSH request and answer (XEP-0124, section 6; for XMPP: XEP-0206).
%% Pure: bytes in, a map out; attributes and stanzas in, bytes out.
%%
%% It is parsed in two steps. The start tag names the session, so it is read where the request comes in. The
%% stanzas, with any errors in them, are read by the session. Nothing that a client sends becomes an atom.

-module(ecm_bosh_body).

-export([els/1, has_more_elements/3, head/1, is_content/1, write/2]).
-export_type([body/0, content/0, fault/0, head/0, xmlel/0]).

%% As in fxml.hrl, whose folder has a different name in each distribution.
-record(xmlel, {name :: binary(),
                attrs = [] :: [{binary(), binary()}],
                children = [] :: [xmlel() | {xmlcdata, binary()}]}).

-type xmlel() :: #xmlel{}.

%% The attributes of the start tag, as far as they are there. `restart' and `version' are attributes of
%% XEP-0206, `lang' is xml:lang, and `secure' has any value; times are in seconds. A `fault' must end the session
%% (XEP-0124, section 17.2): an attribute has a forbidden value, and then no key; or something stands before the tag.
-type head() ::
    #{fault => fault(), rid => 1..16#1FFFFFFFFFFFFF,
      sid => binary(), to => binary(), from => binary(), lang => binary(), ver => binary(),
      content => binary(), route => binary(), key => binary(), newkey => binary(),
      version => binary(), wait => non_neg_integer(), hold => non_neg_integer(),
      pause => non_neg_integer(), ack => non_neg_integer(), type => terminate | error,
      restart => true, secure => true}.

%% A head without a fault, and the stanzas: as on a stream whose default namespace is jabber:client. Each
%% declares the other namespaces that it needs.
-type body() :: #{rid := 1..16#1FFFFFFFFFFFFF, els := [xmlel()], atom() => term()}.

%% The part that has not been read yet.
-opaque content() :: {Name :: binary(), ecm_xml_namespaces:scope(), Rest :: binary()}.

-type fault() ::
    ecm_xml:fault() | ecm_xml_stanza:fault() | 'no-start-tag' | 'not-body' | 'missing-rid' |
    'text-between-stanzas' | 'bad-rid' | 'bad-ack' | 'bad-wait' | 'bad-hold' | 'bad-pause' |
    'bad-ver' | 'bad-type' | 'bad-restart'.

-type type() :: sid | text | number | rid | ver | type | boolean | there.

-define(NS_BODY, <<"http://jabber.org/protocol/httpbind">>).
-define(NS_STREAM, "http://etherx.jabber.org/streams").
-define(NS_XBOSH, "urn:xmpp:xbosh").

%% Bytes up to the end of the start tag. Those of clients have less than 500. The process of the link reads
%% it, which everybody shares, and a long one would delay all others. A longer body has the fault
%% `no-start-tag' if the tag does not end within these.
-define(MAX_START_TAG, 4096).

%% The greatest RID (XEP-0124, section 14.1), which bounds all other numbers as well.
-define(MAX_NUMBER, 16#1FFFFFFFFFFFFF).
-define(MAX_DIGITS, 16).

%% @doc Reads the start tag of a request's body, in any spelling that XML allows. The SID and the content
%% may refer to `Bytes' and keep it alive; nothing else does. With an error the tag cannot be read, so the
%% session is not known.
-spec head(binary()) -> {ok, head(), content()} | {error, fault()}.
head(Bytes) when byte_size(Bytes) =< ?MAX_START_TAG ->
    try read_head(ecm_xml:root(Bytes))
    catch throw:Fault -> {error, Fault}
    end;
head(Bytes) ->
    case head(binary:part(Bytes, 0, ?MAX_START_TAG)) of
        {ok, Head, {Name, Scope, Rest}} ->
            Tag = ?MAX_START_TAG - byte_size(Rest),
            {ok, Head, {Name, Scope, binary:part(Bytes, Tag, byte_size(Bytes) - Tag)}};
        {error, 'not-xml'} ->
            {error, 'no-start-tag'};
        Error ->
            Error
    end.

%% @doc Returns whether a term from another release is a content that this one reads.
-spec is_content(term()) -> boolean().
is_content({Name, Scope, Rest}) -> is_binary(Name) andalso is_map(Scope) andalso is_binary(Rest);
is_content(_) -> false.

%% @doc Reads the rest of the body to its last byte, and returns its stanzas. They do not refer to the
%% received bytes.
-spec els(content()) -> {ok, [xmlel()]} | {error, fault()}.
els({Name, Scope, Rest}) ->
    try {ok, read_els(Rest, Name, Scope)}
    catch throw:Fault -> {error, Fault}
    end.

%% @doc Returns whether the rest of the body has more than so many elements, before it is read.
-spec has_more_elements(content(), Most :: pos_integer(), ecm_xml_elements:scope()) -> boolean().
has_more_elements({_, _, Rest}, Most, Scope) -> ecm_xml_elements:exceed(Rest, Most, Scope).

%% @doc Returns the body of an answer. Each value of an attribute is one line of UTF-8; the stanzas come
%% from ecm_xml_stanza:encode/1.
-spec write([{Name :: binary(), Value :: iodata()}], [binary()]) -> iodata().
write([], []) ->
    <<"<body xmlns='http://jabber.org/protocol/httpbind'/>">>;
write(Attributes, Els) ->
    [<<"<body xmlns='http://jabber.org/protocol/httpbind'">>,
     [<<" xmlns:xmpp='" ?NS_XBOSH "'">> || lists:any(fun is_of_xbosh/1, Attributes)],
     [<<" xmlns:stream='" ?NS_STREAM "'">> || lists:any(fun is_of_stream/1, Els)],
     [[$\s, Name, $=, ecm_xml_serialiser:value(Value)] || {Name, Value} <- Attributes],
     case Els of [] -> <<"/>">>; _ -> [$>, Els, <<"</body>">>] end].

-spec is_of_xbosh({binary(), iodata()}) -> boolean().
is_of_xbosh({<<"xmpp:", _/binary>>, _}) -> true;
is_of_xbosh(_) -> false.

-spec is_of_stream(binary()) -> boolean().
is_of_stream(<<"<stream:", _/binary>>) -> true;
is_of_stream(_) -> false.

%% From here on, faults are thrown.

-spec read_head({Name :: binary(), [ecm_xml:attribute()], Rest :: binary(),
                 ecm_xml:fault() | none}) -> {ok, head(), content()}.
read_head({Name, Attributes, Rest, Fault}) ->
    is_end_of_tag(Rest) orelse throw('not-xml'),
    Scope = ecm_xml_namespaces:scope(Attributes, #{<<>> => <<>>}),
    ecm_xml_namespaces:element(Name, Scope) =:= {?NS_BODY, <<"body">>} orelse throw('not-body'),
    Head = with_rid(fields(Attributes, Scope, #{})),
    {ok, with_fault(Fault, Head), {Name, Scope, Rest}}.

-spec with_fault(fault() | none, head()) -> head().
with_fault(none, Head) -> Head;
with_fault(Fault, Head) -> Head#{fault => Fault}.

-spec is_end_of_tag(binary()) -> boolean().
is_end_of_tag(<<$>, _/binary>>) -> true;
is_end_of_tag(<<"/>", _/binary>>) -> true;
is_end_of_tag(_) -> false.

-spec with_rid(head()) -> head().
with_rid(#{rid := _} = Head) -> Head;
with_rid(#{fault := _} = Head) -> Head;
with_rid(Head) -> Head#{fault => 'missing-rid'}.

%% An attribute that is not a field may still be malformed. If there are any, they are checked.
-spec fields([ecm_xml:attribute()], ecm_xml_namespaces:scope(), head()) -> head().
fields(Attributes, Scope, Head) ->
    case plain_fields(Attributes, Head, []) of
        {Fields, []} ->
            Fields;
        {Fields, Others} ->
            ok = ecm_xml_namespaces:check(Others, Scope),
            ok = ecm_xml_namespaces:legible([Name || {Name, _} <- Others]),
            lists:foldl(fun({Name, Text}, Before) ->
                                add_field(known(Name, Scope), Text, Before)
                        end, Fields, Others)
    end.

-spec plain_fields([ecm_xml:attribute()], head(), [ecm_xml:attribute()]) ->
          {head(), Others :: [ecm_xml:attribute()]}.
plain_fields([{<<"xmlns">>, _} | Attributes], Head, Others) ->
    plain_fields(Attributes, Head, Others);
plain_fields([{Name, Text} = Attribute | Attributes], Head, Others) ->
    case field(Name) of
        unknown -> plain_fields(Attributes, Head, others(Attribute, Others));
        Field -> plain_fields(Attributes, add_field(Field, Text, Head), Others)
    end;
plain_fields([], Head, Others) ->
    {Head, Others}.

-spec others(ecm_xml:attribute(), [ecm_xml:attribute()]) -> [ecm_xml:attribute()].
others({Name, _} = Attribute, Others) ->
    case ecm_xml_namespaces:is_plain(Name) of
        true -> Others;
        false -> [Attribute | Others]
    end.

-spec add_field({Key :: atom(), type()} | unknown, Text :: binary(), head()) -> head().
add_field(unknown, _, Head) ->
    Head;
add_field({Key, Type}, Text, Head) ->
    case value(Type, Text) of
        {ok, Value} -> Head#{Key => Value};
        default -> Head;
        error -> Head#{fault => bad(Key)}
    end.

%% The namespace of a prefixed attribute decides, not its prefix.
-spec known(binary(), ecm_xml_namespaces:scope()) -> {Key :: atom(), type()} | unknown.
known(<<"xmlns:", _/binary>>, _) ->
    unknown;
known(Name, Scope) ->
    case ecm_xml_namespaces:attribute(Name, Scope) of
        {<<?NS_XBOSH>>, Local} -> field({xbosh, Local});
        _ -> unknown
    end.

%% The key of an attribute and the type of its value.
-spec field(binary() | {xbosh, binary()}) -> {Key :: atom(), type()} | unknown.
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
field(<<"secure">>) -> {secure, there};
field(<<"xml:lang">>) -> {lang, text};
field({xbosh, <<"version">>}) -> {version, text};
field({xbosh, <<"restart">>}) -> {restart, boolean};
field(_) -> unknown.

%% Returns `default' for a value that means the same as no attribute. Copying is a fifth of the cost of an
%% empty poll, so the SID is not copied: nobody needs it for long.
-spec value(type(), binary()) -> {ok, binary() | non_neg_integer() | atom()} | default | error.
value(sid, Text) -> {ok, Text};
value(text, Text) -> {ok, binary:copy(Text)};
value(number, Digits) -> number(Digits);
value(rid, <<"0">>) -> error;
value(rid, Digits) -> number(Digits);
value(ver, Text) -> ver(Text);
value(type, <<"terminate">>) -> {ok, terminate};
value(type, <<"error">>) -> {ok, error};
value(there, _) -> {ok, true};
value(boolean, <<"true">>) -> {ok, true};
value(boolean, <<"1">>) -> {ok, true};
value(boolean, <<"false">>) -> default;
value(boolean, <<"0">>) -> default;
value(_, _) -> error.

%% No signs and no leading zeros: each number has one spelling.
-spec number(binary()) -> {ok, non_neg_integer()} | error.
number(<<"0">>) -> {ok, 0};
number(<<"0", _/binary>>) -> error;
number(<<>>) -> error;
number(Digits) when byte_size(Digits) =< ?MAX_DIGITS -> number(Digits, 0);
number(_) -> error.

-spec number(binary(), non_neg_integer()) -> {ok, non_neg_integer()} | error.
number(<<Digit, Rest/binary>>, Number) when Digit >= $0, Digit =< $9 ->
    number(Rest, Number * 10 + Digit - $0);
number(<<>>, Number) when Number =< ?MAX_NUMBER ->
    {ok, Number};
number(_, _) ->
    error.

%% Two integers, not a fraction (XEP-0124, section 7.1).
-spec ver(binary()) -> {ok, binary()} | error.
ver(Text) ->
    case [number(Part) || Part <- binary:split(Text, <<".">>)] of
        [{ok, _Major}, {ok, _Minor}] -> {ok, binary:copy(Text)};
        _ -> error
    end.

-spec bad(atom()) -> fault().
bad(rid) -> 'bad-rid';
bad(ack) -> 'bad-ack';
bad(wait) -> 'bad-wait';
bad(hold) -> 'bad-hold';
bad(pause) -> 'bad-pause';
bad(ver) -> 'bad-ver';
bad(type) -> 'bad-type';
bad(restart) -> 'bad-restart'.

%% The stanzas.

-spec read_els(binary(), Name :: binary(), ecm_xml_namespaces:scope()) -> [xmlel()].
read_els(<<"/>", Rest/binary>>, _, _) ->
    ok = ecm_xml:end_of_document(Rest),
    [];
read_els(<<$>, Inside/binary>>, Name, Scope) ->
    {Content, Rest, Names} = ecm_xml:content(Inside, Name),
    ok = ecm_xml:end_of_document(Rest),
    ecm_xml_stanza:all([El || Child <- Content, El <- el(Child)], Scope, Names);
read_els(_, _, _) ->
    throw('not-xml').

-spec el(xmlel() | {xmlcdata, binary()}) -> [xmlel()].
el(#xmlel{} = El) ->
    [El];
el({xmlcdata, Text}) ->
    ecm_xml_text:skip_space(Text) =:= <<>> orelse throw('text-between-stanzas'),
    [].

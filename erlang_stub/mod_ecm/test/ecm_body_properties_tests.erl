%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What has to be true of any body at all, tried on bodies that PropEr makes up. They are the
%% same in each run. A property that fails shows, as its output, the smallest body that it found.

-module(ecm_body_properties_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [binary/0, byte/0, elements/1, exactly/1, frequency/1, integer/2, list/1,
                       non_empty/1, oneof/1, vector/2]).

-define(NS, "http://jabber.org/protocol/httpbind").

-define(FAULTS, ['not-xml', 'not-body', 'text-between-stanzas', 'namespace-too-long',
                 'forbidden-markup', 'missing-rid', 'bad-rid', 'bad-ack', 'bad-wait', 'bad-hold',
                 'bad-pause', 'bad-ver', 'bad-type', 'bad-restart']).

properties_test_() ->
    [{Name, {timeout, 120, fun() -> ecm_property:holds(Generator, Test, Count, 124) end}}
     || {Name, Generator, Test, Count} <-
            [{"any bytes are a body or not", any_bytes(), fun any_content/1, 20000},
             {"an empty body is read as by the parser", empty(), fun read_as_by_parser/1, 20000},
             {"of these many are bodies, and many are not", exactly(ok), fun many_bodies/1, 1},
             {"a SID is found where the parser finds it", any_bytes(), fun same_sid/1, 20000},
             {"what is written is read", {attributes(), list(element())}, fun written_is_read/1,
              5000},
             {"a stanza needs no declaration around it", prefixed(), fun stands_alone/1, 1000}]].

%% The properties.

any_content(Bytes) ->
    case ecm_body:parse(Bytes) of
        {ok, #{rid := Rid, els := Els}} -> Rid > 0 andalso is_list(Els);
        {error, Fault} -> lists:member(Fault, ?FAULTS)
    end.

%% White space before it leaves the judgement to the XML parser.
read_as_by_parser(Bytes) ->
    ecm_body:parse(Bytes) =:= ecm_body:parse(<<" ", Bytes/binary>>).

%% Otherwise the property before would say little.
many_bodies(ok) ->
    {ok, Bodies} = proper_gen:pick(vector(1000, empty()), 10),
    Read = [Body || Bytes <- Bodies, {ok, Body} <- [ecm_body:parse(Bytes)]],
    length(Read) > 300 andalso length(Read) < 800.

same_sid(Bytes) ->
    case {ecm_body:sid(Bytes), ecm_body:parse(Bytes)} of
        {_, {error, _}} -> true;
        {none, {ok, _}} -> true;
        {{ok, Sid}, {ok, Body}} -> maps:find(sid, Body) =:= {ok, Sid}
    end.

written_is_read({Attributes, Els}) ->
    Texts = [{Name, Text} || {Name, Text, _, _} <- Attributes],
    Written = ecm_body:write([{<<"rid">>, <<"7">>} | Texts], lists:map(fun ecm_body:encode/1, Els)),
    Expected = maps:from_list([{Key, Value} || {_, _, Key, Value} <- Attributes]),
    ecm_body:parse(iolist_to_binary(Written)) =:= {ok, Expected#{rid => 7, els => Els}}.

stands_alone(Bytes) ->
    {ok, #{els := Els}} = ecm_body:parse(Bytes),
    lists:all(fun is_alone/1, Els).

%% It and all in it, as ejabberd passes on what is in a stanza.
is_alone({xmlel, Name, _, Children} = El) ->
    Read = fxml_stream:parse_element(fxml:element_to_binary(El)),
    is_tuple(Read) andalso element(1, Read) =:= xmlel andalso is_plain(Name)
        andalso lists:all(fun is_alone/1, Children);
is_alone({xmlcdata, _}) ->
    true.

is_plain(<<"xml:", _/binary>>) -> true;
is_plain(Name) -> binary:match(Name, <<":">>) =:= nomatch.

%% What PropEr makes up.

any_bytes() ->
    frequency([{1, binary()}, {2, empty()}, {3, spoiled(empty())}, {1, prefixed()},
               {2, spoiled(prefixed())}]).

%% Some bytes are others from a place on that is in the body.
spoiled(Type) ->
    map({Type, integer(0, 300), non_empty(list(frequency([{5, elements(" ='\"<>/&;:xsid0")},
                                                          {1, byte()}])))},
        fun({Bytes, Place, New}) ->
                At = Place rem (byte_size(Bytes) + 1),
                <<Before:At/binary, After/binary>> = Bytes,
                Gone = min(byte_size(After), length(New)),
                <<_:Gone/binary, Rest/binary>> = After,
                iolist_to_binary([Before, New, Rest])
        end).

%% A body with nothing in it, or nearly so: what clients send, and what they hardly would.
empty() ->
    map({good_attributes(), frequency([{3, exactly([])}, {2, non_empty(list(any_attribute()))}]),
         usual(" rid='7'"), usual(" xmlns='" ?NS "'"), end_of_tag(), usual("")},
        fun({Good, Any, Rid, Namespace, End, After}) ->
                iolist_to_binary(["<body", Good, Any, Rid, Namespace, End, After])
        end).

usual(Text) ->
    frequency([{40, exactly(Text)}, {1, elements(["", " ", "\n", "x", " x='y'"])}]).

end_of_tag() ->
    frequency([{9, elements(["/>", "></body>", " />", "\n></body>", "/>\n"])},
               {1, elements(["> </body>", "></body >", "><iq/></body>", "/ >", ">", "", "></Body>",
                             "><!-- --></body>", "></b:body>", "/><body/>"])}]).

good_attributes() ->
    Number = map(integer(0, 1000), fun integer_to_list/1),
    Plain = list(elements("abcXYZ019-_ ./")),
    map([oneof([exactly([]), map({space(), exactly(Name), exactly("="), quoted(Value)},
                                 fun tuple_to_list/1)])
         || {Name, Value} <- [{"sid", Plain}, {"ack", Number}, {"key", Plain}, {"newkey", Plain},
                              {"to", Plain}, {"hold", Number}, {"ver", exactly("1.11")},
                              {"type", elements(["terminate", "error"])}]],
        fun(Attributes) -> Attributes end).

any_attribute() ->
    map({frequency([{9, space()}, {1, exactly("")}]), name(),
         frequency([{9, exactly("=")}, {1, elements([" = ", "", "=="])}]), quoted(any_value())},
        fun tuple_to_list/1).

space() ->
    elements([" ", "\n", "\r\n\t "]).

name() ->
    elements(["wait", "from", "pause", "sid", "ver", "rid", "xmlns", "xml:lang", "xmpp:restart",
              "xmlns:xmpp", "unknown", "", "Sid", "s.id", "-", "xmlns:xmlns"]).

any_value() ->
    frequency([{3, elements(["7", "1.6", "terminate", "0", "07", "7 ", ?NS])},
               {1, list(elements("a'\"<>&;\n\t\r =/"))},
               {3, elements(["&lt;", "&#97;", "&quot;", "&#10;", "&x;", "\n", [16#C3, 16#BC],
                             [16#C3], [127], [0]])}]).

quoted(Type) ->
    map({elements("'\""), Type}, fun({Quote, Text}) -> [Quote, Text, Quote] end).

%% Each attribute at most once, with its text, its key and what it means.
attributes() ->
    map(list(oneof([text(<<"sid">>, sid), text(<<"to">>, to), text(<<"from">>, from),
                    text(<<"key">>, key), text(<<"xml:lang">>, lang),
                    text(<<"xmpp:version">>, version),
                    exactly({<<"xmpp:restart">>, <<"true">>, restart, true}),
                    exactly({<<"type">>, <<"terminate">>, type, terminate}),
                    number(<<"wait">>, wait), number(<<"ack">>, ack)])),
        fun(Attributes) -> lists:ukeysort(1, Attributes) end).

text(Name, Key) ->
    map(characters(), fun(Text) -> {Name, Text, Key, Text} end).

number(Name, Key) ->
    map(integer(0, 16#1FFFFFFFFFFFFF),
        fun(Number) -> {Name, integer_to_binary(Number), Key, Number} end).

%% In one to four bytes of UTF-8 each.
characters() ->
    map(list(elements("abc'\"<>&; /" ++ [16#7F, 16#FC, 16#20AC, 16#1F600])),
        fun unicode:characters_to_binary/1).

%% As ejabberd sends it, and a client could.
element() ->
    map({elements([<<"iq">>, <<"message">>]), elements([[], [{<<"xmlns">>, <<"urn:x">>}]]),
         elements([[], [{<<"id">>, <<"1">>}]]),
         elements([[], [{xmlel, <<"a">>, [{<<"xmlns">>, <<"urn:y">>}], [{xmlcdata, <<"<">>}]}]])},
        fun({Name, Namespace, Attributes, Children}) ->
                {xmlel, Name, Namespace ++ Attributes, Children}
        end).

%% Stanzas with prefixes in them, declared anywhere.
prefixed() ->
    map({list(tag()), elements(["", "b:"])},
        fun({Tags, Prefix}) ->
                iolist_to_binary(["<", Prefix, "body xmlns='" ?NS "' xmlns:b='" ?NS "' rid='7'"
                                  " xmlns:x='urn:x' xmlns:y='urn:y'><iq>", nested(Tags),
                                  "</iq></", Prefix, "body>"])
        end).

tag() ->
    {elements(["a", "x:a", "y:b", "b:body", "xml:c"]),
     map({elements(["", " xmlns='urn:x'", " xmlns=''", " xmlns='jabber:client'"]),
          elements(["", " xmlns:x='urn:z'", " xmlns:x='urn:y' xmlns:z='urn:z' z:z='1'"]),
          elements(["", " y:a='1'", " xml:lang='de' y:c='2' y:d=\"'\""])}, fun tuple_to_list/1),
     oneof([0, 1, 2])}.

%% Each tag is in the one before it, and beside it as often as it says.
nested([]) ->
    "t";
nested([{Name, Attributes, Copies} | Tags]) ->
    Empty = ["<", Name, Attributes, "/>"],
    [lists:duplicate(Copies, Empty), "<", Name, Attributes, ">", nested(Tags), "</", Name, ">"].

map(Type, Fun) ->
    proper_types:bind(Type, fun(Value) -> exactly(Fun(Value)) end, false).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Bodies for tests: a parser of all of a body, and PropEr generators of bytes that are a body, or
%% nearly one.

-module(ecm_bodies).

-export([any/0, any_full/0, empty/0, full/0, map/2, parse/1, prefixed/0]).

-import(proper_types, [binary/0, byte/0, elements/1, exactly/1, frequency/1, integer/2, list/1,
                       non_empty/1, oneof/1]).

-define(NS, "http://jabber.org/protocol/httpbind").

%% @doc Reads all of a body, as a session without other requests would.
-spec parse(binary()) -> {ok, ecm_bosh_body:body()} | {error, ecm_bosh_body:fault()}.
parse(Bytes) ->
    case ecm_bosh_body:head(Bytes) of
        {ok, #{fault := Fault}, _} -> {error, Fault};
        {ok, Head, Content} -> with_els(Head, ecm_bosh_body:els(Content));
        Error -> Error
    end.

with_els(Head, {ok, Els}) -> {ok, Head#{els => Els}};
with_els(_, Error) -> Error.

%% @doc Any bytes; most of them are a short body, or nearly one.
any() ->
    frequency([{1, binary()}, {2, empty()}, {3, spoiled(empty())}, {1, prefixed()},
               {2, spoiled(prefixed())}]).

%% @doc The same with stanzas, which take long to generate.
any_full() ->
    proper_types:resize(7, frequency([{3, full()}, {1, spoiled(full())}])).

%% Replaces some bytes from a place in the body on.
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

%% @doc An empty body, or a nearly empty one: what clients send, and what they hardly would.
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

%% @doc A body with prefixes in its stanzas, declared anywhere.
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

%% Each tag is nested in the one before it, and repeated beside it as often as it says.
nested([]) ->
    "t";
nested([{Name, Attributes, Copies} | Tags]) ->
    Empty = ["<", Name, Attributes, "/>"],
    [lists:duplicate(Copies, Empty), "<", Name, Attributes, ">", nested(Tags), "</", Name, ">"].

%% @doc A body with stanzas as most clients write them, and as some do.
full() ->
    map({prolog(), stanzas()},
        fun({Prolog, Stanzas}) ->
                iolist_to_binary([Prolog, "<body rid='1' xmlns='" ?NS "'>", Stanzas, "</body>"])
        end).

prolog() ->
    frequency([{9, exactly("")},
               {1, elements([[16#EF, 16#BB, 16#BF], "<?xml version='1.0'?>", "\n",
                             "<?xml version=\"1.0\" encoding='utf-8' standalone='yes' ?>\r\n"])}]).

stanzas() ->
    list(frequency([{1, " "}, {5, element(1)}])).

element(Depth) ->
    Name = frequency([{6, "message"}, {1, name_in_stanza()}]),
    oneof([["<", Name, attributes_of_stanza(), elements(["/>", " />"])],
           proper_types:bind(Name, fun(Made) -> open(Made, Depth) end, false)]).

open(Name, Depth) ->
    End = frequency([{20, [Name, ">"]}, {9, [Name, " >"]}, {1, "other>"}]),
    ["<", Name, attributes_of_stanza(), ">", inside(Depth), "</", End].

inside(0) -> characters();
inside(Depth) -> list(oneof([characters(), element(Depth - 1)])).

attributes_of_stanza() ->
    frequency([{9, oneof([[], [attribute_of_stanza()]])}, {1, list(attribute_of_stanza())}]).

attribute_of_stanza() ->
    Value = elements(["v", "", "two words", <<"é"/utf8>>, "&quot;", "\n", "jabber:client",
                      "http://www.w3.org/2000/xmlns/", "http://jabber.org/protocol/httpbind"]),
    Quote = elements(["'", "\""]),
    proper_types:bind(Quote, fun(Made) -> attribute_of_stanza(Value, Made) end, false).

attribute_of_stanza(Value, Quote) ->
    [elements([" ", "\n"]), frequency([{2, "xmlns"}, {5, name_in_stanza()}]), "=",
     Quote, Value, Quote].

name_in_stanza() ->
    frequency([{20, elements(["to", "id", "b.c", "d-1", "_x", "A9", "xml:lang", <<"é"/utf8>>])},
               {1, elements(["1a", "x:a", <<"a×"/utf8>>])}]).

characters() ->
    frequency([{9, oneof(["hello", "\n\t ", <<"é€😀"/utf8>>, "\r", "\r\n", "&amp;", "&#13;", ">", "]",
                          "<![CDATA[x]]>", "<![CDATA[<&\r]]]]>"])},
               {1, oneof(["]]>", <<128>>, <<16#EF, 16#BF, 16#BE>>, <<1>>, "<!-- c -->", "&a;",
                          "&#1;", "<![CDATA[", "<"])}]).

%% @doc Maps what is generated.
map(Type, Fun) ->
    proper_types:bind(Type, fun(Value) -> exactly(Fun(Value)) end, false).

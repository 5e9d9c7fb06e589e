%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Elements read without a parser are what the parser reads. The bodies are made up by PropEr,
%% the same ones in each run.

-module(ecm_xml_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [elements/1, exactly/1, frequency/1, list/1, oneof/1, vector/2]).

-define(START, "<body rid='1' xmlns='http://jabber.org/protocol/httpbind'>").

properties_test_() ->
    [{Name, {timeout, 120, fun() -> ecm_property:holds(Generator, Test, Count, 4) end}}
     || {Name, Generator, Test, Count} <-
            [{"stanzas are read as by the parser", stanzas(), fun read_as_by_parser/1, 300},
             {"many of these are read without it", exactly(ok), fun many_plain/1, 1}]].

read_as_by_parser(Stanzas) ->
    Body = body(Stanzas),
    ecm_body:parse(Body) =:= ecm_body:parse(<<" ", Body/binary>>).

%% Otherwise the property before would say little.
many_plain(ok) ->
    {ok, Made} = proper_gen:pick(vector(300, stanzas()), 4),
    Read = [Plain || Stanzas <- Made, {_, _} = Plain <- [ecm_xml:elements(content(Stanzas))]],
    length(Read) > 60 andalso length(Read) < 240.

plain_test_() ->
    [?_assertEqual({[{xmlel, <<"a">>, [], []}], <<"b>">>}, ecm_xml:elements(<<" <a/>\n</b>">>)),
     ?_assertEqual({[{xmlel, <<"a">>, [{<<"xmlns">>, <<"n">>}, {<<"c">>, <<"'">>}],
                      [{xmlcdata, <<" é"/utf8>>}]}], <<"b>">>},
                   ecm_xml:elements(<<"<a c=\"'\" xmlns='n'> é</a></b>"/utf8>>))].

unknown_test_() ->
    [?_assertEqual(unknown, ecm_xml:elements(Bytes))
     || Bytes <- [<<>>, <<"<a>">>, <<"<a></b></b>">>, <<"text</b>">>, <<"<x:a/></b>">>,
                  <<"<a>&lt;</a></b>">>, <<"<a>]]></a></b>">>, <<"<a>\r</a></b>">>,
                  <<"<a b='\t'/></b>">>, <<"<a b='1' b='2'/></b>">>, <<"<a b='<'/></b>">>,
                  <<"<a xmlns=''/></b>">>, <<"<a>", 255, "</a></b>">>, <<"<!-- c --></b>">>,
                  <<"<a>", 16#EF, 16#BF, 16#BF, "</a></b>">>, <<"<a/ ></b>">>]].

many_attributes_test() ->
    Attributes = [[" a", integer_to_list(Number), "='1'"] || Number <- lists:seq(1, 100)],
    ?assertEqual(unknown, ecm_xml:elements(iolist_to_binary(["<a", Attributes, "/></b>"]))).

%% What PropEr makes up.

body(Stanzas) ->
    <<?START, (content(Stanzas))/binary>>.

content(Stanzas) ->
    iolist_to_binary([Stanzas, "</body>"]).

stanzas() ->
    list(frequency([{1, " "}, {5, element(1)}])).

element(Depth) ->
    Name = frequency([{6, "message"}, {1, name()}]),
    oneof([["<", Name, list(attribute()), elements(["/>", " />"])],
           proper_types:bind(Name, fun(Made) -> open(Made, Depth) end, false)]).

open(Name, Depth) ->
    End = frequency([{9, [Name, ">"]}, {1, [Name, " >"]}, {1, "other>"}]),
    ["<", Name, list(attribute()), ">", inside(Depth), "</", End].

inside(0) -> text();
inside(Depth) -> list(oneof([text(), element(Depth - 1)])).

attribute() ->
    Value = elements(["v", "", "two words", <<"é"/utf8>>, "&quot;", "\n", "jabber:client",
                      "http://www.w3.org/2000/xmlns/", "http://jabber.org/protocol/httpbind"]),
    Quote = elements(["'", "\""]),
    proper_types:bind(Quote, fun(Made) -> attribute(Value, Made) end, false).

attribute(Value, Quote) ->
    [frequency([{9, " "}, {1, "\n"}]), frequency([{2, "xmlns"}, {5, name()}]), "=",
     Quote, Value, Quote].

name() ->
    elements(["to", "id", "b.c", "d-1", "_x", "A9", "1a", "x:a", "xml:lang", <<"é"/utf8>>]).

text() ->
    frequency([{9, "hello"}, {3, "\n\t "}, {3, <<"é€😀"/utf8>>}, {1, "\r"}, {1, "&amp;"}, {1, ">"},
               {1, "]]>"}, {1, <<128>>}, {1, <<16#EF, 16#BF, 16#BE>>}, {1, <<1>>},
               {1, "<![CDATA[x]]>"}, {1, "<!-- c -->"}]).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The text of elements means the same as the original, and is hardly longer.

-module(ecm_xml_serialiser_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [elements/1, frequency/1, list/1, oneof/1, resize/2]).
-import(ecm_bodies, [map/2]).

-define(BODY, "<body xmlns='http://jabber.org/protocol/httpbind' rid='7'").

%% Bytes of the namespace that must be declared, and of declarations that may be where they are needed.
-define(PROPER, 2048 + 24).

text_test_() ->
    [{Text, ?_assertEqual(list_to_binary(Expected), element([{xmlcdata, list_to_binary(Text)}]))}
     || {Text, Expected} <-
            [{"", "<a></a>"}, {"b", "<a>b</a>"}, {"<&>'\"", "<a>&lt;&amp;>'\"</a>"},
             {"\r\n\t", "<a>&#13;\n\t</a>"}, {"]]>]>]]", "<a>]]&gt;]>]]</a>"}]].

texts_are_one_text_test() ->
    ?assertEqual(<<"<a>]]&gt;</a>">>, element([{xmlcdata, <<"]]">>}, {xmlcdata, [">"]}])).

%% Only where references would take much more.
a_section_test_() ->
    [?_assertEqual(Expected, element([{xmlcdata, Text}]))
     || Many <- [binary:copy(<<"&">>, 600)],
        {Text, Expected} <-
            [{Many, <<"<a><![CDATA[", Many/binary, "]]></a>">>},
             {<<Many/binary, "]]>\r<">>,
              <<"<a><![CDATA[", Many/binary, "]]]]><![CDATA[>]]>&#13;&lt;</a>">>},
             {binary:copy(<<"&">>, 200), <<"<a>", (binary:copy(<<"&amp;">>, 200))/binary, "</a>">>},
             {binary:copy(<<"if (a < b)\n">>, 600),
              <<"<a>", (binary:copy(<<"if (a &lt; b)\n">>, 600))/binary, "</a>">>}]].

value_test_() ->
    [{Value, ?_assertEqual(list_to_binary(["<a b=", Expected, "/>"]),
                           ecm_xml_serialiser:element({xmlel, <<"a">>,
                                                   [{<<"b">>, list_to_binary(Value)}], []}))}
     || {Value, Expected} <-
            [{"", "''"}, {"c", "'c'"}, {"<>&\"", "'&lt;>&amp;\"'"}, {"''", "\"''\""},
             {"'\"", "'&#39;\"'"}, {"''\"", "\"''&#34;\""}, {"\t\r\n", "'&#9;&#13;&#10;'"}]].

element(Children) ->
    ecm_xml_serialiser:element({xmlel, <<"a">>, [], Children}).

what_is_written_is_read_test_() ->
    [?_assertEqual(El, ecm_xml:read(ecm_xml_serialiser:element(El)))
     || El <- [{xmlel, <<"stream:error">>, [], []},
               {xmlel, <<"a">>, [{<<"b">>, <<"'\"<>&\n">>}, {<<"xmlns:c">>, <<"d">>}],
                [{xmlcdata, <<"\r]]>é"/utf8>>}, {xmlel, <<"c:a">>, [{<<"xmlns">>, <<>>}], []},
                 {xmlcdata, binary:copy(<<"&">>, 2000)}]}]].

%% No C's stack is taken for it.
as_deep_as_you_like_test() ->
    Deep = lists:foldl(fun(_, El) -> {xmlel, <<"a">>, [], [El]} end, {xmlel, <<"a">>, [], []},
                       lists:seq(1, 100000)),
    ?assertEqual(700004, byte_size(ecm_xml_serialiser:element(Deep))).

properties_test_() ->
    [{Name, {timeout, 600, fun() -> ecm_property:holds(Generator, Test, Count, 12) end}}
     || {Name, Generator, Test, Count} <-
            [{"stanzas do not grow", stanza(), fun is_proper/1, 100},
             {"nor do bodies of any kind", ecm_bodies:prefixed(), fun(B) -> is_proper({B, 0}) end,
              1000},
             {"texts do not grow", resize(30, list(piece())), fun text_is_proper/1, 500}]].

%% Declarations on the body are in the stanza that needs them.
is_proper({Bytes, Inherited}) ->
    case ecm_bodies:parse(Bytes) of
        {ok, #{els := Els}} ->
            {ok, _, Meanings} = ecm_expat:read(Bytes),
            Texts = lists:map(fun ecm_xml_stanza:encode/1, Els),
            lists:map(fun ecm_expat:meaning_of/1, Texts) =:= Meanings
                andalso iolist_size(Texts) =< byte_size(Bytes) + ?PROPER + Inherited;
        {error, Fault} ->
            Fault =:= 'too-many-declarations'
    end.

text_is_proper(Pieces) ->
    Received = iolist_to_binary(["<a>", Pieces, "</a>"]),
    {ok, #{els := [El]}} = ecm_bodies:parse(iolist_to_binary([?BODY, ">", Received, "</body>"])),
    Text = ecm_xml_serialiser:element(El),
    ecm_expat:meaning_of(Text) =:= ecm_expat:meaning_of(Received)
        andalso byte_size(Text) =< most(Pieces, byte_size(Received)).

most(Pieces, Size) ->
    case [Section || <<"<!", _/binary>> = Section <- Pieces] of
        [] -> Size;
        _ -> 2 * Size + 1024
    end.

%% Generators.

%% One long namespace, declared anywhere, and many elements that need it.
stanza() ->
    map({oneof([1, 5, 200]), elements([20, 255, 3000]), elements([0, 1, 2]), list(child())},
        fun({Copies, Long, Place, Children}) ->
                Declared = [" xmlns:a='", lists:duplicate(Long, $u), "'"],
                At = fun(Here) -> case Here of Place -> Declared; _ -> "" end end,
                {iolist_to_binary([?BODY, At(0), "><message to='b'", At(1), "><x xmlns='urn:x'", At(2),
                                   ">", lists:duplicate(Copies, Children),
                                   "</x></message></body>"]),
                 Long}
        end).

child() ->
    elements(["<a:b/>", "<b a:c='1'/>", "<b/>", "t", "<a:b><c/></a:b>", "<b xmlns=''/>",
              "<a:b><c xmlns='urn:x'/></a:b>", "<b xmlns='jabber:client'><a:c/></b>"]).

piece() ->
    frequency([{4, map(elements("ab]'\""), fun(Byte) -> <<Byte>> end)},
               {4, elements([<<"&lt;">>, <<"&amp;">>, <<"&#13;">>, <<"]]&gt;">>, <<" > ">>,
                             <<"&#38;">>, <<"\r\n">>])},
               {1, map(list(elements("<&>'\"\r\n] ")), fun section/1)}]).

section(Text) ->
    iolist_to_binary(["<![CDATA[", re:replace(Text, "]]>", "", [global]), "]]>"]).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Our parser reads elements as ejabberd's does. PropEr generates the bodies, the same in each run.

-module(ecm_xml_tests).

-include_lib("eunit/include/eunit.hrl").

elements_test_() ->
    [{Text, ?_assertEqual({ok, [Expected]}, els(Text))}
     || {Text, Expected} <-
            [{"<a/>", {xmlel, <<"a">>, [], []}},
             {"<a></a >", {xmlel, <<"a">>, [], []}},
             {"<a c=\"'\" xmlns='n'> x</a>",
              {xmlel, <<"a">>, [{<<"c">>, <<"'">>}, {<<"xmlns">>, <<"n">>}],
               [{xmlcdata, <<" x">>}]}},
             {"<a\tb\n= '1\n2\r\n3&#10;'\r\n>1\r\n2\r3&#13;</a>",
              {xmlel, <<"a">>, [{<<"b">>, <<"1 2 3\n">>}], [{xmlcdata, <<"1\n2\n3\r">>}]}},
             {"<a><![CDATA[]]><![CDATA[<&]]]]><![CDATA[>\r\n]]>]]&gt;></a>",
              {xmlel, <<"a">>, [], [{xmlcdata, <<"<&]]>\n]]>>">>}]}},
             {"<a><![CDATA[]]></a>", {xmlel, <<"a">>, [], []}},
             {"<a>&lt;&gt;&amp;&apos;&quot;&#x1F600;&#9;</a>",
              {xmlel, <<"a">>, [], [{xmlcdata, <<"<>&'\"😀\t"/utf8>>}]}},
             {"<a><b xmlns=''/></a>",
              {xmlel, <<"a">>, [], [{xmlel, <<"b">>, [{<<"xmlns">>, <<>>}], []}]}}]].

refused_test_() ->
    [{Text, ?_assertEqual({error, 'not-xml'}, els(Text))}
     || Text <- ["<a>", "<a></b>", "<a></ab>", "<ab></a>", "</a>", "<a", "<a ", "<", "<a/ >", "< a/>",
                 "<a>]]></a>", "<a>&</a>", "<a>&nbsp;</a>", "<a>&#;</a>", "<a>&#x;</a>",
                 "<a>&#1</a>", "<a>&#xD800;</a>", "<a>&#x110000;</a>", "<a>&#2;</a>", "<a>&#0;</a>",
                 "<a>&#xFFFE;</a>", "<a>&#-1;</a>", "<a>&#99999999999999999999;</a>", "<a>\2</a>",
                 "<a>\377</a>", "<a>\355\240\275\355\260\261</a>", "<a>\300\274</a>",
                 "<a>\357\277\276</a>", "<a b='<'/>", "<a b='1' b='2'/>", "<a b='1'c='2'/>",
                 "<a b=''", "<a b='", "<a b=", "<a b", "<a b='\"/>", "<a b/>", "<a b=1/>",
                 "<a><![CDATA[</a>", "<a><![CDATA[\1]]></a>", "<a><![cdata[]]></a>", "<a><!></a>",
                 "<-a/>", "<a:/>", "<:a/>", "<a:b:c/>", "<a:b/>", "<a b:c=''/>",
                 "<a bxmlns:c=''/>",
                 "<a xmlns='http://www.w3.org/2000/xmlns/'/>", "<a xmlns='a&#10;b'/>",
                 "<a xmlns='http://www.w3.org/XML/1998/namespace'/>", "<xmlns:a/>",
                 "<a xmlns:b='' />", "<a xmlns:b='u' xmlns:c='u' b:d='' c:d=''/>",
                 "<\303\227/>", "<a \303\227=''/>", "<a>\303\274</\303\274>"]].

forbidden_test_() ->
    [{Text, ?_assertEqual({error, 'forbidden-markup'}, els(Text))}
     || Text <- ["<!-- -->", "<a><!-- --></a>", "<a><?b?></a>", "<a/><!DOCTYPE a>",
                 "<a><![CDATA[]]><!-- --></a>"]].

%% Each is compared with the others, however many there are.
attributes_test_() ->
    [?_assertEqual(Expected, element(1, els(iolist_to_binary(["<a", Attributes, "/>"]))))
     || Many <- [2, 12, 13, 100],
        Names <- [[" a" ++ integer_to_list(Number) ++ "=''" || Number <- lists:seq(1, Many)]],
        {Attributes, Expected} <- [{Names, ok}, {[Names, hd(Names)], error}]].

%% Text is not kept alive by what is read from it. Of a binary of up to 64 bytes Erlang always makes a copy,
%% or has its own view of what it refers to.
nothing_is_part_of_the_request_test() ->
    [A, B, C, D] = [lists:duplicate(65, Letter) || Letter <- "abcd"],
    {ok, [{xmlel, Name, [{Key, Value}], [{xmlcdata, Text}]}]} =
        els(["<", A, " ", B, "='", C, "'>", D, "</", A, ">"]),
    [?assertEqual(65, binary:referenced_byte_size(Part)) || Part <- [Name, Key, Value, Text]].

els(Inside) ->
    {ok, _, Content} =
        ecm_bosh_body:head(iolist_to_binary(["<body rid='1' xmlns='http://jabber.org/protocol/httpbind'>",
                                        Inside, "</body>"])),
    ecm_bosh_body:els(Content).

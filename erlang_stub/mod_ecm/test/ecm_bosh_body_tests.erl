%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Bodies: parsed, refused, and written.

-module(ecm_bosh_body_tests).

-include_lib("eunit/include/eunit.hrl").

-define(NS, "http://jabber.org/protocol/httpbind").
-define(XMLNS, " xmlns='" ?NS "'").
-define(POLL, "<body rid='7' sid='a'" ?XMLNS "/>").

%% Every attribute, alone beside the RID.
attributes_test_() ->
    [{binary_to_list(Text), ?_assertEqual({ok, maps:merge(#{rid => 7, els => []}, Read)},
                                          ecm_bodies:parse(around([" rid='7'", Text])))}
     || {Text, Read} <-
            [{<<>>, #{}},
             {<<" sid='a+/=&gt;'">>, #{sid => <<"a+/=>">>}},
             {<<" sid=''">>, #{sid => <<>>}},
             {<<" to='example.com'">>, #{to => <<"example.com">>}},
             {<<" from='ü@example.com'"/utf8>>, #{from => <<"ü@example.com"/utf8>>}},
             {<<" xml:lang='de'">>, #{lang => <<"de">>}},
             {<<" wait='60'">>, #{wait => 60}},
             {<<" wait='0' hold='2'">>, #{wait => 0, hold => 2}},
             {<<" ver='1.10'">>, #{ver => <<"1.10">>}},
             {<<" content='text/html'">>, #{content => <<"text/html">>}},
             {<<" route='xmpp:a:9999'">>, #{route => <<"xmpp:a:9999">>}},
             {<<" ack='9007199254740991'">>, #{ack => 9007199254740991}},
             {<<" key='ab' newkey='cd'">>, #{key => <<"ab">>, newkey => <<"cd">>}},
             {<<" pause='120'">>, #{pause => 120}},
             {<<" type='terminate'">>, #{type => terminate}},
             {<<" type='error'">>, #{type => error}},
             {<<" unknown='x' stream='y' version='z' restart='?' lang='de'">>, #{}},
             {<<" xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0'">>, #{version => <<"1.0">>}},
             {<<" xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='true'">>, #{restart => true}},
             {<<" xmpp:restart='1' xmlns:xmpp='urn:xmpp:xbosh'">>, #{restart => true}},
             {<<" xmlns:x='urn:xmpp:xbosh' x:restart='true' x:other=''">>, #{restart => true}},
             {<<" xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='false'">>, #{}},
             {<<" xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='0'">>, #{}},
             {<<" xmlns:xmpp='urn:other' xmpp:restart='true'">>, #{}}]].

rid_test_() ->
    [?_assertMatch({ok, #{rid := Rid}}, ecm_bodies:parse(around([" rid='", Text, "'"])))
     || {Text, Rid} <- [{"1", 1}, {"9007199254740991", 9007199254740991}]].

%% One body, in many spellings.
same_test_() ->
    [{Text, ?_assertEqual({ok, #{rid => 7, sid => <<"a">>, els => []}},
                          ecm_bodies:parse(list_to_binary(Text)))}
     || Text <-
            [?POLL,
             "<body rid=\"7\" sid=\"a\" xmlns=\"" ?NS "\"></body>",
             "<body" ?XMLNS "\n\t sid='a'\r\n\trid='7' />\n",
             "<body" ?XMLNS " sid='a' rid='7' ></body>\r\n",
             " " ?POLL,
             "<body" ?XMLNS " sid = 'a' rid= '7'/>",
             "<body" ?XMLNS " sid='a' rid='7'></body >",
             "<body" ?XMLNS " sid='a' rid='7'> \r\n\t</body>",
             "<body" ?XMLNS " sid='&#x61;' rid='&#55;'/>",
             "<?xml version='1.0'?>" ?POLL,
             "<?xml version=\"1.0\"?>\n" ?POLL,
             "<?xml version='1.0' encoding='utf-8'?>" ?POLL,
             [16#EF, 16#BB, 16#BF | ?POLL],
             [16#EF, 16#BB, 16#BF | "<?xml version = \"1.1\" standalone='no' ?>\r\n" ?POLL],
             "<?xml version='1.0' encoding='US-ASCII'?>" ?POLL,
             "<?xml version='1.0' encoding='ISO-8859-1'?>" ?POLL,
             "<body" ?XMLNS " sid='&#00000000000000000000000097;' rid='7' X-1.y_='&lt;\n'/>",
             "<body" ?XMLNS " sid='a' rid='7' Sid='b' S\303\274d='c' \303\274='d'/>",
             "<body xmlns:b='" ?NS "' b:sid='b' sid='a' rid='7'" ?XMLNS "/>",
             "<b:body xmlns:b='" ?NS "' rid='7' sid='a'/>"]].

%% Whatever makes it long. What follows it does not count.
a_start_tag_has_a_longest_test() ->
    Tag = iolist_to_binary(["<body" ?XMLNS " rid='7' x='", lists:duplicate(4000, $x), "'"]),
    Space = binary:copy(<<" ">>, 4095 - byte_size(Tag)),
    Rest = iolist_to_binary([lists:duplicate(2000, "<iq/>"), "</body>"]),
    {ok, #{rid := 7}, Content} = ecm_bosh_body:head(<<Tag/binary, Space/binary, $>, Rest/binary>>),
    {ok, Els} = ecm_bosh_body:els(Content),
    ?assertEqual(2000, length(Els)),
    ?assertEqual({error, 'no-start-tag'},
                 ecm_bosh_body:head(<<Tag/binary, Space/binary, " >", Rest/binary>>)).

refused_test_() ->
    [{binary_to_list(Bytes), ?_assertEqual({error, Fault}, ecm_bodies:parse(Bytes))}
     || {Fault, Text} <- refused(), Bytes <- [iolist_to_binary(Text)]].

refused() ->
    [{'not-xml', Text}
     || Text <- ["", " ", "GET / HTTP/1.1", "<body", ["<body", ?XMLNS, " rid='7'>"], [?POLL, "x"],
                 [?POLL, ?POLL], [?POLL, 0], around(" rid='7' rid='7'"), around(" rid='7'sid='a'"),
                 around([" rid='7' ", ?XMLNS]), around(" rid='7' foo='1' foo='1'"),
                 around(" rid='7' sid='<'"), around(" rid='7' sid='&x;'"),
                 around(" rid='7' sid='&'"), around([" rid='7' sid='", 0, "'"]),
                 around([" rid='7' sid='", 255, "'"]), around(" rid='7' sid=a"),
                 around(" rid='7' sid='a\""), around(" rid='7' xmpp:restart='true'"),
                 around(" rid='7'", "<iq>"), around(" rid='7'", "<x:iq/>"),
                 around(" rid='7' sid='a"), around(" rid='7' sid"), around(" rid='7' sid="),
                 around(" rid='7' xmlns:a='u' xmlns:b='u' a:c='' b:c=''"),
                 around(" rid='7' xmlns:a=''"), around(" rid='7' xmlns:xmlns='u'"),
                 around(" rid='7' xmlns:xml='u'"), around([" rid='7' ", 16#C3, 16#97, "='x'"]),
                 around(" rid='7' 1a=''"), around(" rid='7' a:b:c=''"), around(" rid='7' :a=''"),
                 ["<?xml?>", ?POLL],
                 ["<?xml version='1.0' encoding=''?>", ?POLL], ["<?xml version='1.0'>", ?POLL]]] ++
        [{'not-body', Text}
         || Text <- ["<body rid='7'/>", "<body xmlns='jabber:client' rid='7'/>",
                     ["<iq", ?XMLNS, " rid='7'/>"], ["<x:body", ?XMLNS, " xmlns:x='y' rid='7'/>"],
                     ["<body xmlns='", ?NS, "/' rid='7'/>"]]] ++
        [{'missing-rid', around(Text)} || Text <- ["", " sid='a'", " Rid='7'"]] ++
        [{'bad-rid', around([" rid='", Rid, "'"])}
         || Rid <- ["", "0", "07", "+7", "-7", "7 ", " 7", "7.0", "7e3", "x", "9007199254740992",
                    "10000000000000000", lists:duplicate(1000, $9)]] ++
        [{Fault, around([" rid='7' ", Text])}
         || {Fault, Text} <- [{'bad-wait', "wait='x'"}, {'bad-wait', "wait='-1'"},
                              {'bad-hold', "hold=''"}, {'bad-hold', "hold='01'"},
                              {'bad-ack', "ack='1.5'"}, {'bad-pause', "pause='1s'"},
                              {'bad-ver', "ver='1'"}, {'bad-ver', "ver='1.x'"},
                              {'bad-ver', "ver='1.6.0'"}, {'bad-type', "type='result'"},
                              {'bad-restart', "xmlns:x='urn:xmpp:xbosh' x:restart='yes'"}]] ++
        [{'text-between-stanzas', around(" rid='7'", Text)}
         || Text <- ["x", "<iq/>x<iq/>", "&#xA0;", "<![CDATA[<iq/>]]>"]] ++
        [{'forbidden-markup', Text}
         || Text <- [around(" rid='7'", "<iq/><!-- -->"), ["<!-- -->", ?POLL], ["<?a?>", ?POLL],
                     ["<!-- ", ?POLL], ["<? ", ?POLL], ["<?xml version='1.0'?><?a?>", ?POLL],
                     [" <?xml version='1.0'?>", ?POLL], [?POLL, "<!-- -->"], [?POLL, "<?a?>"],
                     around(" rid='7'", "<iq><?a?></iq>"),
                     ["<!DOCTYPE body [<!ENTITY a 'b'>]>", ?POLL]]] ++
        [{'other-encoding', ["<?xml version='1.0' encoding='", Encoding, "'?>", Text]}
         || {Encoding, Text} <- [{"UTF-16", ?POLL}, {"x", ?POLL}, {"EBCDIC-CP-US", ?POLL},
                                 {"ISO-8859-1", around([" rid='7' sid='", 16#C3, 16#BC, "'"])}]] ++
        [{'too-deep', around(" rid='7'", nested(201))}].

as_deep_as_may_be_test() ->
    ?assertMatch({ok, _}, ecm_bodies:parse(around(" rid='7'", nested(200)))).

nested(Depth) ->
    [lists:duplicate(Depth, "<a>"), lists:duplicate(Depth, "</a>")].

%% Stanzas are as they would be on a stream of jabber:client.
stanzas_test_() ->
    [{iolist_to_binary([Before, " ", Inside]),
      ?_assertEqual([Expected], texts(around([" rid='7'", Before], Inside)))}
     || {Before, Inside, Expected} <-
            [{"", "<iq/>", <<"<iq/>">>},
             {"", "<iq xmlns='jabber:client'/>", <<"<iq/>">>},
             {"", ["<iq", ?XMLNS, "><a/></iq>"], <<"<iq><a/></iq>">>},
             {"", "<iq xml:lang='de'><xml:a/></iq>", <<"<iq xml:lang='de'><xml:a/></iq>">>},
             {"", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AA==</auth>",
              <<"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AA==</auth>">>},
             {"", ["<iq><a", ?XMLNS, "/></iq>"], <<"<iq><a", ?XMLNS, "/></iq>">>},
             {" xmlns:x='urn:x'", "<iq b='c'>d<e/></iq>", <<"<iq b='c'>d<e/></iq>">>},
             {" xmlns:x='urn:x'", "<iq xmlns='jabber:client'/>", <<"<iq/>">>},
             {" xmlns:x='urn:x'", ["<iq", ?XMLNS, "><x:a/><b/></iq>"],
              <<"<iq><a xmlns='urn:x'/><b/></iq>">>},
             {" xmlns:x='urn:x'", "<iq><x:a><x:b/><c/></x:a></iq>",
              <<"<iq><a xmlns='urn:x'><b/><c xmlns='jabber:client'/></a></iq>">>},
             {" xmlns:x='urn:x'", "<iq><a x:b='c' x:d='e'><f x:g='h'/></a></iq>",
              <<"<iq><a xmlns:x='urn:x' x:b='c' x:d='e'><f xmlns:x='urn:x' x:g='h'/></a></iq>">>},
             {" xmlns:x='urn:x'", "<iq><a xmlns:x='urn:y' x:b='c'/></iq>",
              <<"<iq><a xmlns:x='urn:y' x:b='c'/></iq>">>},
             {" xmlns:x='jabber:client'", "<x:iq xmlns='urn:x'><a/></x:iq>",
              <<"<iq><a xmlns='urn:x'/></iq>">>},
             {" xmlns:x='urn:x'", "<xml:a/>", <<"<xml:a/>">>}]].

stanzas_of_a_body_with_a_prefix_test_() ->
    [?_assertEqual([<<"<iq><a/></iq>">>],
                   texts(["<b:body xmlns:b='", ?NS, "' rid='7'>", Text, "</b:body>"]))
     || Text <- ["<iq><a/></iq>", "<b:iq><b:a/></b:iq>",
                 "<iq xmlns='jabber:client'><a/></iq>"]] ++
    [?_assertEqual([<<"<a xmlns='urn:x'/>">>],
                   texts(["<b:body xmlns='urn:x' xmlns:b='", ?NS, "' rid='7'><a/></b:body>"]))].

several_stanzas_test() ->
    ?assertEqual([<<"<message/>">>, <<"<presence/>">>, <<"<iq/>">>],
                 texts(around(" rid='7'", "\n <message/>\t<presence/>\r\n<iq/> "))).

%% The start tag names the session, whatever else is in it or follows it.
head_test_() ->
    [{binary_to_list(Bytes),
      ?_assertEqual({ok, Head, content}, without_content(ecm_bosh_body:head(Bytes)))}
     || {Text, Head} <-
            [{?POLL, #{rid => 7, sid => <<"a">>}},
             {["<body" ?XMLNS " sid='a' rid='7'><iq><<"], #{rid => 7, sid => <<"a">>}},
             {["<body" ?XMLNS " sid='a'/>"], #{sid => <<"a">>, fault => 'missing-rid'}},
             {["<?xml version='1.0' encoding='KOI8-R'?><!-- <> --> <?a b?>" ?POLL],
              #{rid => 7, sid => <<"a">>, fault => 'forbidden-markup'}},
             {["<?xml version='1.0' encoding='KOI8-R'?>" ?POLL],
              #{rid => 7, sid => <<"a">>, fault => 'other-encoding'}},
             {["<body" ?XMLNS " rid='x' sid='a'/>"], #{sid => <<"a">>, fault => 'bad-rid'}},
             {["<body" ?XMLNS " rid='7' pause='x' sid='a' wait='y'/>"],
              #{rid => 7, sid => <<"a">>, fault => 'bad-pause'}}],
        Bytes <- [iolist_to_binary(Text)]].

without_content({ok, Head, _}) -> {ok, Head, content};
without_content(Error) -> Error.

els_test_() ->
    [?_assertEqual(Expected, els(Inside))
     || {Inside, Expected} <-
            [{"<iq/>", {ok, [{xmlel, <<"iq">>, [], []}]}},
             {"<iq><<", {error, 'not-xml'}},
             {"<iq/></body><!-- -->", {error, 'forbidden-markup'}}]].

els(Inside) ->
    {ok, _, Content} = ecm_bosh_body:head(around(" rid='7'", Inside)),
    ecm_bosh_body:els(Content).

%% A session must not keep its client's requests.
nothing_but_the_sid_is_part_of_the_request_test() ->
    Key = lists:duplicate(100, $a),
    {ok, #{key := Read}} = ecm_bodies:parse(around([" rid='7' key='", Key, "'"])),
    ?assertEqual(100, binary:referenced_byte_size(Read)).

write_test_() ->
    [{binary_to_list(Expected),
      ?_assertEqual(Expected, iolist_to_binary(ecm_bosh_body:write(Attributes, Els)))}
     || {Attributes, Els, Expected} <-
            [{[], [], <<"<body" ?XMLNS "/>">>},
             {[{<<"ack">>, <<"7">>}, {<<"from">>, ["a", <<"&<>'\"ü"/utf8>>]}], [],
              <<"<body" ?XMLNS " ack='7' from='a&amp;&lt;>&#39;\"ü'/>"/utf8>>},
             {[{<<"xmpp:version">>, <<"1.0">>}], [],
              <<"<body" ?XMLNS " xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0'/>">>},
             {[], [<<"<iq xmlns='jabber:client'/>">>, <<"<stream:features/>">>],
              <<"<body" ?XMLNS " xmlns:stream='http://etherx.jabber.org/streams'>"
                "<iq xmlns='jabber:client'/><stream:features/></body>">>}]].

encode_test_() ->
    [?_assertEqual(Expected, ecm_xml_stanza:encode(El))
     || {El, Expected} <-
            [{{xmlel, <<"iq">>, [{<<"id">>, <<"'">>}], [{xmlcdata, <<"<">>}]},
              <<"<iq xmlns='jabber:client' id=\"'\">&lt;</iq>">>},
             {{xmlel, <<"iq">>, [{<<"xmlns">>, <<"jabber:client">>}], []},
              <<"<iq xmlns='jabber:client'/>">>},
             {{xmlel, <<"success">>, [{<<"xmlns">>, <<"urn:x">>}], []},
              <<"<success xmlns='urn:x'/>">>},
             {{xmlel, <<"stream:error">>, [], []}, <<"<stream:error/>">>}]].

around(Attributes) ->
    iolist_to_binary(["<body", ?XMLNS, Attributes, "/>"]).

around(Attributes, Inside) ->
    iolist_to_binary(["<body", ?XMLNS, Attributes, ">", Inside, "</body>"]).

%% The stanzas of a body, as the text of each of them.
texts(Text) ->
    {ok, #{els := Els}} = ecm_bodies:parse(iolist_to_binary(Text)),
    [fxml:element_to_binary(El) || El <- Els].

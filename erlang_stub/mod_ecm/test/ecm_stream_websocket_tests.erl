%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc XMPP over WebSocket, as text.

-module(ecm_stream_websocket_tests).

-include_lib("eunit/include/eunit.hrl").

-define(FRAMING, "xmlns='urn:ietf:params:xml:ns:xmpp-framing'").
-define(LIMITS, #{max_body => 200, max_elements => 5}).

read_test_() ->
    {setup, fun() -> {ok, _} = application:ensure_all_started(xmpp) end,
     [{Text, ?_assertEqual(Expected, run(Text))}
      || {Text, Expected} <-
             [{"<message xmlns='jabber:client' to='a@b'><body>hi</body></message>",
               [{element, {xmlel, <<"message">>, [{<<"to">>, <<"a@b">>}],
                           [{xmlel, <<"body">>, [], [{xmlcdata, <<"hi">>}]}]}}]},
              {"<message/>", [{element, {xmlel, <<"message">>, [], []}}]},
              {"<?xml version='1.0'?>\n <c:iq xmlns:c='jabber:client'/> ", [{element, {xmlel, <<"iq">>, [], []}}]},
              {"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
               [{element, {xmlel, <<"auth">>, [{<<"xmlns">>, <<"urn:ietf:params:xml:ns:xmpp-sasl">>}], []}}]},
              {"<close " ?FRAMING "/>", [ends]},
              {"<f:close xmlns:f='urn:ietf:params:xml:ns:xmpp-framing'/>", [ends]},
              {"", []},
              {" \n", []},
              {"<ping " ?FRAMING "/>", [{fault, not_framing}]},
              {"<message>", [{fault, 'not-xml'}]},
              {"<message/><message/>", [{fault, 'not-xml'}]},
              {"hello", [{fault, 'not-xml'}]},
              {"<p:message/>", [{fault, 'not-xml'}]},
              {"<message>\xff</message>", [{fault, 'not-xml'}]},
              {"<message><!-- a --></message>", [{fault, 'forbidden-markup'}]},
              {"<!-- a --><message/>", [{fault, 'forbidden-markup'}]},
              {"<?xml version='1.0' encoding='utf-16'?><message/>", [{fault, 'other-encoding'}]},
              {"<a><b/><b/><b/><b/></a>",
               [{element, {xmlel, <<"a">>, [], lists:duplicate(4, {xmlel, <<"b">>, [], []})}}]},
              {"<a><b/><b/><b/><b/><b/></a>", [{fault, {exceeds, elements}}]},
              {"<a>" ++ lists:duplicate(194, $x) ++ "</a>", [{fault, {exceeds, bytes}}]}]]}.

nesting_is_bounded_test() ->
    Deep = [lists:duplicate(201, "<a>"), lists:duplicate(201, "</a>")],
    {[{fault, 'too-deep'}], _} =
        ecm_stream_websocket:read(iolist_to_binary(Deep), #{max_body => infinity, max_elements => infinity}, begun()).

a_stream_begins_with_its_header_test() ->
    New = ecm_stream_websocket:new(),
    ?assertEqual({[{fault, not_begun}], New}, read("<message/>", New)),
    ?assertNot(ecm_stream_websocket:has_begun(New)),
    {[{begins, Attributes}], Begun} =
        read("<open " ?FRAMING " xmlns:p='urn:p' p:a='' to='b' version='1.0' xml:lang='de'/>", New),
    ?assertEqual([{<<"to">>, <<"b">>}, {<<"version">>, <<"1.0">>}, {<<"xml:lang">>, <<"de">>},
                  {<<"xmlns">>, <<"jabber:client">>}, {<<"xmlns:stream">>, <<"http://etherx.jabber.org/streams">>}],
                 Attributes),
    ?assert(ecm_stream_websocket:has_begun(Begun)),
    ?assertEqual({[{fault, not_begun}], New}, read("<message/>", ecm_stream_websocket:reset(Begun))),
    ?assertEqual({[ends], New}, read("<close " ?FRAMING "/>", New)).

nothing_keeps_the_message_alive_test() ->
    Message = iolist_to_binary(["<message id='1'><body>", lists:duplicate(100, $x), "</body></message>"]),
    {[{element, {xmlel, Name, [{Key, Value}], [{xmlel, _, _, [{xmlcdata, Text}]}]}}], _} = read(Message, begun()),
    [?assert(binary:referenced_byte_size(Part) < byte_size(Message)) || Part <- [Name, Key, Value, Text]].

write_test_() ->
    [?_assertEqual(Expected, ecm_stream_websocket:write(Packet))
     || {Packet, Expected} <-
            [{{xmlstreamelement, {xmlel, <<"message">>, [], []}}, <<"<message xmlns='jabber:client'/>">>},
             {{xmlstreamelement, {xmlel, <<"a">>, [{<<"xmlns">>, <<"urn:a">>}], []}}, <<"<a xmlns='urn:a'/>">>},
             {{xmlstreamelement, {xmlel, <<"stream:features">>, [], []}},
              <<"<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>">>},
             {{xmlstreamstart, <<"stream:stream">>, [{<<"xmlns">>, <<"jabber:client">>},
                                                     {<<"xmlns:stream">>, <<"http://etherx.jabber.org/streams">>},
                                                     {<<"xml:lang">>, <<"de">>}, {<<"id">>, <<"7">>}]},
              <<"<open " ?FRAMING " xml:lang='de' id='7'/>">>},
             {{xmlstreamelement, stream_error(<<"conflict">>, [])},
              <<"<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict/></stream:error>">>},
             {{xmlstreamelement, stream_error(<<"see-other-host">>, [{xmlcdata, <<"other.example">>}])},
              <<"<stream:error xmlns:stream='http://etherx.jabber.org/streams'>"
                "<see-other-host>other.example</see-other-host></stream:error>">>},
             {{xmlstreamelement, stream_error(<<"see-other-host">>, [{xmlcdata, <<"wss://other.example/ws?a&b">>}])},
              {last, <<"<close " ?FRAMING " see-other-uri='wss://other.example/ws?a&amp;b'/>">>}},
             {{xmlstreamend, <<"stream:stream">>}, <<"<close " ?FRAMING "/>">>},
             {{xmlstreamraw, <<"\r\n\r\n">>}, none}]].

stream_error(Condition, Content) ->
    {xmlel, <<"stream:error">>, [], [{xmlel, Condition, [], Content}]}.

begun() ->
    {_, Begun} = read("<open " ?FRAMING "/>", ecm_stream_websocket:new()),
    Begun.

run(Text) ->
    {Heard, _} = read(Text, begun()),
    Heard.

read(Text, State) ->
    ecm_stream_websocket:read(iolist_to_binary(Text), ?LIMITS, State).

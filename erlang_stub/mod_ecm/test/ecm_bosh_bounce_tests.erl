%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_bosh_bounce_tests).

-include_lib("eunit/include/eunit.hrl").

-define(ADDRESSES, "to='juliet@chat.example/balcony' from='romeo@chat.example/orchard'").
-define(FAILED, "<error type='modify'><policy-violation "
                "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>").

%% Its content is not parsed: it could be anything.
what_stands_in_for_a_stanza_test_() ->
    [?_assertEqual({Stanza, list_to_binary(Instead)},
                   {Stanza, ecm_bosh_bounce:envelope(list_to_binary(Stanza), 1000)})
     || {Stanza, Instead} <-
            [{"<message xmlns='jabber:client' " ?ADDRESSES " xml:lang='en' id='1'><body>x",
              "<message xmlns='jabber:client' " ?ADDRESSES " id='1'/>"},
             {"<presence xmlns='jabber:client' type=\"unavailable\" from='r@h/>&apos;\"'><x/>",
              "<presence xmlns='jabber:client' type='unavailable' from='r@h/>&apos;&quot;'/>"},
             {"<iq type='set' id='1'><query", "<iq type='set' id='1'/>"},
             {"<iq type='result' id='1'><query", "<iq type='error' id='1'>" ?FAILED "</iq>"},
             {"<iq type='error' id='1'><query", "<iq type='error' id='1'>" ?FAILED "</iq>"},
             {"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
              "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"}]].

it_is_no_longer_than_has_room_test() ->
    ?assertEqual(<<"<message xmlns='jabber:client'/>">>,
                 ecm_bosh_bounce:envelope(<<"<message from='romeo@chat.example'>x">>, 34)),
    ?assertEqual(<<"<message from='romeo@chat.example'/>">>,
                 ecm_bosh_bounce:envelope(<<"<message from='romeo@chat.example'>x">>, 36)).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Prefixes where declaring them everywhere would take too much. Otherwise they are removed
%% (ecm_bosh_body_tests).

-module(ecm_xml_stanza_tests).

-include_lib("eunit/include/eunit.hrl").

-define(LONG, "urn:" ++ lists:duplicate(250, $u)).

stanza_test_() ->
    {setup, fun() -> {ok, _} = application:ensure_all_started(xmpp) end,
     [{Name, ?_assertEqual([list_to_binary(Expected)], texts(Declared, Inside))}
      || {Name, Declared, Inside, Expected} <-
             [{"what ejabberd does not know is whole", "",
               ["<message><x xmlns='urn:x'", declared(), ">", many(), "</x></message>"],
               ["<message><x xmlns='urn:x'", declared(), ">", many(), "</x></message>"]},
              {"declared by the message", "",
               ["<message", declared(), "><x xmlns='urn:x'>", many(), "</x></message>"],
               ["<message><x", declared(), " xmlns='urn:x'>", many(), "</x></message>"]},
              {"declared by the body", declared(),
               ["<message><x xmlns='urn:x'>", many(), "</x></message>"],
               ["<message><x", declared(), " xmlns='urn:x'>", many(), "</x></message>"]},
              {"with the default namespace of its outside", " xmlns:c='jabber:client'",
               ["<c:message xmlns='urn:x'><p:x", declared(), ">", many(), "<b/></p:x></c:message>"],
               ["<message><p:x xmlns='urn:x'", declared(), ">", many(), "<b/></p:x></message>"]},
              {"and so is what ejabberd takes out", " xmlns:s='http://jabber.org/protocol/pubsub'",
               ["<iq><s:pubsub", declared(), "><s:publish node='n'><s:item><y xmlns='urn:y'>", many(),
                "</y></s:item></s:publish></s:pubsub></iq>"],
               ["<iq><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item><y",
                declared(), " xmlns='urn:y'>", many(), "</y></item></publish></pubsub></iq>"]}]]}.

refused_test_() ->
    {setup, fun() -> {ok, _} = application:ensure_all_started(xmpp) end,
     [?_assertEqual({error, 'too-many-declarations'}, parsed(Declared, Inside))
      || {Declared, Inside} <-
             [{"", ["<message", declared(), ">", many(), "</message>"]},
              {declared(), ["<message>", many(), "</message>"]},
              {declared(), lists:duplicate(100, "<message><p:a/></message>")}]]}.

declared() -> " xmlns:p='" ++ ?LONG ++ "'".

many() -> lists:duplicate(100, "<p:a/><a p:b=''/>").

texts(Declared, Inside) ->
    {ok, #{els := Els}} = parsed(Declared, Inside),
    lists:map(fun ecm_xml_serialiser:element/1, Els).

parsed(Declared, Inside) ->
    ecm_bodies:parse(iolist_to_binary(["<body xmlns='http://jabber.org/protocol/httpbind' rid='1'",
                                       Declared, ">", Inside, "</body>"])).

%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_bounce_tests).

-include_lib("eunit/include/eunit.hrl").

-define(ADDRESSES, "to='juliet@chat.example/balcony' from='romeo@chat.example/orchard'").
-define(FAILED, "<error type='modify'><policy-violation "
                "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>").

%% A sender that waits for an answer gets an error.
senders_are_told_test_() ->
    {setup, fun ecm_user:prepare/0, fun ecm_user:restore/1,
     [?_assertEqual({Envelope, Routed}, {Envelope, routed(Envelope)})
      || {Envelope, Routed} <-
             [{"<message type='chat' " ?ADDRESSES "/>", [error]},
              {"<message " ?ADDRESSES "/>", [error]},
              {"<message type='groupchat' " ?ADDRESSES "/>", []},
              {"<message type='headline' " ?ADDRESSES "/>", []},
              {"<message type='error' " ?ADDRESSES "/>", []},
              {"<message type='chat' to='juliet@chat.example/balcony'/>", []},
              {"<iq type='get' id='1' " ?ADDRESSES "/>", [error]},
              {"<iq type='set' id='1' " ?ADDRESSES "/>", [error]},
              {"<iq type='error' id='1' " ?ADDRESSES ">" ?FAILED "</iq>", []},
              {"<presence " ?ADDRESSES "/>", []},
              {"<presence type='subscribe' " ?ADDRESSES "/>", []},
              {"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", []},
              {"<nonsense/>", []}]]}.

routed(Envelope) ->
    persistent_term:put(ecm_user, self()),
    ok = ecm_c2s_bounce:note_and_route(list_to_binary(Envelope), 2000, 1000),
    [error || _ <- ecm_user:routed()].

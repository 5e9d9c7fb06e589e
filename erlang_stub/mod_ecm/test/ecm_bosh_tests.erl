%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What becomes of ejabberd's answers. ejabberd_bosh is the real one, but no session is.

-module(ecm_bosh_tests).

-include_lib("eunit/include/eunit.hrl").

-define(MAX_STANZA_SIZE, 1000).

an_answer_with_status_200_is_carried_as_it_is_test() ->
    Answer = [<<"<body">>, [<<" type='terminate'">>], <<"/>">>],
    ?assertEqual(Answer, ecm_bosh:content(200, Answer)).

a_status_that_nothing_is_known_of_test() ->
    ?assertEqual(ecm_bosh:terminate(<<"undefined-condition">>), ecm_bosh:content(500, <<>>)).

%% That mod_bosh is not loaded is how it is while ejabberd stops.
an_answer_without_a_body_becomes_a_condition_test_() ->
    {setup, fun start/0, fun ecm_config:stop/1,
     [{Name, ?_assertEqual(ecm_bosh:terminate(Condition), ask(Body))}
      || {Name, Body, Condition} <-
             [{"no XML", <<"<body">>, <<"bad-request">>},
              {"no RID", <<"<body/>">>, <<"bad-request">>},
              {"nothing", <<>>, <<"bad-request">>},
              {"too large", binary:copy(<<" ">>, ?MAX_STANZA_SIZE + 1), <<"policy-violation">>},
              {"no mod_bosh", <<"<body rid='1' sid='old'/>">>, <<"system-shutdown">>}]]}.

terminate_is_a_body_test() ->
    ?assertEqual(<<"<body type='terminate' condition='bad-request' "
                   "xmlns='http://jabber.org/protocol/httpbind'/>">>,
                 ecm_bosh:terminate(<<"bad-request">>)).

ask(Body) ->
    ecm_bosh:ask(Body, {{127, 0, 0, 1}, 51234}).

%% ejabberd gives BOSH the limits of its listener for clients.
start() ->
    Clients = {{5222, {0, 0, 0, 0}, tcp}, ejabberd_c2s, #{max_stanza_size => ?MAX_STANZA_SIZE}},
    ecm_config:start([{listen, global, [Clients]}, {host, global, <<"chat.example">>}]).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc SASL2 in sessions: what ejabberd is told of a client, what it offers, and what it keeps.

-module(ecm_c2s_sasl2_tests).

-include_lib("eunit/include/eunit.hrl").

-define(MECHANISMS, [<<"HT-SHA-256-NONE">>, <<"HT-SHA-256-UNIQ">>, <<"HT-SHA-256-EXPR">>,
                     <<"HT-SHA-256-ENDP">>]).

%% The address of the client, if ejabberd may offer SASL2 to it.
the_stream_names_the_client_test_() ->
    {setup, fun() -> {ok, _} = application:ensure_all_started(xmpp) end,
     [?_assertEqual({From, Named}, {From, from(#{from => From}, true)})
      || {From, Named} <- [{<<"romeo@chat.example">>, <<"romeo@chat.example">>},
                          {<<"Romeo@Chat.Example/orchard">>, <<"romeo@chat.example">>},
                          {<<"romeo@elsewhere.example">>, none},
                          {<<"chat.example">>, none},
                          {<<"@chat.example">>, none},
                          {<<"a\\b c@chat.example">>, none},
                          {<<>>, none}]]
        ++ [?_assertEqual(none, from(#{}, true)),
            ?_assertEqual(none, from(#{from => <<"romeo@chat.example">>}, false))]}.

from(Attributes, MayOfferSasl2) ->
    ok = ecm_c2s_stream:begun(Attributes#{rid => 1, to => <<"chat.example">>, els => []}, MayOfferSasl2),
    {xmlstreamstart, _, Header} = receive {'$gen_event', Event} -> Event end,
    proplists:get_value(<<"from">>, Header, none).

nothing_is_offered_that_needs_tls_at_ejabberd_test() ->
    [Offered, Unbound] = [{[{feature_sm, <<"urn:xmpp:sm:3">>}, fast(Mechanisms)], [carbons], [other]}
                          || Mechanisms <- [?MECHANISMS, [<<"HT-SHA-256-NONE">>]]],
    ?assertEqual(Offered, ecm_c2s_sasl2:features(Offered, <<"chat.example">>)),
    as_session(fun() ->
                       ?assertEqual(Unbound, ecm_c2s_sasl2:features(Offered, <<"chat.example">>)),
                       ?assertEqual(Unbound, ecm_c2s_sasl2:features(Offered, <<"chat.example">>, #{}))
               end).

%% As in the records of xmpp.
fast(Mechanisms) -> {fast, undefined, undefined, undefined, Mechanisms}.

%% Whichever way it came, and only ours.
a_session_keeps_nothing_of_its_login_test() ->
    Begun = #{user => <<"romeo">>, allow_unencrypted_sasl2 => false, stream_restarted => true},
    Restarted = Begun#{allow_unencrypted_sasl2 => true, sasl_channel_bindings => not_available,
                       sasl2_stream_from => {jid, <<"romeo">>, <<"chat.example">>, <<>>},
                       sasl2_password_fun => fun(_) -> {<<"secret">>, ejabberd_auth_mnesia} end},
    AtOnce = Restarted#{stream_restarted => false, sasl2_axtra_auth_info => undefined,
                        bind2_session_id => undefined},
    Id = {<<"d4565fa7">>, <<"Zgj5FRr">>},
    Without = maps:remove(allow_unencrypted_sasl2, Begun),  % before 24.10
    ?assertEqual(AtOnce, ecm_c2s_sasl2:begun(AtOnce)),
    as_session(fun() ->
                       [?assertEqual(Begun, ecm_c2s_sasl2:begun(State))
                        || State <- [Begun, Restarted, AtOnce]],
                       ?assertEqual(Begun#{bind2_session_id => Id},
                                    ecm_c2s_sasl2:begun(AtOnce#{bind2_session_id => Id})),
                       ?assertEqual(Without, ecm_c2s_sasl2:begun(Without))
               end).

%% As in the process of a BOSH session.
as_session(Test) ->
    put(ecm_c2s_session, session),
    try Test()
    after erase(ecm_c2s_session)
    end.

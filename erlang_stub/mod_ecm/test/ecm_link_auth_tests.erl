%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_link_auth_tests).

-include_lib("eunit/include/eunit.hrl").

a_nonce_is_32_digits_test() ->
    ?assertMatch({match, _}, re:run(ecm_link_auth:nonce(), "^[0-9a-f]{32}\\z")).

a_nonce_does_not_come_again_test() ->
    ?assertNotEqual(ecm_link_auth:nonce(), ecm_link_auth:nonce()).

response_test_() ->
    [?_assertEqual(maps:get(atom_to_binary(Role), Vector),
                   ecm_link_auth:response(maps:get(<<"secret">>, Vector), Role, OfEcm, OfEjabberd))
     || #{<<"nonces">> := #{<<"ecm">> := OfEcm, <<"ejabberd">> := OfEjabberd}} = Vector
            <- maps:get(<<"proofs">>, ecm_vectors:read("typed.json")),
        Role <- [ecm, ejabberd]].

verify_test_() ->
    [?_assertEqual(Expected, ecm_link_auth:verify(Given, <<"abc">>))
     || {Given, Expected} <- [{<<"abc">>, true}, {<<"abd">>, false}, {<<"ab">>, false}]].

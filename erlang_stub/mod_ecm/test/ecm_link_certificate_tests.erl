%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_link_certificate_tests).

-include_lib("eunit/include/eunit.hrl").

-define(RSA, {rsa, 2048, 65537}).
-define(CURVE, {namedCurve, secp256r1}).

certificate_and_key_come_in_any_order_test_() ->
    [?_test(begin
                {{_, Der, _} = Certificate, {Type, KeyDer, _} = Key} =
                    ecm_scratch:certificate(KeyType),
                Expected = {ok, [{cert, [Der]}, {key, {Type, KeyDer}}, {log_level, none}]},
                ?assertEqual(Expected, read([Certificate, Key])),
                ?assertEqual(Expected, read([Key, Certificate]))
            end) || KeyType <- [?CURVE, ?RSA]].

the_chain_keeps_its_order_test() ->
    {{_, First, _} = Certificate, Key} = ecm_scratch:certificate(?CURVE),
    {{_, Second, _} = Issuer, _} = ecm_scratch:certificate(?CURVE),
    ?assertMatch({ok, [{cert, [First, Second]}, {key, _}, _]}, read([Certificate, Key, Issuer])).

a_key_as_pkcs_8_test() ->
    {Certificate, {'PrivateKeyInfo', Der, _} = Key} = with_pkcs8(),
    ?assertMatch({ok, [_, {key, {'PrivateKeyInfo', Der}}, _]}, read([Certificate, Key])).

%% An RSA key may take seconds to make.
a_key_as_pkcs_8_under_another_name_test_() ->
    {timeout, 60, fun pkcs8_under_another_name/0}.

pkcs8_under_another_name() ->
    {Certificate, {_, Der, _} = Key} = with_pkcs8(),
    ?assertMatch({ok, [_, {key, {'PrivateKeyInfo', Der}}, _]},
                 read([Certificate, setelement(1, Key, 'RSAPrivateKey')])).

with_pkcs8() ->
    {Certificate, Key} = ecm_scratch:certificate(?RSA),
    Decoded = public_key:pem_entry_decode(Key),
    {Certificate, public_key:pem_entry_encode('PrivateKeyInfo', Decoded)}.

what_is_missing_is_said_test_() ->
    {Certificate, Key} = ecm_scratch:certificate(?CURVE),
    [?_assertMatch({error, "there is no certificate in /" ++ _}, flat(read([Key]))),
     ?_assertMatch({error, "there is no certificate in /" ++ _}, flat(read([]))),
     ?_assertMatch({error, "there is no open key in /" ++ _}, flat(read([Certificate]))),
     ?_assertEqual({error, "cannot read /nowhere/cert.pem: no such file or directory"},
                   flat(ecm_link_certificate:read("/nowhere/cert.pem")))].

read(Entries) ->
    ecm_scratch:with_file(public_key:pem_encode(Entries), fun ecm_link_certificate:read/1).

flat({error, Text}) -> {error, unicode:characters_to_list(Text)}.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Challenge-response authentication of a link: each end proves in its hello or its proof that it
%% knows the shared secret, without sending it (docs/protocol.md of Megaphone). Pure, except for nonce/0.

-module(ecm_link_auth).

-export([nonce/0, response/4, verify/2]).

%% @doc Returns a new challenge: 32 hexadecimal digits, lower case.
-spec nonce() -> binary().
nonce() ->
    string:lowercase(binary:encode_hex(crypto:strong_rand_bytes(16))).

%% @doc Returns the proof of the side with this role: 64 hexadecimal digits, lower case. Each side has
%% made its own nonce for this link.
-spec response(Secret :: binary(), Role :: ecm_link_message:side(), EcmNonce :: binary(),
               EjabberdNonce :: binary()) -> binary().
response(Secret, Role, EcmNonce, EjabberdNonce) ->
    Message = [atom_to_binary(Role), $:, EcmNonce, $:, EjabberdNonce],
    string:lowercase(binary:encode_hex(crypto:mac(hmac, sha256, Secret, Message))).

%% @doc Compares two proofs in constant time.
-spec verify(Given :: binary(), Expected :: binary()) -> boolean().
verify(Given, Expected) ->
    byte_size(Given) =:= byte_size(Expected) andalso crypto:hash_equals(Given, Expected).

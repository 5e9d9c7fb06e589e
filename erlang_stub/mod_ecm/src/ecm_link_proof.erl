%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The proof that a side of a link knows the secret (docs/protocol.md of Megaphone). Pure.

-module(ecm_link_proof).

-export([is_proof/2, proof/4]).

%% @doc Returns the proof of the side with this role, 64 hexadecimal digits, lower case. Each nonce
%% is the one that its side has made for this link.
-spec proof(Secret :: binary(), Role :: ecm_link_message:side(), OfEcm :: binary(),
            OfEjabberd :: binary()) -> binary().
proof(Secret, Role, OfEcm, OfEjabberd) ->
    Message = [atom_to_binary(Role), $:, OfEcm, $:, OfEjabberd],
    string:lowercase(binary:encode_hex(crypto:mac(hmac, sha256, Secret, Message))).

%% @doc Returns whether a proof is the right one; how long that takes says nothing.
-spec is_proof(Given :: binary(), Expected :: binary()) -> boolean().
is_proof(Given, Expected) ->
    byte_size(Given) =:= byte_size(Expected) andalso crypto:hash_equals(Given, Expected).

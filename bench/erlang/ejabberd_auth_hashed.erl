%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The accounts of ejabberd_auth_everyone, whose passwords take as long as where ejabberd keeps them in
%% hashed form (auth_password_format: scram): each login with SASL PLAIN computes the hash.

-module(ejabberd_auth_hashed).
-behaviour(ejabberd_auth).

-export([check_password/4, plain_password_required/1, start/1, stop/1, store_type/1, use_cache/1,
         user_exists/2]).

%% As ejabberd has them.
-define(ITERATIONS, 4096).
-define(SALT, <<"0123456789abcdef">>).

start(_Host) -> ok.

stop(_Host) -> ok.

%% Not in `plain' or `scram' form, so that only SASL PLAIN is offered.
store_type(_Host) -> external.

plain_password_required(_Host) -> true.

use_cache(_Host) -> false.

check_password(_User, _AuthzId, _Host, Password) ->
    {nocache, hash(Password) =:= hash_of_all()}.

hash(Password) ->
    scram:salted_password(sha, Password, ?SALT, ?ITERATIONS).

%% Computed once.
hash_of_all() ->
    case persistent_term:get(?MODULE, none) of
        none ->
            persistent_term:put(?MODULE, hash(<<"secret">>)),
            hash_of_all();
        Hash ->
            Hash
    end.

user_exists(_User, _Host) -> {nocache, true}.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The accounts of ejabberd_auth_everyone, whose password ejabberd keeps as SCRAM has it (auth_password_format:
%% scram, SHA-1). All have one salt, so that users compute the hash of their password once, as clients may that
%% keep it (RFC 5802, section 5.1).

-module(ejabberd_auth_salted).
-behaviour(ejabberd_auth).

-export([get_password/2, plain_password_required/1, start/1, stop/1, store_type/1, use_cache/1, user_exists/2]).

start(_Host) -> ok.

stop(_Host) -> ok.

store_type(_Host) -> scram.

plain_password_required(_Host) -> false.

use_cache(_Host) -> false.

get_password(_User, Host) -> {nocache, {ok, password(Host)}}.

user_exists(_User, _Host) -> {nocache, true}.

%% Computed once.
password(Host) ->
    case persistent_term:get(?MODULE, none) of
        none ->
            persistent_term:put(?MODULE, ejabberd_auth:password_to_scram(Host, <<"secret">>)),
            password(Host);
        Password ->
            Password
    end.

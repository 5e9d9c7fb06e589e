%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Accounts for a benchmark (auth_method: everyone): each name has one, and the password of all
%% is `secret'. So there are as many as are wanted, and none of them takes memory or time.

-module(ejabberd_auth_everyone).
-behaviour(ejabberd_auth).

-export([check_password/4, plain_password_required/1, start/1, stop/1, store_type/1, use_cache/1,
         user_exists/2]).

start(_Host) -> ok.

stop(_Host) -> ok.

%% Not in `plain' or `scram' form, so that only SASL PLAIN is offered.
store_type(_Host) -> external.

plain_password_required(_Host) -> true.

use_cache(_Host) -> false.

check_password(_User, _AuthzId, _Host, Password) -> {nocache, Password =:= <<"secret">>}.

user_exists(_User, _Host) -> {nocache, true}.

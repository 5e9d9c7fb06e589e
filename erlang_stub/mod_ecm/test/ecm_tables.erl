%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: ejabberd's Mnesia tables, in memory.

-module(ecm_tables).

-export([start/0, stop/1]).

start() ->
    ok = mnesia:start(),
    {ok, Tables} = ejabberd_mnesia:start(),
    true = unlink(Tables),
    Tables.

stop(Tables) ->
    ecm_user:stop(Tables),
    stopped = mnesia:stop(),
    ok.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc For the tests: ejabberd's table of options, while ejabberd itself does not run.

-module(ecm_config).

-export([start/1, stop/1]).

%% @doc Makes the table, with options that hold for the whole server (`global') or for one host.
start(Options) ->
    Table = ets:new(ejabberd_options, [named_table, public]),
    true = ets:insert(Table, [{{Option, Host}, Value} || {Option, Host, Value} <- Options]),
    Table.

stop(Table) ->
    true = ets:delete(Table).

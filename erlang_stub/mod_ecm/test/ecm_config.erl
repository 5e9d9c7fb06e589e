%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: ejabberd's table of options, without ejabberd.

-module(ecm_config).

-export([start/1, stop/1]).

%% @doc Makes the table, with options of the whole server (`global') or of one host.
start(Options) ->
    Table = ets:new(ejabberd_options, [named_table, public]),
    true = ets:insert(Table, [{{Option, Host}, Value} || {Option, Host, Value} <- Options]),
    Table.

stop(Table) ->
    true = ets:delete(Table).

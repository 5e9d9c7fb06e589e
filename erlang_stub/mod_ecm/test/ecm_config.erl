%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: ejabberd's table of options, without ejabberd.

-module(ecm_config).

-export([start/1, stop/1]).

%% What ejabberd's validator of listeners asks for, from ejabberd 25.03 on.
-define(VERSION, {version, global, <<"26.07.0">>}).

%% @doc Makes the table, with options of the whole server (`global') or of one host.
start(Options) ->
    Table = ets:new(ejabberd_options, [named_table, public]),
    true = ets:insert(Table, [{{Option, Host}, Value} || {Option, Host, Value} <- [?VERSION | Options]]),
    Table.

stop(Table) ->
    true = ets:delete(Table).

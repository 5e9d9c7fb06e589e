%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Commands of ejabberdctl, as those of mod_ecm.

-module(ecm_command).

-export([define/1]).

-include_lib("ejabberd/include/ejabberd_commands.hrl").

%% @doc Defines those of these commands that are not there yet: from 26.07 on, ejabberd logs an error for a command that
%% is defined twice. Any listener or module may call this, two of them at the same time.
-spec define([#ejabberd_commands{}]) -> ok.
define(Commands) ->
    case whereis(ejabberd_commands) of
        undefined -> ok;
        _ -> global:trans({?MODULE, self()}, fun() -> define_new(Commands) end, [node()])
    end.

-spec define_new([#ejabberd_commands{}]) -> ok.
define_new(Commands) ->
    case [Command || #ejabberd_commands{name = Name} = Command <- Commands, not is_defined(Name)] of
        [] -> ok;
        New -> ejabberd_commands:register_commands(mod_ecm, New)
    end.

-spec is_defined(Name :: atom()) -> boolean().
is_defined(Name) ->
    try ejabberd_commands:get_command_definition(Name) of
        _ -> true
    catch
        throw:_ -> false
    end.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a command does to all clients, some at a time, so that they do not all come back in one moment.

-module(ecm_command_pace).

-export([in_steps/4]).

%% @doc Does something with so many items at a time, with a pause of so many milliseconds behind them.
-spec in_steps(pos_integer(), Milliseconds :: pos_integer(), fun((Item) -> any()), [Item]) -> ok.
in_steps(_, _, _, []) ->
    ok;
in_steps(Number, Pause, Do, Items) ->
    {Now, Later} = first(Number, Items),
    lists:foreach(Do, Now),
    timer:sleep(Pause),
    in_steps(Number, Pause, Do, Later).

-spec first(non_neg_integer(), [Item]) -> {[Item], [Item]}.
first(Number, [Item | Rest]) when Number > 0 ->
    {Now, Later} = first(Number - 1, Rest),
    {[Item | Now], Later};
first(_, Items) ->
    {[], Items}.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What clients can cause as often as they like, in few lines of the log: the first time at once, further times as
%% a number for each interval. Pure.

-module(ecm_tally).

-export([add/2, new/0, tick/3]).
-export_type([tally/0]).

%% Since when, how many times, and the last one. The first tick after the first time is when the interval begins.
-type tally() :: none | {Since :: integer() | now, Times :: non_neg_integer(), Last :: term()}.

-spec new() -> tally().
new() ->
    none.

%% @doc Notes that it happens. Returns whether to log it now.
-spec add(What :: term(), tally()) -> {boolean(), tally()}.
add(What, none) -> {true, {now, 0, What}};
add(What, {Since, Times, _}) -> {false, {Since, Times + 1, What}}.

%% @doc Takes notice of the time in milliseconds. Returns how often it has happened since the last line, and what
%% the last one was, if that is to be logged now. Further times are counted for so many seconds.
-spec tick(Now :: integer(), Interval :: pos_integer(), tally()) ->
    {none | {Times :: pos_integer(), Last :: term()}, tally()}.
tick(_, _, none) -> {none, none};
tick(Now, _, {now, Times, Last}) -> {none, {Now, Times, Last}};
tick(Now, Interval, {Since, _, _} = Tally) when Now - Since < 1000 * Interval -> {none, Tally};
tick(_, _, {_, 0, _}) -> {none, none};
tick(Now, _, {_, Times, Last}) -> {{Times, Last}, {Now, 0, Last}}.

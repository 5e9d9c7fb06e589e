%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A login storm, for the log: when it begins, how it goes on, when it is over, without a line for each session.
%% Pure.

-module(ecm_c2s_storm).

-export([entered/1, is_calm/1, look/4, new/0, refused/2]).
-export_type([news/0, storm/0]).

%% Milliseconds for which somebody must have waited for it to be a storm; between two lines about it; and without
%% anybody who waits, after which it is over.
-define(WAITED, 1000).
-define(REPORT, 10000).
-define(CALM, 5000).

%% Since when, when somebody waited for the last time, and when to report next. The counts are of newcomers since the
%% last report, and since the beginning.
-record(storm, {since = none :: none | integer(),
                last = 0 :: integer(),
                report = 0 :: integer(),
                entered = {0, 0} :: counts(),
                refused = {0, 0} :: counts()}).

-type counts() :: {Now :: non_neg_integer(), All :: non_neg_integer()}.

-opaque storm() :: #storm{}.

%% What the log is to say.
-type news() :: {begins, Waiting :: non_neg_integer()} |
                {goes_on, Waiting :: non_neg_integer(), Entered :: non_neg_integer(), Refused :: non_neg_integer()} |
                {over, Seconds :: non_neg_integer(), Entered :: non_neg_integer(), Refused :: non_neg_integer()}.

-spec new() -> storm().
new() -> #storm{}.

%% @doc Returns whether there is no storm, and nothing that would begin one.
-spec is_calm(storm()) -> boolean().
is_calm(#storm{since = Since, refused = {Refused, _}}) ->
    Since =:= none andalso Refused =:= 0.

%% @doc A newcomer was let in.
-spec entered(storm()) -> storm().
entered(#storm{since = none} = Storm) -> Storm;
entered(#storm{entered = Entered} = Storm) -> Storm#storm{entered = more(1, Entered)}.

%% @doc So many newcomers were refused.
-spec refused(non_neg_integer(), storm()) -> storm().
refused(Number, #storm{refused = Refused} = Storm) -> Storm#storm{refused = more(Number, Refused)}.

-spec more(non_neg_integer(), counts()) -> counts().
more(Number, {Now, All}) -> {Now + Number, All + Number}.

%% @doc Looks at those who wait: so many, the oldest of them for so many milliseconds.
-spec look(Waiting :: non_neg_integer(), Age :: non_neg_integer(), Now :: integer(), storm()) ->
    {none | news(), storm()}.
look(Waiting, Age, Now, #storm{since = none, refused = {Refused, _}} = Storm) when Age >= ?WAITED; Refused > 0 ->
    {{begins, Waiting}, Storm#storm{since = Now - Age, last = Now, report = Now + ?REPORT}};
look(_, _, _, #storm{since = none} = Storm) ->
    {none, Storm};
look(0, _, Now, #storm{since = Since, last = Last, entered = {_, Entered}, refused = {_, Refused}})
  when Now - Last >= ?CALM ->
    {{over, (Last - Since) div 1000, Entered, Refused}, new()};
look(Waiting, _, Now, #storm{report = Due, entered = {Entered, In}, refused = {Refused, Out}} = Storm)
  when Now >= Due, Waiting > 0 ->
    {{goes_on, Waiting, Entered, Refused},
     Storm#storm{last = Now, report = Now + ?REPORT, entered = {0, In}, refused = {0, Out}}};
look(0, _, _, Storm) ->
    {none, Storm};
look(_, _, Now, Storm) ->
    {none, Storm#storm{last = Now}}.

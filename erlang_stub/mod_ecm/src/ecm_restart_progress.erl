%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc How far a long work is, and how long it will go on. Pure: times are in milliseconds.

-module(ecm_restart_progress).

-export([new/2, seconds/2, text/3, wait/2]).
-export_type([progress/0]).

%% Milliseconds between two words about it.
-define(INTERVAL, 5000).

-record(progress, {all :: non_neg_integer(), began :: integer(), said :: integer()}).

-opaque progress() :: #progress{}.

%% @doc Begins a work on so many sessions.
-spec new(All :: non_neg_integer(), Now :: integer()) -> progress().
new(All, Now) ->
    #progress{all = All, began = Now, said = Now}.

%% @doc Returns the milliseconds until there is something to say.
-spec wait(Now :: integer(), progress()) -> non_neg_integer().
wait(Now, #progress{said = Said}) ->
    max(0, Said + ?INTERVAL - Now).

%% @doc Returns what to say of it now, if it is time.
-spec text(Done :: non_neg_integer(), Now :: integer(), progress()) -> {iolist(), progress()} | none.
text(Done, Now, #progress{all = All, began = Began} = Progress) ->
    case wait(Now, Progress) of
        0 -> {io_lib:format("~B of ~B sessions~s", [Done, All, left(Done, All, Now - Began)]),
              Progress#progress{said = Now}};
        _ -> none
    end.

-spec left(non_neg_integer(), non_neg_integer(), non_neg_integer()) -> iolist().
left(Done, All, Spent) when Done > 0, All >= Done ->
    io_lib:format(", some ~B seconds to go", [(All - Done) * Spent div Done div 1000 + 1]);
left(_, _, _) ->
    "".

%% @doc Returns how long it has taken so far, as text.
-spec seconds(Now :: integer(), progress()) -> iolist().
seconds(Now, #progress{began = Began}) ->
    io_lib:format("~.1f seconds", [(Now - Began) / 1000]).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The one timer of a process, for what is due next. It sends `{timeout, Reference, ecm}'.

-module(ecm_timer).

-export([set/2]).
-export_type([timer/0]).

%% Times are milliseconds of the monotonic clock.
-type timer() :: none | {reference(), Due :: integer()}.

%% @doc Has the timer fire at another time, or not at all.
-spec set(Due :: integer() | infinity, timer()) -> timer().
set(Due, {_, Due} = Timer) ->
    Timer;
set(Due, {Reference, _}) ->
    _ = erlang:cancel_timer(Reference, [{async, true}, {info, false}]),
    set(Due, none);
set(infinity, none) ->
    none;
set(Due, none) ->
    {erlang:start_timer(Due, self(), ecm, [{abs, true}]), Due}.

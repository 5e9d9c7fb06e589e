%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The one timer of a process, for its next deadline. It sends `{timeout, Reference, ecm}', and may do
%% so too early. Then it must be set again.

-module(ecm_c2s_timer).

-export([set/2]).
-export_type([timer/0]).

%% Milliseconds that a timer may be early. The deadline of a busy session moves with each message; a wake-up
%% for nothing from time to time costs less than to move the timer as often. With the usual times, an idle
%% session is not woken up: its next deadline is earlier, or much later.
-define(SLACK, 60000).

%% Times are milliseconds of the monotonic clock.
-type timer() :: none | {reference(), Due :: integer()}.

%% @doc Sets the timer for this deadline, or stops it.
-spec set(Due :: integer() | infinity, timer()) -> timer().
set(Due, {_, Set} = Timer) when Set =< Due, Due - Set =< ?SLACK ->
    Timer;
set(Due, {Reference, _}) ->
    _ = erlang:cancel_timer(Reference, [{async, true}, {info, false}]),
    set(Due, none);
set(infinity, none) ->
    none;
set(Due, none) ->
    {erlang:start_timer(Due, self(), ecm, [{abs, true}]), Due}.

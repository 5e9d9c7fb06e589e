%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The one timer of a process, for what is due next. It sends `{timeout, Reference, ecm}', and
%% may do so too early: then it has to be set again.

-module(ecm_c2s_timer).

-export([set/2]).
-export_type([timer/0]).

%% Milliseconds that a timer may be early. A session that talks has its deadline moved with each
%% message; to be woken once in a while for nothing costs less than to move the timer as often. With
%% the usual times one that does nothing is not woken: its next deadline is nearer, or far off.
-define(SLACK, 60000).

%% Times are milliseconds of the monotonic clock.
-type timer() :: none | {reference(), Due :: integer()}.

%% @doc Has the timer fire in time for what is due then, or not at all.
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

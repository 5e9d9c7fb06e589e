%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The one timer of a process, for its next deadline. It sends `{timeout, Key, ecm}', and may do so too
%% early. Then it must be set again.
%%
%% A deadline that is far away is a row of a table (ecm_c2s_timeouts), and a near one a timer of Erlang's.

-module(ecm_c2s_timer).

-export([is_over/2, set/2]).
-export_type([key/0, timer/0]).

%% Milliseconds that a timer may be early. The deadline of a busy session moves with each message; a wake-up
%% for nothing from time to time costs less than to move the timer as often. With the usual times, an idle
%% session is not woken up: its next deadline is earlier, or much later.
-define(SLACK, 60000).

-type key() :: reference() | ecm_c2s_timeouts:slot().

%% Times are milliseconds of the monotonic clock.
-type timer() :: none | {reference() | far, Due :: integer()}.

%% @doc Sets the timer for this deadline, or stops it.
-spec set(Due :: integer() | infinity, timer()) -> timer().
set(Due, {_, Set} = Timer) when Set =< Due, Due - Set =< ?SLACK ->
    Timer;
set(Due, {far, Set}) ->
    ok = ecm_c2s_timeouts:remove(Set),
    set(Due, none);
set(Due, {Reference, _}) ->
    _ = erlang:cancel_timer(Reference, [{async, true}, {info, false}]),
    set(Due, none);
set(infinity, none) ->
    none;
set(Due, none) ->
    case ecm_c2s_timeouts:add(Due) of
        true -> {far, Due};
        false -> {erlang:start_timer(Due, self(), ecm, [{abs, true}]), Due}
    end.

%% @doc Returns whether a message with this key is that of this timer, and not of one that was stopped.
-spec is_over(key(), timer()) -> boolean().
is_over(Key, {far, Due}) -> Key =:= ecm_c2s_timeouts:slot(Due);
is_over(Key, {Reference, _}) -> Key =:= Reference;
is_over(_, none) -> false.

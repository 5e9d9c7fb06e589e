%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc No body takes more than linear time, or much more than a usual one, and nothing grows. Time is
%% counted in reductions of the Erlang machine, so it is the same on any computer.

-module(ecm_linear_tests).

-include_lib("eunit/include/eunit.hrl").

-define(SHORT, 64000).
-define(LONG, 256000).

%% Sorting is a little more than linear, and reductions are not quite the same each time.
-define(TIMES_LONGER, 4 * 1.4).

%% For each byte. Small elements take 5, text takes 1.
-define(REDUCTIONS, 30).

%% The usual growth: a namespace for each message.
-define(GROWTH, 1.6).

linear_test_() ->
    {setup, fun() -> {ok, _} = application:ensure_all_started(xmpp) end,
     [{Name, {timeout, 600, fun() -> is_linear(Make) end}}
      || {Name, Make} <- ecm_hostile:shapes()]}.

is_linear(Make) ->
    Body = Make(?LONG),
    {Short, Long, Result} = measured(Make(?SHORT), Body, 4),
    ?assert(Long =< ?TIMES_LONGER * max(Short, ?SHORT)),
    ?assert(Long =< ?REDUCTIONS * byte_size(Body)),
    ?assert(is_atom(Result) orelse Result =< ?GROWTH * byte_size(Body)).

%% Garbage collection counts, too, and falls differently each time: what looks like too much is measured again.
measured(Short, Long, Times) ->
    {Less, _} = ecm_hostile:work(Short),
    {More, Result} = ecm_hostile:work(Long),
    case Times > 1 andalso More > ?TIMES_LONGER * max(Less, ?SHORT) of
        true -> measured(Short, Long, Times - 1);
        false -> {Less, More, Result}
    end.

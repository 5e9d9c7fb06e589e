%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_idle_tests).

-include_lib("eunit/include/eunit.hrl").

-define(KEY, ecm_c2s_hibernate).

idle_test_() ->
    {foreach, fun() -> erase(?KEY) end, fun(_) -> erase(?KEY) end,
     [{Name, Test}
      || {Name, Test} <- [{"a session hibernates at once", fun at_once/0},
                          {"one with a long state does nothing first for a while", fun long/0},
                          {"one that never hibernates does not for that", fun never/0}]]}.

at_once() ->
    ?assertEqual({hibernate, none}, ecm_c2s_idle:next(none, 0)),
    packed(65536),
    ?assertEqual({hibernate, none}, ecm_c2s_idle:next(none, 0)).

%% Each message of its client would have it unpacked and packed again.
long() ->
    packed(200 * 1024),
    {wait, Timer} = ecm_c2s_idle:next(none, 0),
    Left = erlang:cancel_timer(Timer),
    ?assert(is_integer(Left) andalso Left =< 200),
    ?assertEqual({hibernate, none}, ecm_c2s_idle:next(due, 0)).

never() ->
    packed(200 * 1024),
    ?assertEqual({wait, none}, ecm_c2s_idle:next(none, infinity)).

%% The calling process is a session that has woken up with a state of so many bytes.
packed(Bytes) ->
    put(?KEY, {#{}, [], [template | binary:copy(<<0>>, Bytes)]}).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The key of the SIDs, in Mnesia's memory.

-module(ecm_sid_key_tests).

-include_lib("eunit/include/eunit.hrl").

%% Each listener starts it, and sessions of all of them have SIDs.
the_key_is_made_once_test_() ->
    {setup, fun ecm_tables:start/0, fun ecm_tables:stop/1, fun made_once/0}.

made_once() ->
    ok = ecm_sid_key:start(),
    Key = ecm_sid_key:get(),
    ok = ecm_sid_key:start(),
    ?assertEqual(Key, ecm_sid_key:get()),
    Sid = ecm_sid:make(Key, self(), 4711),
    ?assertEqual({ok, self(), 4711}, ecm_sid:find(ecm_sid_key:get(), Sid)).

%% Of a release to come, which leaves the row of this one as it is.
rows_of_other_forms_are_left_alone_test_() ->
    {setup, fun ecm_tables:start/0, fun ecm_tables:stop/1, fun left_alone/0}.

left_alone() ->
    ok = ecm_sid_key:start(),
    Key = ecm_sid_key:get(),
    New = {ecm_sid_key, {sid, 2}, new},
    ok = mnesia:dirty_write(New),
    ecm_log:start(),
    ok = ecm_sid_key:start(),
    [{warning, Line}] = [Logged || {warning, _} = Logged <- ecm_log:lines()],
    ?assertMatch({match, _}, re:run(Line, "a key that this release does not know \\(\\[{sid,2}\\]\\)")),
    ?assertEqual(Key, ecm_sid_key:get()),
    ?assertEqual([New], mnesia:dirty_read(ecm_sid_key, {sid, 2})).

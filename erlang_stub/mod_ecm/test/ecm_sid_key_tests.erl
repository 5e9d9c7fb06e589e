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

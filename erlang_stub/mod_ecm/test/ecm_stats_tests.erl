%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Counters of the node, and the last errors of sessions.

-module(ecm_stats_tests).

-include_lib("eunit/include/eunit.hrl").

stats_test_() ->
    {setup, fun start/0, fun stop/1,
     [{Name, Test} || {Name, Test} <- [{"counts", fun counts/0}, {"unknown names", fun drops_unknown/0},
                                       {"errors", fun remembers_errors/0}, {"many", fun forgets_many/0}]]}.

start() ->
    ok = ecm_stats:start(),
    Before = persistent_term:get(ecm_stats),
    ok = ecm_stats:start(),
    ?assertEqual(Before, persistent_term:get(ecm_stats)),
    spawn(fun() -> ecm_stats:new_table(), receive stop -> ok end end).

stop(Table) ->
    Monitor = monitor(process, Table),
    Table ! stop,
    receive {'DOWN', Monitor, process, Table, _} -> ok end,
    persistent_term:erase(ecm_stats).

counts() ->
    Before = ecm_stats:numbers(),
    ?assertEqual(lists:sort(ecm_stats:names()), lists:sort(maps:keys(Before))),
    lists:foreach(fun ecm_stats:count/1, ecm_stats:names()),
    ok = ecm_stats:count(online, 5),
    ok = ecm_stats:created(strophe),
    ok = ecm_stats:ended(inactivity),
    More = #{online => 6, {created, strophe} => 2, {ended, inactivity} => 2},
    ?assertEqual(maps:map(fun(Name, Was) -> Was + maps:get(Name, More, 1) end, Before), ecm_stats:numbers()).

drops_unknown() ->
    Before = ecm_stats:numbers(),
    ok = ecm_stats:count({created, netscape}),
    ?assertEqual(Before, ecm_stats:numbers()).

remembers_errors() ->
    await_table(),
    ?assertEqual([], ecm_stats:errors(self())),
    [ok = ecm_stats:error(Cause, other) || Cause <- [auth, auth, auth, rid_old, rid_gap, too_long]],
    ?assertMatch([{too_long, Time}, {rid_gap, _}, {rid_old, _}, {auth, _}, {auth, _}] when Time > 1600000000,
                 ecm_stats:errors(self())).

forgets_many() ->
    await_table(),
    true = ets:insert(ecm_stats, [{Number, []} || Number <- lists:seq(1, 10000)]),
    ok = ecm_stats:error(auth, other),
    ?assertMatch([{auth, _}], ecm_stats:errors(self())),
    ?assertEqual(1, ets:info(ecm_stats, size)).

await_table() ->
    ets:info(ecm_stats, size) =/= undefined orelse await_table().

without_a_table_or_counters_nothing_fails_test() ->
    _ = persistent_term:erase(ecm_stats),
    ?assertEqual(#{}, ecm_stats:numbers()),
    ok = ecm_stats:error(auth, other),
    ?assertEqual([], ecm_stats:errors(self())).

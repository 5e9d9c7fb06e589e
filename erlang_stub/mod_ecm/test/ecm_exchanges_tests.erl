%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_exchanges_tests).

-include_lib("eunit/include/eunit.hrl").

nothing_is_in_flight_at_first_test() ->
    ?assertEqual(0, ecm_exchanges:size(ecm_exchanges:new())),
    ?assertEqual(error, ecm_exchanges:find(7, ecm_exchanges:new())).

an_exchange_is_found_until_it_has_ended_test() ->
    {First, Second} = {make_ref(), make_ref()},
    Both = both({8, Second}, {7, First}),
    ?assertEqual(2, ecm_exchanges:size(Both)),
    ?assertEqual({ok, pid(1)}, ecm_exchanges:find(7, Both)),
    ?assertEqual({ok, pid(2)}, ecm_exchanges:find(8, Both)),
    {Id, One} = ecm_exchanges:ended(First, Both),
    ?assertEqual(7, Id),
    ?assertEqual(error, ecm_exchanges:find(7, One)),
    ?assertEqual({ok, pid(2)}, ecm_exchanges:find(8, One)),
    ?assertEqual({8, ecm_exchanges:new()}, ecm_exchanges:ended(Second, One)).

a_connection_belongs_to_its_newest_exchange_test() ->
    {Older, Newer} = {make_ref(), make_ref()},
    Both = both({7, Newer}, {7, Older}),
    ?assertEqual({ok, pid(2)}, ecm_exchanges:find(7, Both)),
    ?assertEqual(2, ecm_exchanges:size(Both)),
    {none, One} = ecm_exchanges:ended(Older, Both),
    ?assertEqual({ok, pid(2)}, ecm_exchanges:find(7, One)),
    ?assertEqual({7, ecm_exchanges:new()}, ecm_exchanges:ended(Newer, One)).

the_older_exchange_may_end_last_test() ->
    {Older, Newer} = {make_ref(), make_ref()},
    Both = both({7, Newer}, {7, Older}),
    {7, One} = ecm_exchanges:ended(Newer, Both),
    ?assertEqual(error, ecm_exchanges:find(7, One)),
    ?assertEqual({none, ecm_exchanges:new()}, ecm_exchanges:ended(Older, One)).

an_unknown_monitor_changes_nothing_test() ->
    One = ecm_exchanges:add(7, pid(1), make_ref(), ecm_exchanges:new()),
    ?assertEqual({none, One}, ecm_exchanges:ended(make_ref(), One)).

%% Two exchanges, with their connections and monitors: pid(2) is the newer one.
both({NewerId, Newer}, {OlderId, Older}) ->
    One = ecm_exchanges:add(OlderId, pid(1), Older, ecm_exchanges:new()),
    ecm_exchanges:add(NewerId, pid(2), Newer, One).

pid(Number) ->
    c:pid(0, 0, Number).

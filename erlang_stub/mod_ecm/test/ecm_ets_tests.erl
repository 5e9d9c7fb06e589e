%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A fold over a large table.

-module(ecm_ets_tests).

-include_lib("eunit/include/eunit.hrl").

each_row_comes_once_test() ->
    lists:foreach(fun(Size) ->
                          Rows = [{Number, value} || Number <- lists:seq(1, Size)],
                          ?assertEqual(Rows, lists:sort(ecm_ets:fold(fun keep/2, [], table(Rows))))
                  end,
                  [0, 1, 499, 500, 501, 1700]).

rows_of_one_key_come_once_too_test() ->
    Table = ets:new(?MODULE, [bag, public]),
    Rows = [{Number rem 7, Number} || Number <- lists:seq(1, 1700)],
    true = ets:insert(Table, Rows),
    ?assertEqual(lists:sort(Rows), lists:sort(ecm_ets:fold(fun keep/2, [], Table))).

rows_may_go_meanwhile_test() ->
    Rows = [{Number, value} || Number <- lists:seq(1, 1700)],
    Table = table(Rows),
    Seen = ecm_ets:fold(fun({Number, _} = Row, Found) -> ets:delete(Table, Number), [Row | Found] end, [], Table),
    ?assertEqual(Rows, lists:sort(Seen)),
    ?assertEqual(0, ets:info(Table, size)).

so_may_the_table_test() ->
    Table = table([{Number, value} || Number <- lists:seq(1, 1700)]),
    ?assertError(badarg, ecm_ets:fold(fun(_, First) -> First andalso ets:delete(Table), false end, true, Table)),
    ?assertError(badarg, ecm_ets:fold(fun keep/2, [], Table)).

the_table_is_as_before_test() ->
    Table = table([{1, value}]),
    ?assertError(why, ecm_ets:fold(fun(_, _) -> error(why) end, [], Table)),
    ?assertEqual([{1, value}], ecm_ets:fold(fun keep/2, [], Table)),
    ?assertEqual(false, ets:info(Table, safe_fixed)).

keep(Row, Rows) -> [Row | Rows].

table(Rows) ->
    Table = ets:new(?MODULE, [public, {write_concurrency, true}]),
    true = ets:insert(Table, Rows),
    Table.

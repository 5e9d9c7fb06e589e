%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A fold over a large ETS table, hundreds of rows at a time: ets:foldl/3, which goes from key to key, takes three
%% times as long for tables that change all the time.

-module(ecm_ets).

-export([fold/3]).

-define(ROWS, 500).

%% @doc Folds over the rows of a table of type set or bag, in any order. Rows that come or go meanwhile may be among
%% them. Raises badarg if there is no such table, or none any more.
-spec fold(fun((tuple(), Acc) -> Acc), Acc, ets:table()) -> Acc.
fold(Do, Acc, Table) ->
    true = ets:safe_fixtable(Table, true),
    try rows(Do, Acc, ets:select(Table, [{'_', [], ['$_']}], ?ROWS))
    after release(Table)
    end.

-spec rows(fun((tuple(), Acc) -> Acc), Acc, '$end_of_table' | {[tuple()], term()}) -> Acc.
rows(_, Acc, '$end_of_table') -> Acc;
rows(Do, Acc, {Rows, Next}) -> rows(Do, lists:foldl(Do, Acc, Rows), ets:select(Next)).

-spec release(ets:table()) -> true | gone.
release(Table) ->
    try ets:safe_fixtable(Table, false)
    catch error:badarg -> gone
    end.

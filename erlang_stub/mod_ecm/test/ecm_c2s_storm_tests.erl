%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_storm_tests).

-include_lib("eunit/include/eunit.hrl").

%% Nobody has waited for a second.
a_breeze_is_no_news_test() ->
    ?assertMatch([none, none], news([{5, 100, 0}, {0, 0, 1000}])),
    {_, Storm} = ecm_c2s_storm:look(5, 999, 0, ecm_c2s_storm:entered(ecm_c2s_storm:new())),
    ?assert(ecm_c2s_storm:is_calm(Storm)).

%% Its beginning, a line each ten seconds, and its end five seconds after the last one who has waited.
a_storm_has_few_lines_test() ->
    {Lines, End} = play([{look, 100, 1000, 1000}, entered, entered, {look, 98, 1900, 1900}, {refused, 3},
                         {look, 90, 9000, 10999}, {look, 90, 9001, 11000}, entered, {look, 1, 500, 12000},
                         {look, 0, 0, 16999}, {look, 0, 0, 17000}]),
    ?assertEqual([{begins, 100}, none, none, {goes_on, 90, 2, 3}, none, none, {over, 12, 3, 3}], Lines),
    ?assertEqual(ecm_c2s_storm:new(), End).

%% It goes on when somebody waits again before that.
a_pause_is_no_end_test() ->
    {Lines, Storm} = play([{look, 2, 1000, 1000}, {look, 0, 0, 3000}, {look, 1, 10, 5900}, {look, 0, 0, 6500},
                           {look, 0, 0, 10800}]),
    ?assertEqual([{begins, 2}, none, none, none, none], Lines),
    ?assertNot(ecm_c2s_storm:is_calm(Storm)),
    ?assertMatch({{over, 5, 0, 0}, _}, ecm_c2s_storm:look(0, 0, 10900, Storm)).

%% Even if nobody has waited for long: too many came at once.
who_is_refused_is_news_test() ->
    {Lines, _} = play([{refused, 1}, {look, 100, 50, 50}]),
    ?assertEqual([{begins, 100}], Lines).

news(Looks) ->
    {Lines, _} = play([{look, Waiting, Age, Now} || {Waiting, Age, Now} <- Looks]),
    Lines.

play(Steps) ->
    {Lines, Storm} = lists:foldl(fun step/2, {[], ecm_c2s_storm:new()}, Steps),
    {lists:reverse(Lines), Storm}.

step(entered, {Lines, Storm}) ->
    {Lines, ecm_c2s_storm:entered(Storm)};
step({refused, Number}, {Lines, Storm}) ->
    {Lines, ecm_c2s_storm:refused(Number, Storm)};
step({look, Waiting, Age, Now}, {Lines, Storm}) ->
    {Line, Next} = ecm_c2s_storm:look(Waiting, Age, Now, Storm),
    {[Line | Lines], Next}.

%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_pace_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [elements/1, integer/2, list/1, oneof/1]).

-define(LIMIT, 4).

as_many_as_the_limit_are_in_progress_test() ->
    ?assertEqual(?LIMIT, filled(new())),
    {Full, [First | _]} = fill(new()),
    ?assertEqual(false, ecm_c2s_pace:has_room(Full)),
    Less = ecm_c2s_pace:ended(First, busy, Full),
    ?assertEqual({true, 3}, {ecm_c2s_pace:has_room(Less), ecm_c2s_pace:size(Less)}).

%% Twice as many after each round, up to 32 times the limit.
idle_cores_make_room_test() ->
    Rounds = lists:foldl(fun(_, [Pace | _] = Paces) -> [round(idle, Pace) | Paces] end, [new()], lists:seq(1, 6)),
    ?assertEqual([4, 8, 16, 32, 64, 128, 128], [filled(Pace) || Pace <- lists:reverse(Rounds)]).

%% All of it goes in one round, where schedulers are busy, or nobody waits any more.
room_goes_again_test_() ->
    Wide = round(idle, round(idle, round(idle, new()))),
    [?_assertEqual({32, ?LIMIT}, {filled(Wide), filled(round(Load, Wide))}) || Load <- [busy, unwanted]].

%% Who is in progress stays so.
a_crowd_that_is_over_leaves_nothing_test() ->
    {Full, Pids} = fill(round(idle, round(idle, new()))),
    Calmed = ecm_c2s_pace:calmed(Full),
    ?assertEqual({16, false}, {ecm_c2s_pace:size(Calmed), ecm_c2s_pace:has_room(Calmed)}),
    Empty = lists:foldl(fun(Pid, Pace) -> ecm_c2s_pace:ended(Pid, unwanted, Pace) end, Calmed, Pids),
    ?assertEqual(?LIMIT, filled(Empty)).

a_lower_limit_holds_at_once_test() ->
    Wide = lists:foldl(fun(_, Pace) -> round(idle, Pace) end, new(), lists:seq(1, 6)),
    ?assertEqual(32, filled(ecm_c2s_pace:limit(1, Wide))).

%% Two seconds.
who_takes_its_time_is_not_counted_test() ->
    {Full, Pids} = fill(new()),
    ?assertEqual({[], Full}, ecm_c2s_pace:overdue(1999, busy, Full)),
    {Overdue, Next} = ecm_c2s_pace:overdue(2000, busy, Full),
    ?assertEqual({lists:sort(Pids), 0, ?LIMIT}, {lists:sort(Overdue), ecm_c2s_pace:size(Next), filled(Next)}),
    {_, Wide} = ecm_c2s_pace:overdue(2000, idle, Full),
    ?assertEqual(2 * ?LIMIT, filled(Wide)).

another_process_goes_on_test() ->
    [Opener, Session] = pids(2),
    Pace = ecm_c2s_pace:passed_on(Opener, Session, ecm_c2s_pace:begun(Opener, 0, new())),
    ?assertEqual([false, true], [ecm_c2s_pace:is_in_progress(Pid, Pace) || Pid <- [Opener, Session]]),
    ?assertMatch({[Session], _}, ecm_c2s_pace:overdue(2000, busy, Pace)).

the_age_is_that_of_a_login_in_progress_test() ->
    [Opener, Session, Stranger] = pids(3),
    Pace = ecm_c2s_pace:passed_on(Opener, Session, ecm_c2s_pace:begun(Opener, 100, new())),
    ?assertEqual([0, 30, 0], [ecm_c2s_pace:age(Pid, 130, Pace) || Pid <- [Opener, Session, Stranger]]).

who_is_not_in_progress_cannot_end_test() ->
    ?assertEqual(new(), ecm_c2s_pace:ended(self(), idle, new())).

%% Whatever happens, as many as the limit may be in progress, and never more than 32 times as many.
limits_hold_test_() ->
    Steps = list(oneof([begins, {ends, elements([busy, idle, unwanted])}, {passes, integer(0, 3000)}])),
    {timeout, 600, fun() -> ecm_property:holds(Steps, fun limits_hold/1, 1000, 20) end}.

limits_hold(Steps) ->
    {_, _, Pace} = lists:foldl(fun step/2, {0, [], new()}, Steps),
    Most = filled(Pace),
    Most >= ?LIMIT andalso Most =< 32 * ?LIMIT.

step(begins, {Now, Pids, Pace}) ->
    case ecm_c2s_pace:has_room(Pace) of
        true ->
            [Pid] = pids(1),
            {Now, [Pid | Pids], ecm_c2s_pace:begun(Pid, Now, Pace)};
        false ->
            true = ecm_c2s_pace:size(Pace) >= ?LIMIT,
            {Now, Pids, Pace}
    end;
step({ends, _}, {Now, [], Pace}) ->
    {Now, [], Pace};
step({ends, Load}, {Now, [Pid | Pids], Pace}) ->
    {Now, Pids, ecm_c2s_pace:ended(Pid, Load, Pace)};
step({passes, Time}, {Then, Pids, Before}) ->
    Now = Then + Time,
    {Overdue, Pace} = ecm_c2s_pace:overdue(Now, busy, Before),
    {Now, Pids -- Overdue, Pace}.

new() ->
    ecm_c2s_pace:limit(?LIMIT, ecm_c2s_pace:new()).

%% All that there is room for are in progress, and end.
round(Load, Pace) ->
    {Full, Pids} = fill(Pace),
    lists:foldl(fun(Pid, Before) -> ecm_c2s_pace:ended(Pid, Load, Before) end, Full, Pids).

filled(Pace) ->
    {Full, _} = fill(Pace),
    ecm_c2s_pace:size(Full).

fill(Pace) ->
    fill(ecm_c2s_pace:has_room(Pace), Pace, []).

fill(false, Pace, Pids) ->
    {Pace, Pids};
fill(true, Pace, Pids) ->
    [Pid] = pids(1),
    Next = ecm_c2s_pace:begun(Pid, 0, Pace),
    fill(ecm_c2s_pace:has_room(Next), Next, [Pid | Pids]).

pids(Number) ->
    [spawn(fun() -> ok end) || _ <- lists:seq(1, Number)].

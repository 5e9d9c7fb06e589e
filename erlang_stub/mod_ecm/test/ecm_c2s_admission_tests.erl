%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Admission control, with processes that stand for sessions.

-module(ecm_c2s_admission_tests).

-include_lib("eunit/include/eunit.hrl").

-export([client/0]).

-define(LIMITS, #{max_newcomers => 2, newcomer_rate => 1000}).
-define(PEER, {{192, 0, 2, 7}, 51234}).

admission_test_() ->
    {foreach, fun ecm_services:start/0, fun(_) -> ecm_services:stop() end,
     [fun(_) -> {Name, Test} end
      || {Name, Test} <- [{"refused", fun those_beyond_the_limit_are_refused/0},
                          {"login", fun who_logs_in_is_not_counted/0},
                          {"end", fun who_ends_is_not_counted/0},
                          {"failure", fun who_fails_to_log_in_is_counted/0},
                          {"handed over", fun a_session_that_goes_on_elsewhere_is_counted_once/0},
                          {"no address", fun who_has_no_address_is_not_counted/0},
                          {"log", fun the_log_has_few_lines/0},
                          {"excess", fun what_is_too_much_is_in_the_log/0},
                          {"last ones", fun the_log_is_complete/0},
                          {"nobody", fun where_nobody_can_be_asked_all_may_enter/0}]]}.

those_beyond_the_limit_are_refused() ->
    _ = [session(ok), session(ok)],
    session(refused),
    ?assertEqual(ok, ecm_c2s_admission:enter({{192, 0, 2, 8}, 51234}, ?LIMITS)).

who_logs_in_is_not_counted() ->
    One = session(ok),
    session(ok),
    session(refused),
    ok = tell(One, fun ecm_c2s_admission:leave/0),
    session(ok),
    session(refused),
    ?assertEqual(2, length(watched())).

who_fails_to_log_in_is_counted() ->
    One = session(ok),
    session(ok),
    ok = tell(One, fun fail_to_log_in/0),
    session(refused).

%% Also by a kill; and one that ends after it has logged in is not counted twice.
who_ends_is_not_counted() ->
    One = session(ok),
    Two = session(ok),
    session(refused),
    kill(One),
    ok = tell(Two, fun ecm_c2s_admission:leave/0),
    kill(Two),
    _ = [session(ok), session(ok)],
    session(refused).

a_session_that_goes_on_elsewhere_is_counted_once() ->
    Session = spawn(fun wait/0),
    Opener = session(ok),
    ok = tell(Opener, fun() -> ecm_c2s_admission:stay(Session, ?PEER) end),
    kill(Opener),
    session(ok),
    session(refused),
    kill(Session),
    session(ok),
    session(refused).

who_has_no_address_is_not_counted() ->
    [?assertEqual(ok, ecm_c2s_admission:enter({local, <<>>}, ?LIMITS)) || _ <- lists:seq(1, 10)],
    ok = ecm_c2s_admission:stay(self(), {local, <<>>}),
    ?assertEqual([], watched()).

the_log_has_few_lines() ->
    ecm_log:start(),
    _ = [session(ok), session(ok)],
    [session(refused) || _ <- lists:seq(1, 1000)],
    tick(),
    session(refused),
    tick(),
    tick(),
    session(refused),
    First = "New session from 192.0.2.7 refused: max_newcomers is 2 sessions of an address that have not "
            "logged in, newcomer_rate 1000 per second",
    ?assertEqual([First, "999 more new sessions refused in 10 seconds, the last one from 192.0.2.7",
                  "1 more new sessions refused in 10 seconds, the last one from 192.0.2.7", First],
                 [Text || {warning, Text} <- ecm_log:lines()]).

what_is_too_much_is_in_the_log() ->
    ecm_log:start(),
    [One, Two] = [session(ok), session(ok)],
    [ok = tell(Session, fun() -> ecm_c2s_admission:exceeded(Limit) end)
     || {Session, Limit} <- [{One, elements}, {Two, bytes}, {Two, bytes}]],
    tick(),
    ok = tell(Two, fun ecm_c2s_admission:leave/0),
    ok = tell(Two, fun() -> ecm_c2s_admission:exceeded(bytes) end),
    tick(),
    ok = tell(One, fun() -> ecm_c2s_admission:exceeded(bytes) end),
    _ = watched(),
    From = "Session from 192.0.2.7 ended before the login: a request exceeds ",
    ?assertEqual([From ++ "pre_auth_max_stanza_elements",
                  "2 more sessions ended before the login in 10 seconds for requests that exceed a limit, "
                  "the last one from 192.0.2.7",
                  From ++ "pre_auth_max_stanza_size"],
                 [Text || {warning, Text} <- ecm_log:lines()]).

%% All of the last refusals, though no session is left.
the_log_is_complete() ->
    ecm_log:start(),
    Sessions = [session(ok), session(ok)],
    [session(refused) || _ <- lists:seq(1, 4)],
    [kill(Session) || Session <- Sessions],
    tick(),
    ?assertMatch([_, {warning, "3 more new sessions refused " ++ _}], ecm_log:lines()).

tick() ->
    ecm_c2s_admission ! tick,
    _ = watched().

where_nobody_can_be_asked_all_may_enter() ->
    ecm_services:stop(),
    Sessions = [session(ok) || _ <- lists:seq(1, 5)],
    ok = tell(hd(Sessions), fun ecm_c2s_admission:leave/0).

%% A process that has entered, or was refused.
session(Expected) ->
    Session = spawn(fun wait/0),
    ?assertEqual(Expected, tell(Session, fun() -> ecm_c2s_admission:enter(?PEER, ?LIMITS) end)),
    Session.

wait() ->
    receive {From, Do} -> From ! {self(), Do()}, wait() end.

tell(Session, Do) ->
    Session ! {self(), Do},
    receive {Session, Result} -> Result end.

%% Of the session in the next one.
client() -> other.

%% The hook, in the process of a session.
fail_to_log_in() ->
    put(ecm_c2s_session, {?MODULE}),
    #{} = ecm_c2s:auth_result(#{}, {false, <<"not-authorized">>}, <<"alice">>),
    ok.

%% Returns once it has been counted.
kill(Session) ->
    Monitor = monitor(process, Session),
    exit(Session, kill),
    receive {'DOWN', Monitor, process, Session, _} -> watched() end.

watched() ->
    _ = sys:get_state(ecm_c2s_admission),
    ets:tab2list(ecm_c2s_admission).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The pace of logins, with processes that stand for sessions.

-module(ecm_c2s_logins_tests).

-include_lib("eunit/include/eunit.hrl").

-export([in_a_full_runtime/0]).

-define(LIMITS, #{max_logins => 2, max_waiting => 3, max_body => 1000}).

logins_test_() ->
    {foreach, fun start/0, fun(_) -> ecm_services:stop() end,
     [fun(_) -> {Name, Test} end
      || {Name, Test} <- [{"wait", fun those_beyond_the_limit_wait/0},
                          {"login", fun who_is_done_makes_room/0},
                          {"end", fun who_ends_makes_room/0},
                          {"handed over", fun a_login_that_goes_on_elsewhere_is_counted_once/0},
                          {"gone", fun who_goes_does_not_wait/0},
                          {"half-closed", fun who_may_be_gone_is_refused/0},
                          {"too many", fun too_many_of_an_address_are_refused/0},
                          {"fair", fun others_are_not_kept_waiting/0},
                          {"silent", fun who_never_logs_in_makes_room/0},
                          {"idle cores", fun idle_cores_let_more_in/0},
                          {"quick", fun quick_logins_let_more_in/0},
                          {"slow", fun slow_logins_keep_others_out_while_schedulers_are_busy/0},
                          {"attack", {timeout, 30, fun many_who_never_log_in_do_not_keep_others_out/0}},
                          {"priority", fun others_come_first/0},
                          {"calm", {timeout, 30, fun what_a_storm_has_left_is_forgotten/0}},
                          {"log", {timeout, 30, fun the_log_tells_of_a_storm/0}},
                          {"too long", fun what_will_be_refused_does_not_wait/0},
                          {"socket", fun who_has_no_address_waits_too/0},
                          {"nobody", fun where_nobody_paces_all_may_begin/0},
                          {"strange", fun strange_messages_change_nothing/0}]]}.

%% In a runtime of its own, which is full (tests/system/test_mod_ecm_eunit.py starts it): whose turn it is gets a 503.
in_a_full_runtime() ->
    [{module, _} = code:ensure_loaded(Module)
     || Module <- [ecm_c2s_waiting, ecm_c2s_pace, ecm_c2s_storm, ecm_c2s_newcomers, eunit_lib]],
    {ok, Logins} = ecm_c2s_logins:start_link(),
    fill(),
    comes(1),
    io:put_chars(atom_to_list(turn(1))),
    true = is_process_alive(Logins),
    erlang:halt().

fill() ->
    try spawn(fun wait/0) of
        _ -> fill()
    catch
        error:system_limit -> ok
    end.

%% The cores are busy, whatever the machine does.
start() ->
    ecm_services:start(),
    set_load(busy).

set_load(Load) ->
    _ = sys:replace_state(ecm_c2s_logins, fun(State) -> setelement(2, State, fun(_) -> Load end) end),
    ok.

those_beyond_the_limit_wait() ->
    _ = [begun(comes(N)) || N <- [1, 2]],
    comes(3),
    ?assertEqual(waits, now(3)).

who_is_done_makes_room() ->
    One = begun(comes(1)),
    _ = begun(comes(2)),
    _ = [comes(N) || N <- [3, 4]],
    ok = call(One, fun ecm_c2s_logins:done/0),
    begun(3),
    ?assertEqual(waits, now(4)),
    ok = call(One, fun ecm_c2s_logins:done/0),
    ecm_user:stop(One),
    ?assertEqual(waits, now(4)).

who_ends_makes_room() ->
    One = begun(comes(1)),
    _ = begun(comes(2)),
    comes(3),
    exit(One, kill),
    begun(3).

%% As in the router: a process begins a session, which goes on.
a_login_that_goes_on_elsewhere_is_counted_once() ->
    One = begun(comes(1)),
    _ = begun(comes(2)),
    _ = [comes(N) || N <- [3, 4]],
    [Session, Stranger] = [spawn(fun wait/0) || _ <- [1, 2]],
    ok = call(One, fun() -> ecm_c2s_logins:passed_on(Session) end),
    ecm_user:stop(One),
    ?assertEqual(waits, now(3)),
    ok = call(Session, fun ecm_c2s_logins:done/0),
    begun(3),
    ?assertEqual(waits, now(4)),
    ok = call(Stranger, fun() -> ecm_c2s_logins:passed_on(Session) end),
    ?assertEqual(waits, now(4)).

who_goes_does_not_wait() ->
    One = begun(comes(1)),
    _ = begun(comes(2)),
    _ = [comes(N) || N <- [3, 4]],
    tell(3, gone),
    ok = call(One, fun ecm_c2s_logins:done/0),
    begun(4),
    ?assertEqual(waits, now(3)).

who_may_be_gone_is_refused() ->
    _ = [begun(comes(N)) || N <- [1, 2]],
    comes(3),
    tell(3, half_closed),
    ?assertEqual(refused, turn(3)).

too_many_of_an_address_are_refused() ->
    _ = [begun(comes(N)) || N <- [1, 2]],
    _ = [comes(N) || N <- [3, 4, 5]],
    comes(6),
    ?assertEqual(refused, turn(6)),
    comes(7, {{192, 0, 2, 8}, 1}),
    ?assertEqual(waits, now(7)).

others_are_not_kept_waiting() ->
    [One, Two] = [begun(comes(N)) || N <- [1, 2]],
    _ = [comes(N) || N <- [3, 4, 5]],
    comes(6, {{192, 0, 2, 8}, 1}),
    _ = [ok = call(Pid, fun ecm_c2s_logins:done/0) || Pid <- [One, Two]],
    _ = [begun(N) || N <- [3, 6]],
    ?assertEqual(waits, now(4)).

%% After two seconds.
who_never_logs_in_makes_room() ->
    [One, _] = [begun(comes(N)) || N <- [1, 2]],
    comes(3),
    begun(3, 5000),
    ?assert(is_process_alive(One)).

%% One more with each login.
idle_cores_let_more_in() ->
    set_load(idle),
    [One, _] = [begun(comes(N)) || N <- [1, 2]],
    _ = [comes(N) || N <- [3, 4, 5]],
    ok = call(One, fun ecm_c2s_logins:done/0),
    [Three, _] = [begun(N) || N <- [3, 4]],
    ?assertEqual(waits, now(5)),
    set_load(busy),
    ok = call(Three, fun ecm_c2s_logins:done/0),
    ?assertEqual(waits, now(5)).

%% However many processes wait for a scheduler.
quick_logins_let_more_in() ->
    Load = load(),
    with_busy_schedulers(fun() -> ?assertEqual([idle, idle], [Load(Took) || Took <- [0, 50]]) end).

slow_logins_keep_others_out_while_schedulers_are_busy() ->
    Load = load(),
    with_busy_schedulers(fun() -> ?assertEqual([busy, busy], [Load(Took) || Took <- [51, infinity]]) end).

%% What the process asks when nobody has set it.
load() ->
    ecm_services:stop(),
    ecm_services:start(),
    element(2, sys:get_state(ecm_c2s_logins)).

with_busy_schedulers(Do) ->
    Pids = [spawn_link(fun spin/0) || _ <- lists:seq(1, 4 * erlang:system_info(schedulers_online))],
    try Do()
    after [begin unlink(Pid), exit(Pid, kill) end || Pid <- Pids]
    end.

spin() -> spin().

%% Sessions of a hundred addresses begin, and say nothing more. The cores are idle, so the room for others doubles each
%% two seconds.
many_who_never_log_in_do_not_keep_others_out() ->
    set_load(idle),
    Limits = #{max_logins => 8, max_waiting => 3, max_body => 1000},
    Silent = [comes(N, {{10, 0, 0, N}, 1}, Limits) || N <- lists:seq(1, 100)],
    comes(user, {{192, 0, 2, 7}, 1}, Limits),
    ?assertEqual(waits, now(user)),
    begun(user, 15000),
    ?assertEqual([], [N || N <- Silent, now(N) =:= waits]).

%% Than those who log in.
others_come_first() ->
    Pid = begun(comes(1)),
    ?assertEqual({priority, low}, process_info(Pid, priority)).

the_log_tells_of_a_storm() ->
    ecm_log:start(),
    Limits = #{max_logins => 2, max_waiting => 4, max_body => 1000},
    _ = [comes(N, {{192, 0, 2, 7}, 1}, Limits) || N <- lists:seq(1, 7)],
    ?assertEqual(refused, turn(7)),
    ?assertEqual("Login storm: 4 new sessions wait for their turn, 2 logins are in progress", logged()),
    _ = [call(begun(N), fun ecm_c2s_logins:done/0) || N <- lists:seq(1, 6)],
    ?assertEqual("Login storm: over after 0 seconds; 4 new sessions have begun, 1 were refused", logged()).

%% Two take too long at once, and make room for two more. One comes.
what_a_storm_has_left_is_forgotten() ->
    ecm_log:start(),
    set_load(idle),
    _ = [begun(comes(N)) || N <- [1, 2]],
    comes(3),
    ok = call(begun(3, 5000), fun ecm_c2s_logins:done/0),
    ?assertMatch("Login storm: 1 new session" ++ _, logged()),
    ?assertMatch("Login storm: over" ++ _, logged()),
    _ = [begun(comes(N)) || N <- [4, 5]],
    comes(6),
    ?assertEqual(waits, now(6)).

logged() ->
    receive {logged, info, Text} -> Text after 10000 -> error(silent) end.

what_will_be_refused_does_not_wait() ->
    ?assertEqual(error, ecm_c2s_logins:await_turn((newcomer(1, {local, <<>>}))#{bytes => 1001}, ?LIMITS, fun none/1)).

none(Pid) ->
    error({heard, Pid}).

who_has_no_address_waits_too() ->
    _ = [begun(comes(N, {local, <<>>})) || N <- [1, 2]],
    comes(3, {local, <<>>}),
    ?assertEqual(waits, now(3)).

where_nobody_paces_all_may_begin() ->
    ecm_services:stop(),
    ?assertEqual(error, ecm_c2s_logins:await_turn(newcomer(1, {local, <<>>}), ?LIMITS, fun none/1)),
    ?assertEqual({ok, ok}, {ecm_c2s_logins:done(), ecm_c2s_logins:passed_on(self())}).

strange_messages_change_nothing() ->
    ?assertEqual({error, badarg}, gen_server:call(ecm_c2s_logins, hello)),
    ecm_c2s_logins ! hello,
    tell(1, gone),
    _ = [begun(comes(N)) || N <- [1, 2]].

%% A newcomer, whose process tells the test of its turn, and waits.
comes(Name) ->
    comes(Name, {{192, 0, 2, 7}, 51234}).

comes(Name, Peer) ->
    comes(Name, Peer, ?LIMITS).

comes(Name, Peer, Limits) ->
    Test = self(),
    ok = ecm_c2s_logins:await_turn(newcomer(Name, Peer), Limits, fun(Pid) -> Test ! {hears, Pid} end),
    receive {hears, Pid} -> ?assertEqual(whereis(ecm_c2s_logins), Pid) end,
    Name.

newcomer(Name, Peer) ->
    Test = self(),
    #{key => {Test, Name}, from => Peer, bytes => 300,
      start => fun(Turn) -> Test ! {Name, Turn, self()}, Turn =:= begins andalso wait() end}.

%% The message of the link, once it is handled.
tell(Name, Departure) ->
    ecm_c2s:gone(whereis(ecm_c2s_logins), {self(), Name, 1000}, Departure),
    _ = sys:get_state(ecm_c2s_logins).

begun(Name) ->
    begun(Name, 1000).

begun(Name, Timeout) ->
    receive {Name, begins, Pid} -> Pid after Timeout -> error({waits, Name}) end.

turn(Name) ->
    receive {Name, refused, Pid} when node(Pid) =:= node() -> refused after 1000 -> error({waits, Name}) end.

now(Name) ->
    _ = sys:get_state(ecm_c2s_logins),
    receive {Name, Turn, _} -> Turn after 20 -> waits end.

wait() ->
    receive {From, Do} -> From ! {self(), Do()}, wait() end.

call(Pid, Do) ->
    Pid ! {self(), Do},
    receive {Pid, Result} -> Result end.

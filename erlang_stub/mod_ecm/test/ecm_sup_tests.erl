%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The supervised processes of a node, and what is left of their work when they are killed.

-module(ecm_sup_tests).

-include_lib("eunit/include/eunit.hrl").

-define(WORKERS, [ecm_link_heir, ecm_router_proxy, ecm_c2s_admission, ecm_c2s_logins, ecm_c2s_farewell,
                  ecm_c2s_place, ecm_c2s_offline, ecm_c2s_timeouts, ecm_c2s_too_long, ecm_evacuation, ecm_routes]).
-define(PEER, {{192, 0, 2, 7}, 51234}).

%% As several hosts and listeners do.
it_is_started_once_by_whoever_comes_first_test_() ->
    {setup, fun ecm_services:start_parent/0, fun(_) -> ecm_services:stop() end,
     fun() ->
             ?assertEqual([ok, ok], [ecm_sup:start(), ecm_sup:start()]),
             ?assertEqual([ecm_sup], [Id || {Id, _, _, _} <- children(ejabberd_gen_mod_sup)]),
             ?assertEqual(lists:sort(?WORKERS),
                          lists:sort([Id || {Id, Pid, _, _} <- children(ecm_sup),
                                            Pid =:= whereis(Id)]))
     end}.

children(Sup) ->
    supervisor:which_children(Sup).

%% With its workers, which go with it.
the_supervisor_is_supervised_test_() ->
    {setup, fun ecm_services:start_parent/0, fun(_) -> ecm_services:stop() end,
     fun() ->
             ok = ecm_sup:start(),
             Before = [whereis(Name) || Name <- ?WORKERS],
             _ = ecm_services:kill(ecm_sup),
             After = [whereis(Name) || Name <- ?WORKERS],
             ?assertEqual(2 * length(?WORKERS), length(lists:usort(Before ++ After))),
             ?assert(lists:all(fun is_pid/1, After))
     end}.

%% A worker of a supervisor that was killed may end later than that.
the_supervisor_awaits_the_end_of_former_workers_test_() ->
    {setup, fun ecm_services:start_parent/0, fun(_) -> ecm_services:stop() end,
     fun() ->
             Former = [spawn(fun() -> receive never -> ok end end) || _ <- ?WORKERS],
             true = lists:all(fun({Name, Pid}) -> register(Name, Pid) end, lists:zip(?WORKERS, Former)),
             ok = ecm_sup:start(),
             ?assertEqual([], [Name || Name <- ?WORKERS,
                                       lists:member(whereis(Name), [undefined | Former])])
     end}.

%% As a link finds out from time to time, when the supervisor of ejabberd's modules has ended.
a_link_starts_the_supervisor_again_test_() ->
    {setup, fun ecm_services:start_parent/0, fun(_) -> ecm_services:stop() end,
     fun() ->
             ok = ecm_sup:start(),
             {_, Link} = Opened = ecm_link_pair:open(#{services => fun ecm_sup:start/0}),
             ok = ecm_services:start_parent(ejabberd_gen_mod_sup),
             ?assertEqual(undefined, whereis(ecm_sup)),
             _ = [Link ! tick || _ <- lists:seq(1, 30)],
             ecm_link_pair:await(fun() -> is_pid(whereis(ecm_c2s_farewell)) end),
             ecm_link_pair:close(Opened)
     end}.

a_killed_worker_comes_back_with_its_work_test_() ->
    {foreach, fun ecm_services:start/0, fun(_) -> ecm_services:stop() end,
     [fun(_) -> {Name, Test} end
      || {Name, Test} <-
             [{"farewell", fun what_clients_are_to_be_told_stays/0},
              {"sweep", fun what_is_old_is_forgotten/0},
              {"admission", fun who_has_not_logged_in_stays_counted/0},
              {"login", fun who_logs_in_meanwhile_is_not_counted/0},
              {"heir", fun links_name_the_new_heir/0},
              {"heir before the link is up", fun a_link_that_comes_up_later_names_it/0},
              {"proxy", fun requests_of_other_nodes_arrive/0}]]}.

what_clients_are_to_be_told_stays() ->
    ok = ecm_c2s_farewell:leave(1, 200, <<"why">>, 60000),
    _ = ecm_services:kill(ecm_c2s_farewell),
    ?assertEqual({200, <<"why">>}, farewell(1)).

farewell(Nonce) ->
    ecm_c2s_farewell:answer(self(), Nonce, {self(), 7, 1000}),
    receive {answer, 7, Head, Body} -> {Head, Body} end.

what_is_old_is_forgotten() ->
    ok = ecm_c2s_farewell:leave(1, 200, <<"why">>, -1),
    New = ecm_services:kill(ecm_c2s_farewell),
    New ! sweep,
    _ = sys:get_state(New),
    ?assertNotEqual({200, <<"why">>}, farewell(1)).

%% Until they end.
who_has_not_logged_in_stays_counted() ->
    [First | _] = [entered(ok) || _ <- [first, second]],
    _ = ecm_services:kill(ecm_c2s_admission),
    _ = entered(refused),
    ecm_user:stop(First),
    _ = sys:get_state(ecm_c2s_admission),
    _ = entered(ok),
    entered(refused).

%% Its message is lost, with the process that it is for.
who_logs_in_meanwhile_is_not_counted() ->
    [First | _] = [entered(ok) || _ <- [first, second]],
    Old = whereis(ecm_c2s_admission),
    ok = sys:suspend(Old),
    ok = call(First, fun ecm_c2s_admission:leave/0),
    exit(Old, kill),
    _ = ecm_services:await_another(ecm_c2s_admission, Old),
    _ = entered(ok),
    entered(refused).

entered(Expected) ->
    Session = spawn(fun serve/0),
    Limits = #{max_newcomers => 2, newcomer_rate => 1000},
    ?assertEqual(Expected, call(Session, fun() -> ecm_c2s_admission:enter(?PEER, Limits) end)),
    Session.

serve() ->
    receive {From, Do} -> From ! {self(), Do()}, serve() end.

call(Session, Do) ->
    Session ! {self(), Do},
    receive {Session, Result} -> Result end.

links_name_the_new_heir() ->
    {_, Link} = Opened = ecm_link_pair:open(#{request => ecm_link_pair:gives(self())}),
    Exchange = asked(Opened),
    _ = ecm_services:kill(ecm_link_heir),
    ends(Link, Exchange),
    ecm_link_pair:close(Opened).

a_link_that_comes_up_later_names_it() ->
    {_, Link} = Opened = ecm_link_pair:open(#{request => ecm_link_pair:gives(self())}),
    _ = ecm_services:kill(ecm_link_heir),
    ends(Link, asked(Opened)),
    ecm_link_pair:close(Opened).

asked(Opened) ->
    ecm_link_pair:send(Opened, 7, <<"request">>),
    receive {request, _, Exchange} -> Exchange end.

%% A killed link cannot tell anybody itself.
ends(Link, Exchange) ->
    _ = ecm_link:info(Link),  % what came before has been dealt with
    exit(Link, kill),
    killed = ecm_link_pair:reason_of_exit(Link),
    ?assertEqual(Exchange, receive {gone, Gone} -> Gone end).

requests_of_other_nodes_arrive() ->
    _ = ecm_services:kill(ecm_router_proxy),
    Exchange = {self(), 7, 1000},
    ok = ecm_router_proxy:request(self(), 4711, {violates, <<"bad-request">>}, Exchange),
    ?assertEqual({request, 4711, {violates, <<"bad-request">>}, Exchange},
                 receive {ecm, Given} -> Given end).

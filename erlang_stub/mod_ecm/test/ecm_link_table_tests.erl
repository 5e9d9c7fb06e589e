%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The table of the requests of a link.

-module(ecm_link_table_tests).

-include_lib("eunit/include/eunit.hrl").

a_request_is_in_flight_until_it_is_answered_test() ->
    Table = ecm_link_table:new(),
    ok = ecm_link_table:add(7, self(), Table),
    ok = ecm_link_table:add(8, self(), Table),
    ?assertEqual(2, ecm_link_table:size(Table)),
    ok = ecm_link_table:remove(7, Table),
    ok = ecm_link_table:remove(7, Table),
    ?assertEqual([{8, self()}], ecm_link_table:all(Table)).

the_next_request_of_a_connection_takes_its_place_test() ->
    Table = ecm_link_table:new(),
    Next = dead(),
    ok = ecm_link_table:add(7, self(), Table),
    ok = ecm_link_table:add(7, Next, Table),
    ?assertEqual([{7, Next}], ecm_link_table:all(Table)).

a_request_is_taken_out_once_test() ->
    Table = ecm_link_table:new(),
    ok = ecm_link_table:add(7, self(), Table),
    ?assertEqual({ok, self()}, ecm_link_table:find(7, Table)),
    ?assertEqual({ok, self()}, ecm_link_table:take(7, Table)),
    ?assertEqual(error, ecm_link_table:find(7, Table)),
    ?assertEqual(error, ecm_link_table:take(7, Table)).

only_the_request_of_this_session_is_removed_test() ->
    Table = ecm_link_table:new(),
    ok = ecm_link_table:add(7, self(), Table),
    ?assertNot(ecm_link_table:remove(7, dead(), Table)),
    ?assertNot(ecm_link_table:remove(8, self(), Table)),
    ?assertEqual(1, ecm_link_table:size(Table)),
    ?assert(ecm_link_table:remove(7, self(), Table)),
    ?assertEqual(0, ecm_link_table:size(Table)).

orphans_are_those_whose_session_has_ended_test() ->
    Table = ecm_link_table:new(),
    Dead = dead(),
    ok = ecm_link_table:add(7, self(), Table),
    [ok = ecm_link_table:add(Id, Dead, Table) || Id <- [8, 9]],
    ?assertEqual([{8, Dead}, {9, Dead}], lists:sort(ecm_link_table:orphans(Table))),
    ?assertEqual(3, ecm_link_table:size(Table)).

%% Of a node that this one is not connected to, as told by the external term format: NEW_PID_EXT.
a_session_goes_with_its_node_test() ->
    Node = <<"gone@chat.example">>,
    Elsewhere = binary_to_term(<<131, 88, 119, (byte_size(Node)), Node/binary, 1:32, 0:32, 1:32>>),
    ?assertNotEqual(node(), node(Elsewhere)),
    ?assert(ecm_link_table:is_dead(Elsewhere)),
    ?assert(ecm_link_table:is_dead(dead())),
    ?assertNot(ecm_link_table:is_dead(self())).

%% The process that begins a session may be late, and so may the one that looks for orphans.
the_table_goes_with_its_link_test() ->
    Test = self(),
    {Link, Monitor} = spawn_monitor(fun() -> Test ! {table, ecm_link_table:new()} end),
    Table = receive {table, Made} -> Made end,
    receive {'DOWN', Monitor, process, Link, _} -> ok end,
    ?assertEqual(ok, ecm_link_table:add(7, self(), Table)),
    ?assertEqual([], ecm_link_table:orphans(Table)).

%% Unless the client has gone, or the link.
a_request_is_passed_on_test() ->
    Table = ecm_link_table:new(),
    ok = ecm_link_table:add(7, self(), Table),
    Other = dead(),
    ?assertEqual(true, ecm_link_table:pass_on(7, Other, Table)),
    ?assertEqual([{7, Other}], ecm_link_table:all(Table)),
    ?assertEqual(false, ecm_link_table:pass_on(8, Other, Table)),
    ok = ecm_link_table:delete(Table),
    ?assertEqual(false, ecm_link_table:pass_on(7, Other, Table)).

%% Who notes a request before he hands it over finds nothing left of it once it is answered,
%% however many do so at the same time.
nothing_is_left_of_requests_that_are_answered_test() ->
    Table = ecm_link_table:new(),
    {Writer, Monitor} = spawn_monitor(fun() -> remove_all(10000, Table) end),
    [spawn(fun() -> ask(Id, Writer, Table) end) || Id <- lists:seq(1, 10000)],
    receive {'DOWN', Monitor, process, Writer, normal} -> ok end,
    ?assertEqual([], ecm_link_table:all(Table)).

ask(Id, Writer, Table) ->
    ecm_link_table:add(Id, self(), Table),
    Writer ! {answer, Id}.

remove_all(0, _) ->
    ok;
remove_all(Left, Table) ->
    receive {answer, Id} -> ecm_link_table:remove(Id, Table) end,
    remove_all(Left - 1, Table).

dead() ->
    {Pid, Monitor} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Monitor, process, Pid, _} -> Pid end.

the_heir_has_it_when_its_owner_is_killed_test() ->
    Heir = self(),
    Owner = spawn(fun() ->
                          Table = ecm_link_table:new(),
                          ok = ecm_link_table:add(7, Heir, Table),
                          ok = ecm_link_table:leave_to(Heir, data, Table),
                          exit(self(), kill)
                  end),
    Left = receive {'ETS-TRANSFER', Given, Owner, data} -> Given end,
    ?assertEqual([{7, self()}], ecm_link_table:all(Left)),
    ok = ecm_link_table:delete(Left),
    ?assertEqual(undefined, ets:info(Left)).

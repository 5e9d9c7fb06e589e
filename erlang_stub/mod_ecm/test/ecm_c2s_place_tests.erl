%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The places of sessions that have moved, and their rows in ejabberd's table, on one node. Clusters are in
%% tests/system.

-module(ecm_c2s_place_tests).

-include_lib("eunit/include/eunit.hrl").
-include_lib("ejabberd/include/ejabberd_sm.hrl").

-define(HOST, <<"chat.example">>).
-define(USR, {<<"juliet">>, ?HOST, <<"balcony">>}).

places_test_() ->
    {foreach, fun ecm_services:start/0, fun(_) -> ecm_services:stop() end,
     [fun(_) -> {Name, Test} end
      || {Name, Test} <- [{"a session that has moved", fun it_is_found/0},
                          {"one that has ended", fun it_is_forgotten/0},
                          {"a node that is gone", fun its_places_are_forgotten/0},
                          {"a place of another node", fun what_is_told_is_known/0},
                          {"the process is killed", fun what_was_known_is_known/0},
                          {"it is killed after the end of a session", fun what_has_ended_is_forgotten/0},
                          {"an earlier place", fun an_earlier_place_is_not_believed/0},
                          {"a former process", fun where_it_has_gone/0}]]}.

%% The name stays that of the first process.
it_is_found() ->
    [First, Second, Third] = Processes = [ecm_services:start_named(Name) || Name <- [one, two, three]],
    [{One, _}, {Two, _}, {Three, _}] = [First, Second, Third],
    ?assertEqual({One, 7}, ecm_c2s_place:find(One, 7)),
    ?assertEqual({{One, 7}, 0}, ecm_c2s_place:name(One, 7)),
    ok = ecm_c2s_place:put_everywhere({{One, 7}, 1}, {Two, 8}),
    ?assertEqual({Two, 8}, ecm_c2s_place:find(One, 7)),
    ?assertEqual({One, 6}, ecm_c2s_place:find(One, 6)),
    {Name, 1} = ecm_c2s_place:name(Two, 8),
    ok = ecm_c2s_place:put_everywhere({Name, 2}, {Three, 9}),
    ?assertEqual({Three, 9}, ecm_c2s_place:find(One, 7)),
    lists:foreach(fun ecm_services:stop_named/1, Processes).

%% Some time after its end; not the place that it had before.
it_is_forgotten() ->
    {Two, _} = First = ecm_services:start_named(two),
    ok = ecm_c2s_place:put_everywhere({{self(), 7}, 1}, {Two, 8}),
    ecm_c2s_place ! {ended, {self(), 7}, self()},
    _ = sys:get_state(ecm_c2s_place),
    ?assertEqual({Two, 8}, ecm_c2s_place:find(self(), 7)),
    ecm_services:stop_named(First),
    _ = sys:get_state(ecm_c2s_place),
    ?assertEqual({Two, 8}, ecm_c2s_place:find(self(), 7)),
    ecm_c2s_place ! {ended, {self(), 7}, Two},
    _ = sys:get_state(ecm_c2s_place),
    _ = sys:get_state(ecm_c2s_place),
    ?assertEqual({self(), 7}, ecm_c2s_place:find(self(), 7)).

%% A process of another node.
elsewhere() ->
    {ok, Session, _} = ecm_sid:find(element(3, ecm_release_1:key_row()), ecm_release_1:sid()),
    Session.

its_places_are_forgotten() ->
    ok = ecm_c2s_place:put_everywhere({{self(), 7}, 1}, {elsewhere(), 8}),
    ok = ecm_c2s_place:put_everywhere({{self(), 9}, 1}, {self(), 10}),
    ecm_c2s_place ! {nodedown, node(elsewhere())},
    _ = sys:get_state(ecm_c2s_place),
    ?assertEqual({self(), 7}, ecm_c2s_place:find(self(), 7)),
    ?assertEqual({self(), 10}, ecm_c2s_place:find(self(), 9)).

what_is_told_is_known() ->
    gen_server:cast(ecm_c2s_place, {told, [{{self(), 7}, elsewhere(), 8, 1}]}),
    _ = sys:get_state(ecm_c2s_place),
    ?assertEqual({elsewhere(), 8}, ecm_c2s_place:find(self(), 7)).

%% It notices the end of a session from before.
what_was_known_is_known() ->
    {Two, _} = First = ecm_services:start_named(two),
    ok = ecm_c2s_place:put_everywhere({{self(), 7}, 1}, {Two, 8}),
    _ = ecm_services:kill(ecm_c2s_place),
    ?assertEqual({Two, 8}, ecm_c2s_place:find(self(), 7)),
    ?assertEqual({{self(), 7}, 1}, ecm_c2s_place:name(Two, 8)),
    ?assertEqual(none, due(Two)),
    ecm_services:stop_named(First),
    _ = sys:get_state(ecm_c2s_place),
    ?assert(is_integer(due(Two))).

%% When it is forgotten that a process has had a session.
due(Process) ->
    ets:lookup_element(ecm_c2s_place_names, Process, 4).

%% Its time goes on. One that ends meanwhile has all of it.
what_has_ended_is_forgotten() ->
    [{Two, _}, {Three, _}] = Both = [ecm_services:start_named(Name) || Name <- [two, three]],
    ok = ecm_c2s_place:put_everywhere({{self(), 7}, 1}, {Two, 8}),
    ok = ecm_c2s_place:put_everywhere({{self(), 9}, 1}, {Three, 10}),
    [Ended, EndsMeanwhile] = Both,
    ecm_services:stop_named(Ended),
    _ = sys:get_state(ecm_c2s_place),
    Due = due(Two),
    true = ets:update_element(ecm_c2s_place_names, Two, {4, erlang:monotonic_time(millisecond)}),
    ok = sys:suspend(ecm_c2s_place),
    ecm_services:stop_named(EndsMeanwhile),
    _ = ecm_services:kill(ecm_c2s_place),
    ecm_link_pair:await(fun() -> ecm_c2s_place:find(self(), 7) =:= {self(), 7} end),
    ?assertEqual([], ets:lookup(ecm_c2s_place_names, Two)),
    ?assertEqual({Three, 10}, ecm_c2s_place:find(self(), 9)),
    ?assert(due(Three) >= Due).

%% Whoever tells it later did not know of the next one.
an_earlier_place_is_not_believed() ->
    ok = ecm_c2s_place:put_everywhere({{self(), 7}, 3}, {elsewhere(), 8}),
    gen_server:cast(ecm_c2s_place, {told, [{{self(), 7}, self(), 9, 2}]}),
    ok = ecm_c2s_place:put_everywhere({{self(), 7}, 1}, {self(), 10}),
    ?assertEqual({elsewhere(), 8}, ecm_c2s_place:find(self(), 7)),
    gen_server:cast(ecm_c2s_place, {told, [{{self(), 7}, self(), 11, 4}]}),
    _ = sys:get_state(ecm_c2s_place),
    ?assertEqual({self(), 11}, ecm_c2s_place:find(self(), 7)).

%% Also from a process that was not the first, and has ended; until the place is not known any more.
where_it_has_gone() ->
    [First, {Two, _} = Second] = [ecm_services:start_named(Name) || Name <- [one, two]],
    {One, _} = First,
    ok = ecm_c2s_place:put_everywhere({{One, 7}, 1}, {Two, 8}),
    ?assertEqual({ok, {Two, 8}}, ecm_c2s_place:left(One, 7)),
    ?assertEqual(error, ecm_c2s_place:left(One, 6)),
    ?assertEqual(error, ecm_c2s_place:left(Two, 8)),
    ok = ecm_c2s_place:put_everywhere({{One, 7}, 2}, {elsewhere(), 9}),
    lists:foreach(fun ecm_services:stop_named/1, [First, Second]),
    ?assertEqual({ok, {elsewhere(), 9}}, ecm_c2s_place:left(Two, 8)),
    ?assertEqual(error, ecm_c2s_place:left(Two, 7)),
    ecm_c2s_place ! {nodedown, node(elsewhere())},
    _ = sys:get_state(ecm_c2s_place),
    ?assertEqual(error, ecm_c2s_place:left(Two, 8)).

%% The rows of ejabberd_sm.

rows_test_() ->
    {setup, fun start/0, fun stop/1,
     [fun a_row_moves_and_there_is_always_one/0, fun both_rows_are_one_resource/0, fun a_row_is_put_back/0]}.

start() ->
    {ok, _} = application:ensure_all_started(xmpp),
    Tables = ecm_tables:start(),
    {atomic, ok} = mnesia:create_table(session, [{ram_copies, [node()]}, {index, [usr, us]},
                                                 {attributes, record_info(fields, session)}]),
    {module, _} = code:ensure_loaded(ejabberd_sm_mnesia),
    {Tables, ecm_config:start([{sm_db_type, ?HOST, mnesia}])}.

stop({Tables, Config}) ->
    ecm_config:stop(Config),
    ecm_tables:stop(Tables).

row(Process, Priority) ->
    #session{sid = {{1, 2, 3}, Process}, usr = ?USR, us = {<<"juliet">>, ?HOST}, priority = Priority,
             info = [{carboncopy, a}]}.

state(Process) ->
    #{sid => {{1, 2, 3}, Process}, jid => jid:make(<<"juliet">>, ?HOST, <<"balcony">>)}.

%% With its own priority.
a_row_moves_and_there_is_always_one() ->
    Before = row(self(), 5),
    ok = mnesia:dirty_write(Before),
    Row = ecm_c2s_registration:row(state(self())),
    {ok, _} = mnesia:subscribe({table, session, detailed}),
    To = whereis(mnesia_sup),
    ok = ecm_c2s_registration:move(Row, self(), To),
    {ok, _} = mnesia:unsubscribe({table, session, detailed}),
    ?assertEqual([{write, row(To, 5)}, {delete, {{1, 2, 3}, self()}}], changes()),
    ?assertEqual([row(To, 5)], ets:tab2list(session)),
    ok = ecm_c2s_registration:remove(Row, To),
    ?assertEqual([], ets:tab2list(session)).

changes() ->
    receive
        {mnesia_table_event, {write, session, Row, _, _}} -> [{write, Row} | changes()];
        {mnesia_table_event, {delete, session, {session, Sid}, _, _}} -> [{delete, Sid} | changes()]
    after 0 ->
        []
    end.

%% What is sent to the user goes to all resources of the highest priority. This one is one of them while it moves, and
%% no more, whichever process is the greater one.
both_rows_are_one_resource() ->
    Window = #session{sid = {{1, 2, 2}, self()}, usr = {<<"juliet">>, ?HOST, <<"window">>}, us = {<<"juliet">>, ?HOST},
                      priority = 5, info = []},
    Rows = [Window, row(whereis(mnesia_sup), 5), row(self(), 5)],
    lists:foreach(fun mnesia:dirty_write/1, Rows),
    ?assertEqual([{5, <<"balcony">>}, {5, <<"window">>}],
                 lists:sort(ejabberd_sm:get_user_present_resources(<<"juliet">>, ?HOST))),
    lists:foreach(fun mnesia:dirty_delete_object/1, Rows).

%% If it is gone. A session that has not logged in has none.
a_row_is_put_back() ->
    ok = mnesia:dirty_write(row(self(), undefined)),
    Row = ecm_c2s_registration:row(state(self())),
    ok = ecm_c2s_registration:remove(Row, self()),
    ok = ecm_c2s_registration:restore(Row, self()),
    ok = ecm_c2s_registration:restore(Row, self()),
    ?assertEqual([row(self(), undefined)], ets:tab2list(session)),
    ?assertEqual(none, ecm_c2s_registration:row(#{})),
    ?assertEqual(none, ecm_c2s_registration:row(state(whereis(mnesia_sup)))),
    ok = ecm_c2s_registration:move(none, self(), self()).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The row of a session that changes its process, in ejabberd's table of sessions in memory.

-module(ecm_c2s_registration_tests).

-include_lib("eunit/include/eunit.hrl").
-include_lib("ejabberd/include/ejabberd_sm.hrl").

-define(HOST, <<"chat.example">>).
-define(OPTIONS, [{negotiation_timeout, 30000}, {language, <<"en">>}, {sm_db_type, mnesia}]).
-define(TIME, {1, 2, 3}).

registration_test_() ->
    {setup, fun prepare/0, fun restore/1,
     [{"a session has its own priority", fun() -> ?assertEqual([5], written(5)) end},
      {"priority 0", fun() -> ?assertEqual([0], written(0)) end},
      {"a negative priority gets no messages", fun() -> ?assertEqual([-1], written(-1)) end},
      {"a session without presence", fun() -> ?assertEqual([undefined], written(undefined)) end},
      {"the new process ends before it begins", fun not_begun/0}]}.

prepare() ->
    Tables = ecm_tables:start(),
    {atomic, ok} = mnesia:create_table(session, [{ram_copies, [node()]}, {attributes, record_info(fields, session)}]),
    Prepared = ecm_user:prepare(),
    true = ets:insert(ejabberd_options,
                      [{{Option, Host}, Value} || {Option, Value} <- ?OPTIONS, Host <- [global, ?HOST]]),
    {Tables, Prepared}.

restore({Tables, Prepared}) ->
    ecm_user:restore(Prepared),
    ecm_tables:stop(Tables).

%% Returns the priorities of the new row, one after the other.
written(Priority) ->
    [Old, New] = [spawn(fun() -> ok end) || _ <- [1, 2]],
    Row = row(Priority),
    ok = ecm_c2s_registration:insert(Row, Old),
    {ok, _} = mnesia:subscribe({table, session, simple}),
    ok = ecm_c2s_registration:move(Row, Old, New),
    {ok, _} = mnesia:unsubscribe({table, session, simple}),
    ?assertEqual([{?TIME, New}], mnesia:dirty_all_keys(session)),
    ok = ecm_c2s_registration:remove(Row, New),
    priorities(New).

row(Priority) ->
    #session{sid = {?TIME, none}, usr = {<<"u">>, ?HOST, <<"r">>}, us = {<<"u">>, ?HOST}, priority = Priority}.

priorities(Process) ->
    receive
        {mnesia_table_event, {write, #session{sid = {?TIME, Process}, priority = Priority}, _}} ->
            [Priority | priorities(Process)];
        {mnesia_table_event, _} ->
            priorities(Process)
    after 100 ->
        []
    end.

%% Its controller has ended after it has given the row to it.
not_begun() ->
    {Old, _} = ecm_user:open(#{}),
    Row = row(5),
    {ok, Frozen} = ecm_c2s_transfer:freeze(Old),
    Controller = spawn(fun() -> receive never -> ok end end),
    {ok, {New, _}} = ecm_c2s_transfer:prepare(Frozen#{row := Row}, #{old => Old, controller => Controller}),
    ok = ecm_c2s_registration:insert(Row, New),
    ecm_user:stop(Controller),
    ecm_link_pair:await(fun() -> not lists:member({?TIME, New}, mnesia:dirty_all_keys(session)) end),
    lists:foreach(fun ecm_user:stop/1, [Old, New]).

%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_timeouts_tests).

-include_lib("eunit/include/eunit.hrl").

-define(TABLE, ecm_c2s_timeouts).

%% Of a slot, in milliseconds.
-define(LENGTH, 128).

timeouts_test_() ->
    {foreach, fun ecm_services:start_parent/0, fun(_) -> ecm_services:stop() end,
     [fun(_) -> {Name, fun() -> ok = ecm_sup:start(), true = ets:delete_all_objects(?TABLE), Test() end} end
      || {Name, Test} <-
             [{"near", fun what_is_near_is_not_added/0},
              {"add", fun a_row_is_added_and_taken_back/0},
              {"due", fun who_is_due_is_told_once/0},
              {"look", fun a_look_follows_from_the_one_before/0},
              {"killed", fun rows_outlive_the_supervisor/0},
              {"odd", fun other_messages_change_nothing/0}]]}.

what_is_near_is_not_added() ->
    ?assertEqual([false, false], [ecm_c2s_timeouts:add(due(In)) || In <- [0, 9000]]),
    ?assertEqual([], ets:tab2list(?TABLE)).

a_row_is_added_and_taken_back() ->
    Due = due(60000),
    true = ecm_c2s_timeouts:add(Due),
    ?assertEqual([{{ecm_c2s_timeouts:slot(Due), self()}}], ets:tab2list(?TABLE)),
    ok = ecm_c2s_timeouts:remove(Due),
    ?assertEqual([], ets:tab2list(?TABLE)),
    ok = ecm_c2s_timeouts:remove(Due).

who_is_due_is_told_once() ->
    Later = due(60000),
    true = ecm_c2s_timeouts:add(Later),
    Now = ecm_c2s_timeouts:slot(due(0)) - 1,
    true = ets:insert(?TABLE, [{{Slot, self()}} || Slot <- [Now, Now - 7]]),
    look(),
    look(),
    ?assertEqual([Now - 7, Now], told()),
    ?assertEqual([{{ecm_c2s_timeouts:slot(Later), self()}}], ets:tab2list(?TABLE)).

%% By itself, at the beginning of the first slot.
a_look_follows_from_the_one_before() ->
    Next = ecm_c2s_timeouts:slot(due(0)) + 1,
    true = ets:insert(?TABLE, {{Next, self()}}),
    look(),
    receive {timeout, Slot, ecm} -> ?assertEqual(Next, Slot) end,
    ?assert(due(0) >= Next * ?LENGTH).

rows_outlive_the_supervisor() ->
    true = ecm_c2s_timeouts:add(due(60000)),
    Rows = ets:tab2list(?TABLE),
    _ = ecm_services:kill(ecm_sup),
    ?assertEqual(Rows, ets:tab2list(?TABLE)),
    Owner = ets:info(?TABLE, owner),
    Owner ! odd,
    ecm_link_pair:await(fun() -> process_info(Owner, message_queue_len) =:= {message_queue_len, 0} end),
    ?assertEqual(Rows, ets:tab2list(?TABLE)).

other_messages_change_nothing() ->
    Process = whereis(?TABLE),
    Process ! odd,
    ok = gen_server:cast(Process, odd),
    ?assertEqual({error, badarg}, gen_server:call(Process, odd)).

%% Without the table, sessions have timers of Erlang's.
no_table_test() ->
    ecm_services:stop(),
    _ = [ets:delete(?TABLE) || ets:whereis(?TABLE) =/= undefined],
    ?assertNot(ecm_c2s_timeouts:add(due(60000))),
    ?assertEqual(ok, ecm_c2s_timeouts:remove(due(60000))).

%% A time belongs to the slot that begins with it, or next after it.
slots_test() ->
    ?assertEqual([-1, 0, 0, 1, 1, 2],
                 [ecm_c2s_timeouts:slot(Due) || Due <- [-?LENGTH, -?LENGTH + 1, 0, 1, ?LENGTH, ?LENGTH + 1]]).

look() ->
    ?TABLE ! look,
    _ = sys:get_state(?TABLE).

told() ->
    receive {timeout, Slot, ecm} -> [Slot | told()]
    after 0 -> []
    end.

due(Milliseconds) ->
    erlang:monotonic_time(millisecond) + Milliseconds.

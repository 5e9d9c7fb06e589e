%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What release 1 of mod_ecm has left, after new code has been loaded, is understood.

-module(ecm_release_1_tests).

-include_lib("eunit/include/eunit.hrl").

-define(LIMIT, 16777216).

%% A node of the cluster has it, and SIDs that are signed with it.
the_key_and_the_sids_are_known_test_() ->
    {setup, fun ecm_tables:start/0, fun ecm_tables:stop/1, fun the_key_is_known/0}.

the_key_is_known() ->
    {atomic, ok} = mnesia:create_table(ecm_sid_key,
                                       [{ram_copies, [node()]}, {attributes, [name, key]}]),
    {_, _, Key} = Row = ecm_release_1:key_row(),
    ok = mnesia:dirty_write(Row),
    ok = ecm_sid_key:start(),
    ?assertEqual(Key, ecm_sid_key:get()),
    {ok, Session, Nonce} = ecm_sid:find(ecm_sid_key:get(), ecm_release_1:sid()),
    ?assertEqual({'member@127.0.0.1', ecm_release_1:nonce()}, {node(Session), Nonce}).

%% The next request has the held one answered, and one that is repeated gets the answer that was kept.
a_session_that_hibernates_wakes_up_test() ->
    Test = self(),
    Hibernate = fun() -> proc_lib:hibernate(ecm_c2s_session, wake, [ecm_release_1:dehydrated(Test)]) end,
    {Session, Monitor} = spawn_monitor(Hibernate),
    Rid = ecm_release_1:rid(),
    ask(Session, Rid + 1, 8),
    ask(Session, Rid - 2, 9),
    ?assertMatch({200, _}, answer(7, Monitor)),
    {200, Kept} = answer(9, Monitor),
    ?assertMatch({match, _}, re:run(Kept, "<presence ")),
    exit(Session, kill).

ask(Session, Rid, Id) ->
    Body = iolist_to_binary(["<body xmlns='http://jabber.org/protocol/httpbind' rid='",
                             integer_to_binary(Rid), "' sid='", ecm_release_1:sid(), "'/>"]),
    {ok, Head, Content} = ecm_bosh_body:head(Body),
    Request = {maps:remove(sid, Head), Content, byte_size(Body)},
    ok = ecm_c2s:request(Session, ecm_release_1:nonce(), Request, {self(), Id, ?LIMIT}).

%% Fails with the reason for which the session has ended.
answer(Id, Monitor) ->
    receive
        {answer, Id, Head, Body} -> {Head, Body};
        {'DOWN', Monitor, process, _, Reason} -> error(Reason)
    end.

%% ejabberd goes on with the state as it was.
the_packed_state_is_unpacked_test() ->
    Packed = element(1, ecm_release_1:dehydrated(self())),
    {State, []} = ecm_c2s_pack:unpack(Packed, ecm_c2s_socket),
    Own = self(),
    ?assertMatch({jid, <<"romeo">>, <<"localhost">>, <<"test">>, _, _, _}, map_get(jid, State)),
    ?assertMatch(#{owner := Own, sid := {_, Own}, ip := {{192, 0, 2, 7}, 51234}, mgmt_state := inactive,
                   socket := {socket_state, ecm_c2s_socket, {ecm_c2s_socket, {{192, 0, 2, 7}, 51234}},
                              infinity, undefined, none, none},
                   pres_last := {presence, _, available, _, _, _, _, _, _, _, _}}, State).

%% The template of release 1 has a name of its own.
it_is_packed_again_test() ->
    {Template, _} = Packed = element(1, ecm_release_1:dehydrated(self())),
    ok = persistent_term:put({ecm_c2s_pack, <<"localhost">>}, Template),
    {State, []} = ecm_c2s_pack:unpack(Packed, ecm_c2s_socket),
    Again = ecm_c2s_pack:pack(State, [], ecm_c2s_socket),
    ?assertEqual({State, []}, ecm_c2s_pack:unpack(Again, ecm_c2s_socket)),
    [persistent_term:erase(Name) || {{ecm_c2s_pack, _} = Name, _} <- persistent_term:get()].

%% Tables outlive the code of their modules.
rows_are_read_test_() ->
    {setup, fun ecm_services:start/0, fun(_) -> ecm_services:stop() end,
     [fun a_farewell_is_told/0, fun a_newcomer_is_counted/0]}.

a_farewell_is_told() ->
    Due = erlang:monotonic_time(millisecond) + 60000,
    true = ets:insert(ecm_c2s_farewell, {{self(), 1}, {200, <<"text/plain">>}, <<"why">>, Due}),
    ok = ecm_c2s_farewell:answer(self(), 1, {self(), 7, ?LIMIT}),
    ?assertEqual({{200, <<"text/plain">>}, <<"why">>}, answer(7, none)).

%% Until it has logged in.
a_newcomer_is_counted() ->
    Address = {192, 0, 2, 7},
    Row = {self(), make_ref(), ecm_c2s_newcomers:network(Address), 1000, false},
    true = ets:insert(ecm_c2s_admission, Row),
    _ = ecm_services:kill(ecm_c2s_admission),
    Limits = #{max_newcomers => 1, newcomer_rate => 1000},
    Other = spawn_monitor(fun() -> exit(ecm_c2s_admission:enter({Address, 1}, Limits)) end),
    ?assertEqual(refused, ended(Other)).

ended({Pid, Monitor}) ->
    receive {'DOWN', Monitor, process, Pid, Reason} -> Reason end.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Our table of sessions, in Mnesia's memory, as ejabberd_sm uses it.

-module(ejabberd_sm_ecm_tests).

-include_lib("eunit/include/eunit.hrl").
-include_lib("ejabberd/include/ejabberd_sm.hrl").

-define(HOST, <<"chat.example">>).

table_test_() ->
    {foreach, fun prepare/0, fun restore/1,
     [{Name, Test}
      || {Name, Test} <- [{"a session is found by its user, by its host, among all", fun found/0},
                          {"a session that changes is there once, and never missing", fun changed/0},
                          {"a session is deleted, whatever its row says", fun deleted/0},
                          {"the sessions of a user are told apart", fun of_one_user/0},
                          {"a node that has gone takes its sessions along", fun node_gone/0},
                          {"a row is written on all nodes before it is known to be", fun in_step/0}]]}.

prepare() ->
    Tables = ecm_tables:start(),
    {ok, Process} = ejabberd_sm_ecm:start_link(),
    {Tables, Process}.

restore({Tables, Process}) ->
    true = unlink(Process),
    ecm_user:stop(Process),
    ecm_tables:stop(Tables).

found() ->
    Session = session(<<"u">>, ?HOST, 1),
    Other = session(<<"u">>, <<"other.example">>, 2),
    ok = ejabberd_sm_ecm:set_session(Session),
    ok = ejabberd_sm_ecm:set_session(Other),
    ?assertEqual({ok, [Session]}, ejabberd_sm_ecm:get_sessions(<<"u">>, ?HOST)),
    ?assertEqual([Session], ejabberd_sm_ecm:get_sessions(?HOST)),
    ?assertEqual(lists:sort([Session, Other]), lists:sort(ejabberd_sm_ecm:get_sessions())),
    ?assertEqual({ok, []}, ejabberd_sm_ecm:get_sessions(<<"nobody">>, ?HOST)),
    ?assertNot(ejabberd_sm_ecm:use_cache(?HOST)).

changed() ->
    Session = session(<<"u">>, ?HOST, 1),
    ok = ejabberd_sm_ecm:set_session(Session),
    {ok, _} = mnesia:subscribe({table, ecm_session, simple}),
    Present = Session#session{priority = 5},
    ok = ejabberd_sm_ecm:set_session(Present),
    ok = ejabberd_sm_ecm:set_session(Present),
    {ok, _} = mnesia:unsubscribe({table, ecm_session, simple}),
    ?assertEqual({ok, [Present]}, ejabberd_sm_ecm:get_sessions(<<"u">>, ?HOST)),
    ?assertEqual([write, delete_object, write], events()).

events() ->
    receive
        {mnesia_table_event, {What, _, _}} -> [What | events()]
    after 0 ->
        []
    end.

deleted() ->
    Session = session(<<"u">>, ?HOST, 1),
    ok = ejabberd_sm_ecm:set_session(Session#session{priority = 5, info = [{more, 1}]}),
    ok = ejabberd_sm_ecm:delete_session(Session),
    ok = ejabberd_sm_ecm:delete_session(Session),
    ?assertEqual([], ejabberd_sm_ecm:get_sessions()).

of_one_user() ->
    [One, Two] = Sessions = [session(<<"u">>, ?HOST, At) || At <- [1, 2]],
    lists:foreach(fun ejabberd_sm_ecm:set_session/1, Sessions),
    {ok, Found} = ejabberd_sm_ecm:get_sessions(<<"u">>, ?HOST),
    ?assertEqual(Sessions, lists:sort(Found)),
    ok = ejabberd_sm_ecm:delete_session(One),
    ?assertEqual({ok, [Two]}, ejabberd_sm_ecm:get_sessions(<<"u">>, ?HOST)).

%% Mnesia tells of it. The processes of this test are of the node that has gone.
node_gone() ->
    ok = ejabberd_sm_ecm:set_session(session(<<"u">>, ?HOST, 1)),
    tell({mnesia_down, 'other@host'}),
    ?assertMatch([_], ejabberd_sm_ecm:get_sessions()),
    tell({mnesia_down, node()}),
    ?assertEqual([], ejabberd_sm_ecm:get_sessions()).

%% Returns when the process has dealt with what came.
tell(Event) ->
    ejabberd_sm_ecm ! {mnesia_system_event, Event},
    _ = sys:get_state(ejabberd_sm_ecm),
    ok.

in_step() ->
    Session = session(<<"u">>, ?HOST, 1),
    ok = ejabberd_sm_ecm:set_session(sync_dirty, Session),
    ?assertEqual([Session], ejabberd_sm_ecm:get_sessions()),
    ok = ejabberd_sm_ecm:delete_session(sync_dirty, Session),
    ?assertEqual([], ejabberd_sm_ecm:get_sessions()).

session(User, Host, At) ->
    #session{sid = {{1, 2, At}, self()}, usr = {User, Host, <<"r">>}, us = {User, Host}, priority = undefined,
             info = [{ip, {{192, 0, 2, 1}, 50000}}, {conn, http_bind}, {auth_module, ejabberd_auth_mnesia}]}.

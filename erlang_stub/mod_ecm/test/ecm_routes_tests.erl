%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Routes of this node that another one deletes. A cluster is in tests/system/test_lost_routes.py.

-module(ecm_routes_tests).

-include_lib("eunit/include/eunit.hrl").
-include_lib("ejabberd/include/ejabberd_router.hrl").

-define(HOST, <<"chat.example">>).

routes_test_() ->
    {foreach, fun prepare/0, fun restore/1,
     [{Name, Test}
      || {Name, Test} <- [{"another node deletes a route", fun restored/0},
                          {"so it does with a numbered one", fun renumbered/0},
                          {"this node deletes a route itself", fun deleted/0},
                          {"its process has ended", fun ended/0},
                          {"a route of another node", fun of_another_node/0}]]}.

prepare() ->
    Tables = ecm_tables:start(),
    {atomic, ok} = ejabberd_mnesia:create(ejabberd_router_mnesia, route,
                                          [{ram_copies, [node()]}, {type, bag},
                                           {attributes, record_info(fields, route)}]),
    {ok, Process} = ecm_routes:start_link(),
    {Tables, Process}.

restore({Tables, Process}) ->
    true = unlink(Process),
    ecm_user:stop(Process),
    ecm_tables:stop(Tables).

restored() ->
    Route = route(self(), {apply, ejabberd_local, route}),
    [begin
         ok = mnesia:dirty_delete(route, ?HOST),
         told(Route, Activity),
         ?assertEqual([Route], routes())
     end || Activity <- [{tid, 7, elsewhere()}, {dirty, elsewhere()}]].

%% ejabberd leaves a row for the next one with this number.
renumbered() ->
    Route = route(self(), 2),
    ok = mnesia:dirty_write(Route#route{pid = undefined}),
    told(Route, {tid, 7, elsewhere()}),
    ?assertEqual([Route], routes()).

deleted() ->
    Route = route(self(), undefined),
    ok = mnesia:dirty_write(Route),
    {atomic, ok} = mnesia:transaction(fun() -> mnesia:delete_object(Route) end),
    ok = mnesia:dirty_write(Route),
    ok = mnesia:dirty_delete_object(Route),
    _ = sys:get_state(ecm_routes),
    ?assertEqual([], routes()).

ended() ->
    {Process, Monitor} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Monitor, _, _, _} -> ok end,
    told(route(Process, undefined), {tid, 7, elsewhere()}),
    ?assertEqual([], routes()).

of_another_node() ->
    told(route(elsewhere(), undefined), {tid, 7, elsewhere()}),
    ?assertEqual([], routes()).

route(Process, Hint) ->
    #route{domain = ?HOST, server_host = ?HOST, pid = Process, local_hint = Hint}.

routes() ->
    mnesia:dirty_read(route, ?HOST).

%% As Mnesia says it. Returns when that is dealt with.
told(Route, Activity) ->
    ecm_routes ! {mnesia_table_event, {delete_object, Route, Activity}},
    _ = sys:get_state(ecm_routes),
    ok.

%% A process of another node.
elsewhere() ->
    {ok, Session, _} = ecm_sid:find(element(3, ecm_release_1:key_row()), ecm_release_1:sid()),
    Session.

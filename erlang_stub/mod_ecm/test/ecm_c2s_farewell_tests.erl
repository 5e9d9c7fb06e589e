%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_farewell_tests).

-include_lib("eunit/include/eunit.hrl").

-define(BODY, <<"<body type='terminate' condition='remote-stream-error' "
                "xmlns='http://jabber.org/protocol/httpbind'>why</body>">>).

farewell_test_() ->
    {setup, fun ecm_services:start/0, fun(_) -> ecm_services:stop() end,
     [fun a_client_is_told_as_often_as_it_asks/0,
      fun others_are_not/0,
      fun it_is_forgotten_once_the_client_has_been_silent_for_too_long/0,
      fun sessions_that_end_for_the_same_reason_take_little/0]}.

a_client_is_told_as_often_as_it_asks() ->
    ok = ecm_c2s_farewell:leave(1, {200, <<"text/plain">>}, ?BODY, 60000),
    [?assertEqual({{200, <<"text/plain">>}, ?BODY}, told(self(), 1)) || _ <- [first, again]].

%% As one whose process was this one before.
others_are_not() ->
    {200, Body} = told(self(), 2),
    ?assertMatch({match, _}, re:run(Body, "item-not-found")).

it_is_forgotten_once_the_client_has_been_silent_for_too_long() ->
    ok = ecm_c2s_farewell:leave(3, 200, ?BODY, 60000),
    ok = ecm_c2s_farewell:leave(4, 200, ?BODY, -1),
    ?assertEqual({200, ?BODY}, told(self(), 4)),
    ecm_c2s_farewell ! sweep,
    _ = sys:get_state(ecm_c2s_farewell),
    ?assertEqual({200, ?BODY}, told(self(), 3)),
    {200, Body} = told(self(), 4),
    ?assertMatch({match, _}, re:run(Body, "item-not-found")).

%% Their bodies are one binary.
sessions_that_end_for_the_same_reason_take_little() ->
    ok = ecm_c2s_farewell:leave(5, 200, ?BODY, 60000),
    Before = ets:info(ecm_c2s_farewell, memory),
    [ok = ecm_c2s_farewell:leave(N, 200, binary:copy(?BODY), 60000) || N <- lists:seq(1000, 1999)],
    ?assert(ets:info(ecm_c2s_farewell, memory) - Before < 1000 * 25),
    ?assertEqual(1, ets:info(ecm_c2s_farewell_bodies, size)).

%% Killed alone it comes back with all of it (ecm_sup_tests). If its supervisor is killed, what was to be
%% said is lost, and sessions end as before.
killed_with_its_supervisor_it_begins_anew_test() ->
    ok = ecm_services:start(),
    ok = ecm_c2s_farewell:leave(1, 200, ?BODY, 60000),
    ok = ecm_services:stop(),
    {200, Body} = told(self(), 1),
    ?assertMatch({match, _}, re:run(Body, "item-not-found")),
    ok = ecm_c2s_farewell:leave(2, 200, ?BODY, 60000),
    ok = ecm_services:start(),
    ok = ecm_c2s_farewell:leave(3, 200, ?BODY, 60000),
    ?assertEqual({200, ?BODY}, told(self(), 3)),
    ecm_services:stop().

told(Session, Nonce) ->
    ecm_c2s_farewell:answer(Session, Nonce, {self(), 7, 1000}),
    receive {answer, 7, Head, Body} -> {Head, Body} end.

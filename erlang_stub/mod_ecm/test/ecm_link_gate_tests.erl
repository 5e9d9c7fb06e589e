%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc All links drain when the gate is closed, and end when it is opened again.

-module(ecm_link_gate_tests).

-include_lib("eunit/include/eunit.hrl").

gate_test_() ->
    [{Name, {setup, fun start/0, fun stop/1, Test}}
     || {Name, Test} <- [{"starts once", fun starts_once/0},
                         {"links drain", fun links_drain/0},
                         {"stays closed", fun stays_closed/0},
                         {"links end when it opens", fun links_end/0}]].

start() ->
    ok = ecm_services:start_parent(),
    ok = ecm_link_gate:start().

stop(_) ->
    ecm_services:stop().

starts_once() ->
    Gate = whereis(ecm_link_gate),
    ok = ecm_link_gate:start(),
    ?assertEqual(Gate, whereis(ecm_link_gate)).

links_drain() ->
    {{Peer, _}, _} = Opened = ecm_link_pair:typed(#{watched => [ecm_link_gate]}),
    ok = ecm_link_gate:close(),
    ok = ecm_link_gate:close(),
    ?assertEqual({0, <<"drain">>}, ecm_link_pair:receive_content(Peer)),
    ecm_link_pair:close(Opened).

%% A listener may start meanwhile.
stays_closed() ->
    ok = ecm_link_gate:close(),
    ok = ecm_link_gate:start(),
    ?assertEqual(undefined, whereis(ecm_link_gate)).

links_end() ->
    {{Peer, _}, _} = ecm_link_pair:typed(#{watched => [ecm_link_gate]}),
    ok = ecm_link_gate:close(),
    ?assertEqual({0, <<"drain">>}, ecm_link_pair:receive_content(Peer)),
    ok = ecm_link_gate:open(),
    ?assertMatch({_, closed}, ecm_socket_pair:receive_all(Peer)),
    {{Next, _}, _} = Opened = ecm_link_pair:typed(#{watched => [ecm_link_gate]}),
    ok = ecm_link_gate:close(),
    ?assertEqual({0, <<"drain">>}, ecm_link_pair:receive_content(Next)),
    ecm_link_pair:close(Opened).

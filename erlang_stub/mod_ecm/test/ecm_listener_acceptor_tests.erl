%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_listener_acceptor_tests).

-include_lib("eunit/include/eunit.hrl").

it_is_needed_for_unix_sockets_of_some_releases_test_() ->
    [?_assertEqual({Version, Expected}, {Version, ecm_listener_acceptor:is_needed({local, <<"/a">>}, Version)})
     || {Version, Expected} <-
            [{{ok, "23.01-1"}, false}, {{ok, "23.04"}, false}, {{ok, "23.10"}, true}, {{ok, "24.02"}, true},
             {{ok, "24.12-3+deb13u2"}, true}, {{ok, "25.03"}, false}, {{ok, "26.07"}, false},
             {{ok, "master"}, false}, {undefined, false}]].

it_is_not_needed_for_tcp_test() ->
    ?assertNot(ecm_listener_acceptor:is_needed({{127, 0, 0, 1}, 5290}, {ok, "24.12"})).

%% A stranger is told so, and the next one, too.
it_accepts_one_after_the_other_test_() ->
    {setup, fun start_services/0,
     fun(Processes) -> [ecm_services:stop_named(Process) || Process <- Processes] end,
     fun accepts_one_after_the_other/0}.

start_services() ->
    ok = ecm_services:ensure(),
    [ecm_services:start_named(Name) || Name <- [ecm_link_gate, ejabberd_sm]].

accepts_one_after_the_other() ->
    Path = "/tmp/ecm-acceptor-" ++ os:getpid(),
    _ = file:delete(Path),
    Test = self(),
    {Acceptor, Monitor} =
        spawn_monitor(
          fun() ->
                  {ok, ListenSocket} = gen_tcp:listen(0, [binary, {active, false}, {ip, {local, Path}}]),
                  Test ! {listens, ListenSocket},
                  ecm_listener_acceptor:run(ListenSocket, [])
          end),
    ListenSocket = receive {listens, Listening} -> Listening end,
    ?assertEqual([true, true], [is_refused(Path), is_refused(Path)]),
    ok = gen_tcp:close(ListenSocket),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, Acceptor, Reason} -> Reason end),
    ok = file:delete(Path).

is_refused(Path) ->
    {ok, Socket} = gen_tcp:connect({local, Path}, 0, [binary, {active, false}]),
    ok = gen_tcp:send(Socket, <<"GET / HTTP/1.1\r\n\r\n                       ">>),
    {ok, Said} = gen_tcp:recv(Socket, 0, 5000),
    ok = gen_tcp:close(Socket),
    binary:match(Said, <<"error malformed">>) =/= nomatch.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The listener's callbacks, with a table in place of ejabberd's configuration.

-module(mod_ecm_tests).

-include_lib("eunit/include/eunit.hrl").

max_packet_has_a_range_test_() ->
    Validator = mod_ecm:listen_opt_type(max_packet),
    [?_assertEqual({ok, 4096}, econf:validate(Validator, 4096)),
     ?_assertEqual({ok, 9999999999}, econf:validate(Validator, 9999999999)),
     ?_assertMatch({error, _, _}, econf:validate(Validator, 4095)),
     ?_assertMatch({error, _, _}, econf:validate(Validator, 10000000000))].

every_option_has_a_default_that_is_valid_test() ->
    [?assertEqual({ok, Default}, econf:validate(mod_ecm:listen_opt_type(Option), Default))
     || {Option, Default} <- mod_ecm:listen_options()].

%% ejabberd leaves out of the options what has its default value.
max_packet_is_the_limit_of_a_link_test_() ->
    [?_assertEqual({shutdown, 'length-too-large'}, after_announcing(1048577, [])),
     ?_assertEqual({shutdown, 'length-too-large'}, after_announcing(5001, [{max_packet, 5000}])),
     ?_assertEqual({shutdown, closed}, after_announcing(1048576, [])),
     ?_assertEqual({shutdown, closed}, after_announcing(5000, [{max_packet, 5000}]))].

%% How a link ends that gets a header with this length, and then the end of the connection.
after_announcing(Length, Opts) ->
    ecm_log:start(),
    {{Peer, Ours} = Pair, Link} = start(Opts),
    ok = gen_tcp:send(Peer, io_lib:format("~10..0B|~20..0B|", [Length, 1])),
    ok = gen_tcp:shutdown(Peer, write),
    Monitor = monitor(process, Link),
    ok = gen_tcp:controlling_process(Ours, Link),
    ok = mod_ecm:accept(Link),
    Reason = receive {'DOWN', Monitor, process, Link, Why} -> Why end,
    ecm_socket_pair:close(Pair),
    Reason.

start(Opts) ->
    {_, Ours} = Pair = ecm_socket_pair:open(),
    {ok, Link} = mod_ecm:start(gen_tcp, Ours, Opts),
    {Pair, Link}.

the_peer_is_that_of_the_proxy_protocol_test() ->
    ecm_log:start(),
    Names = {{{127, 0, 0, 1}, 5290}, {{192, 0, 2, 7}, 51234}},
    {Pair, Link} = start([{sock_peer_name, Names}]),
    Monitor = monitor(process, Link),
    exit(Link, stop),
    receive {'DOWN', Monitor, process, Link, _} -> ok end,
    ?assertEqual([{info, "ECM link from 192.0.2.7:51234 is down: stop"}], ecm_log:lines()),
    ecm_socket_pair:close(Pair).

a_supervised_link_is_linked_test() ->
    process_flag(trap_exit, true),
    ecm_log:start(),
    {_, Ours} = Pair = ecm_socket_pair:open(),
    {ok, Link} = mod_ecm:start_link(gen_tcp, Ours, []),
    exit(Link, shutdown),
    ?assertEqual(shutdown, receive {'EXIT', Link, Reason} -> Reason end),
    ecm_socket_pair:close(Pair).

%% Before 25.10 ejabberd does not give it to the socket itself.
the_listener_has_a_send_timeout_test_() ->
    {setup, fun() -> configure([mod_bosh]) end, fun ecm_config:stop/1,
     [?_assertEqual(15000, send_timeout([], [])),
      ?_assertEqual(2000, send_timeout([], [{send_timeout, 2000}])),
      ?_assertEqual(30000, send_timeout([{send_timeout, 30000}], []))]}.

%% That of the connections to a listener, whose socket ejabberd has given these options.
send_timeout(SocketOptions, Opts) ->
    {ok, Listener} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}} | SocketOptions]),
    ?assertEqual(Opts, mod_ecm:tcp_init(Listener, Opts)),
    {ok, Port} = inet:port(Listener),
    {ok, Peer} = gen_tcp:connect({127, 0, 0, 1}, Port, []),
    {ok, Ours} = gen_tcp:accept(Listener),
    {ok, [{send_timeout, Timeout}]} = inet:getopts(Ours, [send_timeout]),
    [ok = gen_tcp:close(Socket) || Socket <- [Peer, Ours, Listener]],
    Timeout.

a_configuration_without_sessions_is_reported_once_test_() ->
    Error = "mod_ecm cannot start a session without mod_bosh: "
            "add the line 'mod_bosh: {}' to 'modules' in ejabberd.yml",
    [?_assertEqual([{error, Error}], log_of_start([mod_ping])),
     ?_assertEqual([], log_of_start([mod_ping, mod_bosh]))].

log_of_start(Modules) ->
    ecm_log:start(),
    Table = configure(Modules),
    send_timeout([], []),
    ecm_config:stop(Table),
    ecm_log:lines().

%% Two hosts, the second of which has these modules.
configure(Modules) ->
    ecm_config:start([{hosts, global, [<<"one.example">>, <<"two.example">>]},
                      {modules, <<"one.example">>, []},
                      {modules, <<"two.example">>, [{Module, #{}, 1} || Module <- Modules]}]).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The callbacks of the module and the listener, with a table in place of ejabberd's configuration.

-module(mod_ecm_tests).

-include_lib("eunit/include/eunit.hrl").
-include_lib("kernel/include/file.hrl").

options_are_validated_test_() ->
    [?_assertEqual(Expected, validate(Option, Value))
     || {Option, Value, Expected} <-
            [{protocol, <<"typed">>, {ok, typed}},
             {protocol, <<"plain">>, {ok, plain}},
             {protocol, <<"xmpp">>, error},
             {secret_file, <<"/etc/ejabberd/ecm-secret">>, {ok, <<"/etc/ejabberd/ecm-secret">>}},
             {secret_file, 5, error},
             {socket_mode, 666, {ok, 8#666}},
             {socket_mode, <<"0660">>, {ok, 8#660}},
             {socket_mode, <<"rw">>, error},
             {socket_mode, <<"0680">>, error},
             {socket_group, <<"daemon">>, {ok, <<"daemon">>}},
             {socket_group, 1, {ok, <<"1">>}},
             {socket_group, -1, error},
             {max_packet, 4096, {ok, 4096}},
             {max_packet, 9999999999, {ok, 9999999999}},
             {max_packet, 4095, error},
             {max_packet, 10000000000, error},
             {max_content, 65536, {ok, 65536}},
             {max_content, 4095, error},
             {ping_interval, 5, {ok, 5000}},
             {ping_interval, <<"1 minute">>, {ok, 60000}},
             {ping_interval, 0, error},
             {link_timeout, 20, {ok, 20000}},
             {link_timeout, <<"never">>, error},
             {link_grace, 20, {ok, 20000}},
             {link_grace, 0, {ok, 0}},
             {link_grace, <<"never">>, error},
             {evacuation_timeout, 20, {ok, 20000}},
             {evacuation_timeout, 0, {ok, 0}},
             {evacuation_timeout, <<"never">>, error},
             {tls, true, {ok, true}},
             {tls, <<"perhaps">>, error},
             {allow_unencrypted_sasl2, true, {ok, true}},
             {allow_unencrypted_sasl2, <<"perhaps">>, error},
             {max_wait, 60, {ok, 60}},
             {max_wait, <<"2 minutes">>, {ok, 120}},
             {max_wait, <<"500 ms">>, error},
             {max_wait, <<"1 day">>, {ok, 86400}},
             {max_wait, 1000000, error},
             {max_hold, 2, {ok, 2}},
             {max_hold, 0, error},
             {max_hold, 3, error},
             {max_inactivity, <<"1 minute">>, {ok, 60}},
             {max_inactivity, 0, error},
             {max_inactivity, 1, error},
             {max_inactivity, 2, {ok, 2}},
             {max_inactivity, 86401, error},
             {max_pause, <<"1 hour">>, {ok, 3600}},
             {max_pause, <<"never">>, error},
             {pre_auth_max_stanza_size, 65536, {ok, 65536}},
             {pre_auth_max_stanza_size, <<"infinity">>, {ok, infinity}},
             {pre_auth_max_stanza_size, 0, error},
             {pre_auth_max_stanza_elements, 100, {ok, 100}},
             {pre_auth_max_stanza_elements, -1, error},
             {max_stanza_elements, 100, {ok, 100}},
             {max_stanza_elements, <<"many">>, error},
             {max_newcomers, 5, {ok, 5}},
             {max_newcomers, <<"unlimited">>, {ok, 1000000000}},
             {newcomer_rate, 5, {ok, 5}},
             {newcomer_rate, 0, error},
             {max_logins, 5, {ok, 5}},
             {max_logins, <<"auto">>, {ok, auto}},
             {max_logins, <<"unlimited">>, {ok, 1000000000}},
             {max_logins, 0, error},
             {max_logins, <<"many">>, error},
             {max_concat, 5, {ok, 5}},
             {max_concat, 0, error},
             {max_waiting, 0, error},
             {max_answer, 4096, {ok, 4096}},
             {max_answer, 0, error},
             {max_answer, <<"unlimited">>, {ok, 1000000000}},
             {max_stanza_to_client, 4096, {ok, 4096}},
             {max_stanza_to_client, 4095, error},
             {max_waiting_size, 4096, {ok, 4096}},
             {max_waiting_size, <<"unlimited">>, {ok, 1000000000}},
             {max_waiting_size, 4095, error},
             {hibernate_after, 5, {ok, 5000}},
             {hibernate_after, <<"infinity">>, {ok, infinity}},
             {hibernate_after, -1, error},
             {certfile, <<"/nowhere/cert.pem">>, error}]].

validate(Option, Value) ->
    _ = mod_ecm:listen_options(),  % a listener begins
    case econf:validate(mod_ecm:listen_opt_type(Option), Value) of
        {ok, Valid} -> {ok, Valid};
        {error, _, _} -> error
    end.

a_certfile_is_validated_test() ->
    ecm_scratch:with_certificate(
      fun(Path) ->
              CertFile = list_to_binary(Path),
              ?assertEqual({ok, CertFile}, validate(certfile, CertFile))
      end).

%% The options of a listener, with their defaults in the spelling of ejabberd.yml.
-define(WRITTEN, [{protocol, <<"typed">>}, {socket_mode, <<"0660">>}, {max_packet, 1048576},
                  {max_content, 16777216}, {ping_interval, 3}, {link_timeout, 10}, {link_grace, 30},
                  {evacuation_timeout, 60}, {tls, false}, {access, <<"all">>}, {shaper, <<"none">>},
                  {allow_unencrypted_sasl2, false}, {pre_auth_max_stanza_size, 8192},
                  {pre_auth_max_stanza_elements, 32}, {max_stanza_elements, <<"infinity">>},
                  {max_stanza_size, <<"infinity">>}, {max_fsm_queue, 10000}, {max_wait, 300},
                  {max_newcomers, 1000}, {newcomer_rate, 100}, {max_logins, <<"auto">>},
                  {max_hold, 1}, {max_inactivity, <<"90 seconds">>}, {max_pause, <<"2 minutes">>},
                  {max_concat, <<"unlimited">>}, {max_answer, 262144},
                  {max_stanza_to_client, 16777216}, {max_waiting, 5000},
                  {max_waiting_size, 20971520}, {hibernate_after, 0}]).

%% Writing a default changes nothing, by ejabberd's own validator of listeners.
a_default_may_be_written_test_() ->
    configured([?_assertEqual({Written, listener([])}, {Written, listener([Written])})
                || Written <- ?WRITTEN]
               ++ [?_assertEqual([certfile, dead_time, secret_file, socket_group],
                                 lists:sort(proplists:get_keys(mod_ecm:listen_options())
                                            -- proplists:get_keys(?WRITTEN)))]).

an_option_that_is_none_is_refused_test_() ->
    configured(?_assertError({badmatch, {error, {unknown_option, _, max_polling}, _}},
                             listener([{max_polling, 1}]))).

%% Options that each may be, and not together: ejabberd refuses the listener before it closes anything, in
%% whichever order they are written.
options_that_conflict_are_refused_test_() ->
    configured([?_assertEqual({Written, Text}, {Written, refusal(Written)})
                || {Options, Text} <-
                       [{[{ping_interval, 3}, {link_timeout, 3}],
                         "'link_timeout' must be longer than 'ping_interval'"},
                        {[{ping_interval, 5}, {dead_time, 4}],
                         "'link_timeout' must be longer than 'ping_interval'"},
                        {[{max_waiting_size, 16777215}, {max_stanza_to_client, 16777216}],
                         "'max_waiting_size' must hold a stanza of 'max_stanza_to_client'"},
                        {[{protocol, <<"plain">>}, {secret_file, <<"/etc/secret">>}],
                         "'protocol: plain' has no secret, leave out 'secret_file'"},
                        {[{port, 5290}, {socket_mode, <<"0666">>}], "'socket_mode' is for a UNIX socket"},
                        {[{port, 5290}, {socket_group, <<"daemon">>}], "'socket_group' is for a UNIX socket"}],
                   Written <- [Options, lists:reverse(Options)]]).

refusal(Written) ->
    {error, {invalid_syntax, Text}, _} = validated([[{module, mod_ecm} | Written]]),
    binary_to_list(Text).

validated(Listeners) ->
    econf:validate(ejabberd_listener:validator(), [Listener ++ [{port, 5290} || not lists:keymember(port, 1, Listener)]
                                                   || Listener <- Listeners]).

%% What one listener has written says nothing of the next.
options_of_two_listeners_do_not_conflict_test_() ->
    configured(?_assertMatch({ok, [_, _]}, validated([[{module, mod_ecm}, {port, 5290}, {ping_interval, 20}],
                                                      [{module, mod_ecm}, {port, 5291}, {link_timeout, 10}]]))).

%% The default of the other would conflict.
an_option_that_is_not_written_fits_test_() ->
    [?_assertEqual(Expected, ecm_listener_options:option(Option, Opts))
     || {Option, Opts, Expected} <-
            [{link_timeout, [], 10000},
             {link_timeout, [{ping_interval, 9000}], 10000},
             {link_timeout, [{ping_interval, 10000}], 30000},
             {ping_interval, [], 3000},
             {ping_interval, [{link_timeout, 4000}], 3000},
             {ping_interval, [{link_timeout, 3000}], 1000},
             {max_stanza_to_client, [], 16777216},
             {max_stanza_to_client, [{max_waiting_size, 5000}], 5000},
             {max_waiting_size, [], 20971520},
             {max_waiting_size, [{max_stanza_to_client, 20971520}], 20971520},
             {max_waiting_size, [{max_stanza_to_client, 20971521}], 25165825}]].

%% While ejabberd runs, it would close the listener that works, and start none.
a_secret_is_checked_when_a_running_ejabberd_reads_its_configuration_test_() ->
    [{"at the start", ?_assertMatch({ok, _}, validate(secret_file, <<"/nowhere/secret">>))},
     {"later", {setup, fun() -> ecm_services:start_named(ejabberd_listener) end, fun ecm_services:stop_named/1,
                ?_test(ecm_scratch:with_folder(fun(Folder) -> is_checked(list_to_binary(Folder)) end))}}].

is_checked(Folder) ->
    [Good, Short, New] = [filename:join(Folder, Name) || Name <- [<<"good">>, <<"short">>, <<"new">>]],
    ok = file:write_file(Good, "0123456789abcdef\n"),
    ok = file:write_file(Short, "0123456789abcde\n"),
    ?assertEqual([ok, error, ok, error, error],
                 [verdict(validate(secret_file, Path))
                  || Path <- [Good, Short, New, <<"/nowhere/secret">>, Folder]]),
    ?assertEqual({error, enoent}, file:read_file(New)).

verdict({ok, _}) -> ok;
verdict(error) -> error.

%% As ejabberd_listener gives them to mod_ecm: without those that have their default.
listener(Written) ->
    Listener = [{port, 5290}, {module, mod_ecm} | Written],
    {ok, [{_, mod_ecm, Options}]} = econf:validate(ejabberd_listener:validator(), [Listener]),
    lists:sort(maps:to_list(Options)) -- mod_ecm:listen_options().

%% A session has each of its options, where it is told and where it is not.
options_are_those_of_a_session_test_() ->
    Defaults = #{max_wait => 300, max_hold => 1, max_inactivity => 90, max_pause => 120,
                 max_concat => 1000000000, max_answer => 262144,
                 max_stanza_to_client => 16777216, max_waiting => 5000,
                 max_waiting_size => 20971520, access => all, shaper => none,
                 allow_unencrypted_sasl2 => false, max_body => infinity, max_stanzas => 1000,
                 max_elements => infinity, counted => each, pre_auth_max_stanza_size => infinity,
                 pre_auth_max_stanza_elements => infinity, max_fsm_queue => 10000, hibernate_after => 0},
    configured(running(
      [?_assertEqual(Defaults, session_options([])),
       ?_assertEqual(Defaults#{allow_unencrypted_sasl2 => true}, session_options(true, []))]
      ++ [?_assertEqual({Option, Defaults#{Option => Value}},
                        {Option, session_options(listener([{Option, Written}]))})
          || {Option, Written, Value} <-
                 [{max_wait, 60, 60}, {max_hold, 2, 2}, {max_inactivity, 30, 30},
                  {max_pause, <<"1 hour">>, 3600}, {max_concat, 5, 5}, {max_waiting, 9, 9},
                  {max_answer, 5000, 5000}, {max_stanza_to_client, 5000, 5000},
                  {max_waiting_size, 17000000, 17000000},
                  {allow_unencrypted_sasl2, true, true},
                  {access, <<"c2s">>, c2s}, {shaper, <<"c2s_shaper">>, c2s_shaper},
                  {max_fsm_queue, 50, 50},
                  {hibernate_after, 5, 5000}]])).

session_options(Opts) ->
    session_options(false, Opts).

%% Those with which a link starts sessions of clients with and without TLS, in one map: they are what its
%% function for requests was made with.
session_options(Secure, Opts) ->
    {Pair, Link} = accepted(Opts),
    #{request := Request} = element(4, sys:get_state(Link)),
    {env, [#{c2s := #{Secure := Options}}]} = erlang:fun_info(Request, env),
    #{session := #{limits := Limits} = Session, c2s := C2s} = Options,
    stop(Pair, Link),
    lists:foldl(fun maps:merge/2, maps:without([session, c2s], Options),
                [maps:without([limits, newcomer_limits], Session), Limits, maps:from_list(C2s)]).

%% Until a client has logged in, the lower limit holds, and few stanzas wait.
newcomers_have_limits_of_their_own_test_() ->
    configured(running(
      [?_assertEqual({Written, Limits}, {Written, maps:with(maps:keys(Limits), newcomer_limits(Written))})
       || {Written, Limits} <-
              [{[], #{max_body => 8192, max_elements => 32, counted => all, max_stanzas => 16,
                      max_waiting => 100, max_waiting_size => 65536, max_answer => 262144}},
               {[{pre_auth_max_stanza_size, 100}, {pre_auth_max_stanza_elements, <<"infinity">>}],
                #{max_body => 100, max_elements => infinity}},
               {[{max_waiting, 9}, {max_waiting_size, <<"unlimited">>}],
                #{max_waiting => 9, max_waiting_size => 65536}}]])).

newcomer_limits(Written) ->
    {Pair, Link} = accepted(listener(Written)),
    #{request := Request} = element(4, sys:get_state(Link)),
    {env, [#{c2s := #{false := #{session := #{newcomer_limits := Limits}}}}]} = erlang:fun_info(Request, env),
    stop(Pair, Link),
    Limits.

%% A newcomer waits by these.
logins_have_limits_test_() ->
    Auto = 4 * erlang:system_info(schedulers_online),
    configured(running(
      [?_assertEqual({Written, Limits}, {Written, login_limits(Written)})
       || {Written, Limits} <-
              [{[], #{max_logins => Auto, max_waiting => 1000, max_body => 8192}},
               {[{max_logins, 3}, {max_newcomers, 7}, {pre_auth_max_stanza_size, <<"infinity">>}],
                #{max_logins => 3, max_waiting => 7, max_body => infinity}}]])).

login_limits(Written) ->
    {Pair, Link} = accepted(listener(Written)),
    #{request := Request} = element(4, sys:get_state(Link)),
    {env, [#{logins := Limits}]} = erlang:fun_info(Request, env),
    stop(Pair, Link),
    Limits.

max_stanza_elements_is_that_of_each_stanza_test_() ->
    configured(running(?_assertMatch(#{max_elements := 7, counted := each},
                                     session_options(listener([{max_stanza_elements, 7}]))))).

%% Of the whole body of a request.
max_stanza_size_is_the_limit_of_a_request_test_() ->
    Request = ecm_link_packet:encode(7, binary:copy(<<" ">>, 100)),
    running([?_assertEqual({Size, Condition}, {Size, condition([{protocol, auto}, {max_stanza_size, Size}], Request)})
             || {Size, Condition} <- [{99, <<"policy-violation">>}, {100, <<"bad-request">>},
                                      {infinity, <<"bad-request">>}]]).

condition(Opts, Request) ->
    {{Peer, _} = Pair, Link} = accepted(Opts),
    ok = gen_tcp:send(Peer, Request),
    {7, Answer} = ecm_link_pair:receive_content(Peer),
    stop(Pair, Link),
    {match, [Condition]} = re:run(Answer, "condition='([^']*)'", [{capture, [1], binary}]),
    Condition.

%% ejabberd leaves out of the options what has its default value.
max_packet_is_the_limit_of_a_link_test_() ->
    Fault = "malformed: length-too-large; received",
    Closed = "closed in mid-packet",
    running([?_assertEqual({Size, Text}, {Size, after_announcing(Size, Opts, length(Text))})
             || {Size, Opts, Text} <- [{1048577, [], Fault},
                                       {5001, [{max_packet, 5000}], Fault},
                                       {1048576, [], Closed},
                                       {5000, [{max_packet, 5000}], Closed}]]).

%% The log of a link that gets a header with this length, and then the end of the connection: how
%% the reason of its end begins.
after_announcing(Length, Opts, Size) ->
    {{Peer, _} = Pair, Link} = accepted(Opts),
    ok = gen_tcp:send(Peer, io_lib:format("~10..0B|~20..0B|", [Length, 1])),
    ok = gen_tcp:shutdown(Peer, write),
    Monitor = monitor(process, Link),
    receive {'DOWN', Monitor, process, Link, _} -> ok end,
    ecm_socket_pair:close(Pair),
    [{warning, Text}] = ecm_log:lines(),
    [_, Reason] = string:split(Text, " is down: "),
    string:slice(Reason, 0, Size).

protocol_is_that_of_a_link_test_() ->
    Opening = ecm_link_packet:encode(0, ecm_link_pair:hello(4096)),
    Request = ecm_link_packet:encode(7, <<"<body>">>),
    running([?_assertEqual({Opts, Begin}, {Opts, answer(Opts, Sent, byte_size(Begin))})
             || {Opts, Sent, Begin} <-
                    [{[], Opening, <<"hello version=1 role=ejabberd">>},
                     {[], Request, <<"error unexpected ">>},
                     {[{protocol, auto}], Opening, <<"hello version=1 role=ejabberd">>},
                     {[{protocol, auto}], Request, <<"<body xmlns=">>},
                     {[{protocol, plain}], [Opening, Request], <<"<body xmlns=">>},
                     {[{secret, fun() -> <<"0123456789abcdef">> end}], Request,
                      <<"error unexpected ">>},
                     {[{secret, fun() -> <<"0123456789abcdef">> end}], Opening,
                      <<"hello version=1 role=ejabberd">>}]]).

%% How the first content begins that comes back.
answer(Opts, Sent, Size) ->
    {{Peer, _} = Pair, Link} = accepted(Opts),
    ok = gen_tcp:send(Peer, Sent),
    {_, <<Begin:Size/binary, _/binary>>} = ecm_link_pair:receive_content(Peer),
    stop(Pair, Link),
    Begin.

%% The state machine gets the time about once a second.
the_times_are_those_of_a_link_test_() ->
    running([?_assertMatch(<<"ping ", _/binary>>, said_first([{ping_interval, 1}])),
             ?_assertMatch(<<"error silent ", _/binary>>, said_first([{link_timeout, 1}]))]).

said_first(Opts) ->
    {{Peer, _} = Pair, Link} = accepted(Opts),
    ok = gen_tcp:send(Peer, ecm_link_packet:encode(0, ecm_link_pair:hello(4096))),
    {0, <<"hello ", _/binary>>} = ecm_link_pair:receive_content(Peer),
    {0, Said} = ecm_link_pair:receive_content(Peer),
    stop(Pair, Link),
    Said.

a_link_has_the_name_of_its_node_test_() ->
    Hello = iolist_to_binary(["hello version=1 role=ejabberd instance=",
                              atom_to_list(node()), " max-packet=1048576 window=65536 nonce="]),
    Opening = ecm_link_packet:encode(0, ecm_link_pair:hello(4096)),
    running([?_assertEqual(Hello, answer([], Opening, byte_size(Hello)))]).

tls_test_() ->
    running([?_test(ecm_scratch:with_certificate(fun has_tls/1))]).

has_tls(CertFile) ->
    {ok, _} = application:ensure_all_started(ssl),
    {{Peer, _} = Pair, Link} = accepted([{tls, true}, {certfile, CertFile}]),
    {ok, Tls} = ssl:connect(Peer, [{verify, verify_none}, {active, false}, binary]),
    ok = ssl:send(Tls, ecm_link_packet:encode(0, ecm_link_pair:hello(4096))),
    ?assertMatch({ok, <<"hello ">>}, begin {ok, _} = ssl:recv(Tls, 32), ssl:recv(Tls, 6) end),
    stop(Pair, Link).

%% When it is not told, it asks ejabberd, each time anew.
the_certificate_is_that_of_ejabberd_test_() ->
    running({setup, fun() -> ecm_config:start([{host, global, <<"localhost">>}]) end,
             fun ecm_config:stop/1, [{timeout, 60, ?_test(ecm_scratch:with_file(pkcs8(), fun is_found/1))}]}).

%% As most tools write it.
pkcs8() ->
    {Certificate, Key} = ecm_scratch:certificate({rsa, 2048, 65537}),
    Decoded = public_key:pem_entry_decode(Key),
    public_key:pem_encode([Certificate, public_key:pem_entry_encode('PrivateKeyInfo', Decoded)]).

is_found(CertFile) ->
    {ok, _} = application:ensure_all_started(pkix),
    {ok, _} = application:ensure_all_started(ssl),
    ?assertEqual(no_tls, tls([{tls, true}])),
    ok = pkix:add_file(CertFile),
    Folder = CertFile ++ ".d",
    {ok, [], _, _} = pkix:commit(list_to_binary(Folder), [{validate, false}]),
    ?assertEqual(tls, tls([{tls, true}])),
    ok = application:stop(pkix),
    ok = file:del_dir_r(Folder).

tls(Opts) ->
    {{Peer, _} = Pair, Link} = accepted(Opts),
    Result = ssl:connect(Peer, [{verify, verify_none}]),
    stop(Pair, Link),
    case Result of
        {ok, _} -> tls;
        {error, _} -> no_tls
    end.

a_link_begins_to_stop_with_ejabberd_test_() ->
    [running([?_test(stops_with(Name))]) || Name <- [ecm_link_gate, ejabberd_sm]].

stops_with(Name) ->
    {{Peer, _} = Pair, Link} = accepted([]),
    ok = gen_tcp:send(Peer, ecm_link_packet:encode(0, ecm_link_pair:hello(4096))),
    {0, <<"hello ", _/binary>>} = ecm_link_pair:receive_content(Peer),
    exit(whereis(Name), shutdown),
    ?assertEqual({0, <<"drain">>}, ecm_link_pair:receive_content(Peer)),
    stop(Pair, Link).

%% Tests with the processes that are there until ejabberd stops.
running(Tests) ->
    {setup,
     fun() -> [ecm_services:start_named(Name) || Name <- [ecm_link_gate, ejabberd_sm]] end,
     fun(Processes) -> [ecm_services:stop_named(Process) || Process <- Processes] end,
     Tests}.

accepted(Opts) ->
    ecm_log:start(),
    {{_, Ours}, Link} = Started = start(Opts),
    ok = gen_tcp:controlling_process(Ours, Link),
    ok = mod_ecm:accept(Link),
    Started.

stop(Pair, Link) ->
    Monitor = monitor(process, Link),
    exit(Link, shutdown),
    receive {'DOWN', Monitor, process, Link, _} -> ok end,
    ecm_socket_pair:close(Pair).

start(Opts) ->
    {_, Ours} = Pair = ecm_socket_pair:open(),
    ok = ecm_services:ensure(),
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
    configured(
     [?_assertEqual(15000, send_timeout([], [])),
      ?_assertEqual(2000, send_timeout([], [{send_timeout, 2000}])),
      ?_assertEqual(30000, send_timeout([{send_timeout, 30000}], []))]).

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

%% Also those of a host that comes while ejabberd runs.
sessions_of_all_hosts_are_listened_to_test_() ->
    configured([fun() -> listens_to(Host) end
                || Host <- [<<"one.example">>, <<"two.example">>, <<"three.example">>]]).

listens_to(Host) ->
    {{ok, _}, _} = start_listener({127, 0, 0, 1}, []),
    ejabberd_hooks:run(host_up, [<<"three.example">>]),
    ?assertEqual([{10, ecm_c2s, handle_info}], hooks(c2s_handle_info, Host)),
    ?assertEqual([{95, ecm_c2s_end, leaving}, {110, ecm_c2s_end, terminated}], hooks(c2s_terminated, Host)),
    ?assertEqual([{60, ecm_c2s_end, received}], hooks(c2s_handle_recv, Host)),
    ?assertEqual([{50, ecm_c2s_end, forgotten}], hooks(sm_remove_connection_hook, Host)),
    ?assertEqual([{-1000, ecm_c2s_offline, storing}, {51, ecm_c2s_offline, after_storing}],
                 hooks(offline_message_hook, Host)),
    ?assertEqual([{49, ecm_c2s_offline, before_fetching}, {51, ecm_c2s_offline, after_fetching}],
                 hooks(c2s_self_presence, Host)),
    ?assertEqual([{50, ecm_c2s, auth_result}], hooks(c2s_auth_result, Host)),
    [?assert(lists:member({95, ecm_c2s, opened}, hooks(Hook, Host)))
     || Hook <- [c2s_session_opened, c2s_session_resumed]].

%% Without an entry in `modules', a listener starts what a node needs; with one, a host does.
a_listener_or_a_host_starts_what_a_node_needs_test_() ->
    [configured(?_test(begin
                           ?assertEqual(undefined, whereis(ecm_sup)),
                           Start(),
                           ?assert(is_pid(whereis(ecm_sup))),
                           ?assertEqual(HasLinks, is_pid(whereis(ecm_link_sup))),
                           ?assertEqual([{10, ecm_c2s, handle_info}],
                                        hooks(c2s_handle_info, <<"one.example">>)),
                           ecm_sid_key:get()
                       end))
     || {Start, HasLinks} <- [{fun() -> {{ok, _}, _} = start_listener({127, 0, 0, 1}, []) end, true},
                              {fun() -> ok = mod_ecm:start(<<"one.example">>, #{}) end, false}]].

%% Sessions and listeners go on.
a_host_that_stops_takes_nothing_away_test_() ->
    configured(?_test(begin
                          ok = mod_ecm:start(<<"one.example">>, #{}),
                          Sup = whereis(ecm_sup),
                          ok = mod_ecm:reload(<<"one.example">>, #{}, #{}),
                          ok = mod_ecm:stop(<<"one.example">>),
                          ?assertEqual(Sup, whereis(ecm_sup)),
                          ?assertMatch([_, _], hooks(c2s_terminated, <<"one.example">>))
                      end)).

the_module_has_no_options_and_says_where_they_are_test() ->
    ?assertEqual([], mod_ecm:mod_options(<<"one.example">>)),
    ?assertEqual([], mod_ecm:depends(<<"one.example">>, #{})),
    #{desc := Text, example := [_ | _]} = mod_ecm:mod_doc(),
    ?assertMatch({match, _}, re:run(Text, "listener")).

hooks(Hook, Host) ->
    [Row] = ets:lookup(hooks, {Hook, Host}),
    element(2, Row).  % from ejabberd 24.07 on there is more behind it

a_listener_for_everyone_without_a_secret_is_warned_of_test_() ->
    configured(
      [?_assertEqual("every user of this machine", warned_of({127, 0, 0, 1})),
       ?_assertEqual("everyone who can connect to it", warned_of({0, 0, 0, 0})),
       ?_assertMatch([{warning, "mod_ecm at 0.0.0.0:" ++ _}],
                     log_of_start({0, 0, 0, 0}, [{tls, true}])),
       ?_test(with_secret(fun(Opts) ->
                                  ?assertEqual([], log_of_start({0, 0, 0, 0}, Opts))
                          end))]).

warned_of(Address) ->
    [{warning, Line}] = log_of_start(Address, []),
    {match, [Who]} = re:run(Line, "^mod_ecm at [0-9.:]+ takes requests from (.*): set 'secret_file'",
                            [{capture, [1], list}]),
    Who.

log_of_start(Address, Opts) ->
    {_, Lines} = start_listener(Address, Opts),
    Lines.

the_secret_is_read_at_the_start_test_() ->
    configured(?_test(with_secret(fun is_read/1))).

is_read(Opts) ->
    {{ok, Started}, []} = start_listener({127, 0, 0, 1}, Opts),
    Secret = proplists:get_value(secret, Started),
    ?assertEqual(<<"0123456789abcdef">>, Secret()).

with_secret(Use) ->
    ecm_scratch:with_file("0123456789abcdef\n",
                          fun(Path) ->
                                  ok = file:change_mode(Path, 8#600),
                                  Use([{secret_file, Path}])
                          end).

a_secret_that_others_can_read_is_warned_of_test_() ->
    configured(?_test(with_secret(fun is_warned_of/1))).

is_warned_of([{secret_file, Path}] = Opts) ->
    ok = file:change_mode(Path, 8#644),
    ?assertEqual([{warning, "other users of this machine can get at the secret in " ++ Path ++
                            ", its mode is 0644: chmod o= " ++ Path}],
                 log_of_start({127, 0, 0, 1}, Opts)).

a_secret_that_is_not_there_is_made_test_() ->
    configured(?_test(ecm_scratch:with_folder(fun is_made/1))).

is_made(Folder) ->
    Path = filename:join(Folder, "secret"),
    {{ok, Started}, []} = start_listener({127, 0, 0, 1}, [{secret_file, Path}]),
    {ok, Made} = file:read_file(Path),
    ?assertEqual(Made, <<((proplists:get_value(secret, Started))())/binary, "\n">>).

%% The rest, with a client of another user, is in tests/system/test_link_socket.py.
a_unix_socket_has_its_rights_test_() ->
    configured(?_test(ecm_scratch:with_folder(fun has_its_rights/1))).

has_its_rights(Folder) ->
    [begin
         Path = list_to_binary(filename:join(Folder, Name)),
         ?assertMatch({{ok, _}, []}, start_listener({local, Path}, Opts)),
         {ok, #file_info{mode = Is}} = file:read_file_info(Path),
         ?assertEqual(Mode, Is band 8#777)
     end || {Name, Opts, Mode} <- [{"default", [], 8#660},
                                   {"narrow", [{socket_mode, 8#600}], 8#600}]].

%% It works for one release, with a warning.
a_former_name_of_an_option_works_test_() ->
    configured(?_test(with_secret(fun has_former_name/1))).

has_former_name(Secret) ->
    {{ok, Opts}, [{warning, Line}]} = start_listener({127, 0, 0, 1}, [{dead_time, 20000} | Secret]),
    ?assertMatch({match, _}, re:run(Line, "the option 'dead_time' is 'link_timeout' now")),
    ?assertMatch(#{connection := #{link_timeout := 20000}}, ecm_listener_options:for_link(Opts)).

%% It exits with a reason for which its supervisor does not start it again.
a_listener_that_cannot_do_as_it_shall_does_not_start_test_() ->
    configured(
      [?_assertEqual({{exit, {shutdown, wrong_option}}, Text}, refused(Opts))
       || {Opts, Text} <-
              [{[{secret_file, <<"/nowhere/secret">>}],
                "cannot make /nowhere/secret: no such file or directory"},
               {[{socket_mode, 8#666}], "'socket_mode' is for a UNIX socket"},
               {[{socket_group, <<"1">>}], "'socket_group' is for a UNIX socket"},
               {[{secret_file, <<"/nowhere/secret">>}, {protocol, plain}],
                "'protocol: plain' has no secret, leave out 'secret_file'"},
               {[{ping_interval, 2000}, {link_timeout, 2000}],
                "'link_timeout' must be longer than 'ping_interval'"},
               {[{max_waiting_size, 16777215}, {max_stanza_to_client, 16777216}],
                "'max_waiting_size' must hold a stanza of 'max_stanza_to_client'"}]]).

refused(Opts) ->
    {Result, [{critical, Line}]} = start_listener({127, 0, 0, 1}, Opts),
    {match, [Text]} = re:run(Line, "^mod_ecm does not listen at 127\\.0\\.0\\.1:[0-9]+: (.*)$",
                             [{capture, [1], list}]),
    {Result, Text}.

%% Returns the result and the log lines.
start_listener(Address, Opts) ->
    ecm_log:start(),
    {ok, Listener} = gen_tcp:listen(0, [{ip, Address}]),
    Result = try {ok, mod_ecm:tcp_init(Listener, Opts)}
             catch exit:Reason -> {exit, Reason}
             end,
    ok = gen_tcp:close(Listener),
    {Result, [Line || {Level, Text} = Line <- ecm_log:lines(), is_list(Text),
                      Level =/= debug, Level =/= info]}.

%% Runs tests with what a listener needs at its start.
configured(Tests) ->
    {setup,
     fun() ->
             {ok, Hooks} = ejabberd_hooks:start_link(),
             true = unlink(Hooks),
             ok = ecm_services:start_parent(),
             {ecm_config:start([{hosts, global, [<<"one.example">>, <<"two.example">>]}]), Hooks,
              ecm_tables:start()}
     end,
     fun({Table, Hooks, Tables}) ->
             ecm_services:stop(),
             ecm_tables:stop(Tables),
             ecm_user:stop(Hooks),
             ecm_config:stop(Table)
     end,
     Tests}.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What becomes of ejabberd's answers. ejabberd_bosh is the real one, but no session is.

-module(ecm_bosh_tests).

-export([start/0]).

-include_lib("eunit/include/eunit.hrl").

-define(MAX_STANZA_SIZE, 1000).

an_answer_with_status_200_is_carried_as_it_is_test() ->
    Answer = [<<"<body">>, [<<" type='terminate'">>], <<"/>">>],
    ?assertEqual({200, Answer}, ecm_bosh:content(200, Answer)).

a_status_that_nothing_is_known_of_test() ->
    ?assertEqual({500, ecm_bosh:terminate(<<"undefined-condition">>)},
                 ecm_bosh:content(500, <<>>)).

%% That mod_bosh is not loaded is how it is while ejabberd stops.
an_answer_without_a_body_becomes_a_condition_test_() ->
    {setup, fun start/0, fun ecm_config:stop/1,
     [{Name, ?_assertEqual({Status, ecm_bosh:terminate(Condition)}, ask(Body))}
      || {Name, Body, Status, Condition} <-
             [{"no XML", <<"<body">>, 400, <<"bad-request">>},
              {"no RID", <<"<body/>">>, 400, <<"bad-request">>},
              {"nothing", <<>>, 400, <<"bad-request">>},
              {"too large", binary:copy(<<" ">>, ?MAX_STANZA_SIZE + 1), 403,
               <<"policy-violation">>},
              {"no mod_bosh", <<"<body rid='1' sid='old'/>">>, 200, <<"system-shutdown">>}]]}.

terminate_is_a_body_test() ->
    ?assertEqual(<<"<body type='terminate' condition='bad-request' "
                   "xmlns='http://jabber.org/protocol/httpbind'/>">>,
                 ecm_bosh:terminate(<<"bad-request">>)).

%% What comes for the client waits for its next request.
a_client_that_has_gone_has_its_request_taken_back_test() ->
    Session = ecm_session:start(100),
    {Exchange, Monitor} = start_exchange(Session, 101),
    await_held(Session),
    ok = ecm_bosh:gone(Exchange),
    ?assertEqual({answered, []}, reason_of_exit(Monitor)),
    ?assertEqual({false, true}, ecm_session:timers(Session)),
    ecm_session:send(Session, {xmlstreamraw, <<"<message/>">>}),
    ?assertEqual([{xmlstreamraw, <<"<message/>">>}], ecm_session:ask(Session, 102)),
    ecm_session:stop(Session).

%% `close' may overtake the request inside ejabberd.
a_client_may_have_gone_before_its_request_is_held_test() ->
    Session = ecm_session:start(100),
    true = erlang:suspend_process(Session),
    {Exchange, Monitor} = start_exchange(Session, 101),
    {Gone, GoneMonitor} = spawn_monitor(fun() -> exit(ecm_bosh:gone(Exchange)) end),
    await_status(Gone, waiting),
    true = erlang:resume_process(Session),
    ?assertEqual({answered, []}, reason_of_exit(Monitor)),
    ?assertEqual(ok, reason_of_exit(GoneMonitor)),
    ecm_session:stop(Session).

%% The client has sent it again, over another connection, before its first one was seen to be gone.
the_request_of_another_connection_stays_held_test() ->
    Session = ecm_session:start(100),
    {First, FirstMonitor} = start_exchange(Session, 101),
    await_held(Session),
    {Second, SecondMonitor} = start_exchange(Session, 101),
    ?assertEqual({answered, []}, reason_of_exit(FirstMonitor)),
    ok = ecm_bosh:gone(First),
    ?assertEqual({true, false}, ecm_session:timers(Session)),
    ok = ecm_bosh:gone(Second),
    ?assertEqual({answered, []}, reason_of_exit(SecondMonitor)),
    ecm_session:stop(Session).

what_is_no_session_is_left_alone_test() ->
    ecm_log:start(),
    Supervisor = whereis(kernel_sup),
    {Process, Monitor} =
        spawn_monitor(fun() -> monitor(process, Supervisor), receive done -> ok end end),
    ?assertEqual(ok, ecm_bosh:gone(Process)),
    Process ! done,
    ?assertEqual(normal, reason_of_exit(Monitor)),
    ?assertEqual([{debug, "A request whose client has gone is not held by a session"}],
                 ecm_log:lines()).

an_exchange_that_has_ended_needs_nothing_test() ->
    ecm_log:start(),
    {Process, Monitor} = spawn_monitor(fun() -> ok end),
    ?assertEqual(normal, reason_of_exit(Monitor)),
    ?assertEqual(ok, ecm_bosh:gone(Process)),
    ?assertEqual([], ecm_log:lines()).

start_exchange(Session, Rid) ->
    spawn_monitor(fun() -> exit({answered, ecm_session:ask(Session, Rid)}) end).

await_held(Session) ->
    case ecm_session:timers(Session) of
        {true, false} -> ok;
        _ -> timer:sleep(1), await_held(Session)
    end.

await_status(Process, Status) ->
    case process_info(Process, status) of
        {status, Status} -> ok;
        {status, _} -> timer:sleep(1), await_status(Process, Status)
    end.

reason_of_exit(Monitor) ->
    receive {'DOWN', Monitor, process, _, Reason} -> Reason end.

ask(Body) ->
    ecm_bosh:ask(Body, {{127, 0, 0, 1}, 51234}).

%% ejabberd gives BOSH the limits of its listener for clients.
start() ->
    Clients = {{5222, {0, 0, 0, 0}, tcp}, ejabberd_c2s, #{max_stanza_size => ?MAX_STANZA_SIZE}},
    ecm_config:start([{listen, global, [Clients]}, {host, global, <<"chat.example">>}]).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What stream management keeps, in a session in ejabberd's own process (ecm_user)
%% with the hooks of mod_stream_mgmt.

-module(ecm_c2s_unacked_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_user, [ask/3, deliver/2, open/2]).

-define(HOST, <<"chat.example">>).
-define(SM, <<"urn:xmpp:sm:3">>).

%% Bytes that may wait for a client, and of a message, in memory, that is part of that; it has a hundred elements.
-define(LIMIT, 100000).
-define(MESSAGE, 10000).

unacked_test_() ->
    {setup, fun prepare/0, fun restore/1,
     [fun() -> forget(), Test() end
      || Test <- [fun a_session_ends_for_which_too_much_waits/0,
                  fun a_client_that_acknowledges_gets_any_number/0,
                  fun a_single_stanza_may_be_longer/0,
                  fun what_waits_when_a_stream_is_resumed_counts/0,
                  fun what_is_sent_again_to_a_client_that_is_back_does_not_count/0,
                  fun what_waits_in_other_sessions_of_ejabberd_does_not_count/0,
                  fun what_could_not_be_decoded_counts/0,
                  fun what_is_no_stanza_does_not_count/0]]}.

prepare() ->
    ok = ecm_stats:start(),
    Prepared = ecm_user:prepare(),
    [ok = ejabberd_hooks:add(Hook, ?HOST, mod_stream_mgmt, Function, 50)
     || {Hook, Function} <- [{c2s_handle_send, c2s_handle_send}, {c2s_authenticated_packet, c2s_authenticated_packet}]],
    Prepared.

restore(Prepared) ->
    ecm_user:restore(Prepared),
    persistent_term:erase(ecm_stats).

%% Messages to the test that nobody has taken.
forget() ->
    receive _ -> forget()
    after 0 -> ok
    end.

managed() ->
    #{mgmt_state => active, mgmt_queue => p1_queue:new(), mgmt_max_queue => 5000, mgmt_xmlns => ?SM, mgmt_timeout => 0,
      mgmt_ack_timeout => infinity, mgmt_resend => true, mgmt_stanzas_in => 0, mgmt_stanzas_out => 0,
      mgmt_stanzas_req => 0}.

open(Changes) ->
    open(#{limits => #{max_waiting_size => ?LIMIT}}, maps:merge(managed(), Changes)).

%% One with elements, of which each takes many times its length.
full(Count) ->
    ecm_user:decoded(["<message from='romeo@chat.example' to='juliet@chat.example/balcony'>",
                      lists:duplicate(Count, "<a/>"), "</message>"]).

deliver_full({Session, _}, Count) ->
    Session ! {route, full(Count)}.

waits(Session) ->
    #{mgmt_queue := Queue} = sys:get_state(Session),
    p1_queue:len(Queue).

%% How many messages the client gets of those that are delivered one by one, until it is told that it is too much.
delivered({Session, _} = User, Count) ->
    deliver_full(User, 100),
    try waits(Session) of
        Waiting when Waiting > Count -> delivered(User, Waiting);
        _ -> Count  % the stream is over
    catch
        exit:_ -> Count
    end.

%% Sessions that have ended because too much has waited.
ended() ->
    maps:get({ended, max_waiting}, ecm_stats:numbers()).

a_session_ends_for_which_too_much_waits() ->
    {Session, _} = User = open(#{}),
    Ended = ended(),
    Monitor = monitor(process, Session),
    Count = delivered(User, 0),
    ok = receive {'DOWN', Monitor, process, _, _} -> ok end,
    ?assert(Count > ?LIMIT div ?MESSAGE),
    ?assert(Count < 2 * (?LIMIT div ?MESSAGE)),
    ?assertEqual(Ended + 1, ended()).

a_client_that_acknowledges_gets_any_number() ->
    {Session, _} = User = open(#{}),
    [begin
         [deliver_full(User, 100) || _ <- lists:seq(1, 5)],
         ask(User, Round + 1, io_lib:format("<a xmlns='~s' h='~B'/>", [?SM, 5 * Round])),
         ecm_link_pair:await(fun() -> waits(Session) =:= 0 end)
     end || Round <- lists:seq(1, 20)],
    ?assert(is_process_alive(Session)),
    ecm_user:stop(Session).

a_single_stanza_may_be_longer() ->
    {Session, _} = User = open(#{}),
    deliver_full(User, 10000),
    ?assertEqual(1, waits(Session)),
    Monitor = monitor(process, Session),
    deliver(User, <<"one more">>),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end).

what_waits_when_a_stream_is_resumed_counts() ->
    Queue = p1_queue:from_list([{1, erlang:timestamp(), full(10000)}]),
    {Session, _} = User = open(#{mgmt_queue => Queue, mgmt_stanzas_out => 1}),
    Monitor = monitor(process, Session),
    deliver(User, <<"one more">>),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end).

%% The queue is longer than the limit, and not so long that it would have ended the session before.
what_is_sent_again_to_a_client_that_is_back_does_not_count() ->
    Kept = [full(100) || _ <- lists:seq(1, 12)],
    Queue = p1_queue:from_list([{Number, erlang:timestamp(), Each} || {Number, Each} <- lists:enumerate(Kept)]),
    {Session, _} = User = open(#{mgmt_queue => Queue, mgmt_stanzas_out => 12}),
    Again = [xmpp:put_meta(Each, mgmt_is_resent, true) || Each <- Kept],
    [ejabberd_c2s:send(Session, Each) || Each <- Again],
    ?assertMatch(#{mgmt_max_queue := 5000}, sys:get_state(Session)),
    deliver(User, <<"one more">>),
    ?assertEqual(13, waits(Session)),
    ecm_user:stop(Session).

what_waits_in_other_sessions_of_ejabberd_does_not_count() ->
    Queue = p1_queue:from_list([{1, erlang:timestamp(), full(10000)}]),
    State = (managed())#{mgmt_queue := Queue},
    ?assertEqual(State, ecm_c2s_unacked:sent(State, full(1), ok)).

what_could_not_be_decoded_counts() ->
    {Session, _} = open(#{}),
    Raw = {xmlel, <<"message">>, [], []},
    After = sys:replace_state(Session, fun(State) -> ecm_c2s_unacked:sent(State, Raw, ok) end),
    ?assert(map_get(ecm_unacked, After) > 0),
    ecm_user:stop(Session).

what_is_no_stanza_does_not_count() ->
    Request = ecm_user:decoded(["<r xmlns='", ?SM, "'/>"]),
    {Session, _} = open(#{}),
    Before = sys:get_state(Session),
    After = sys:replace_state(Session, fun(State) -> ecm_c2s_unacked:sent(State, Request, ok) end),
    ?assertEqual(Before, After),
    ecm_user:stop(Session).

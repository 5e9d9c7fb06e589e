%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A BOSH session in ejabberd's own process (ecm_user).

-module(ecm_c2s_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_user, [answer/0, answer/1, ask/3, ask/4, await_sleep/1, deliver/2, exchange/1, open/1,
                   open/2, routed/0]).

-define(NEWCOMER_LIMITS, #{max_body => 1200, max_elements => 7, counted => all}).
-define(MESSAGE, "<message xmlns='jabber:client' to='romeo@chat.example'>"
                 "<body>~s</body></message>").

session_test_() ->
    {setup, fun ecm_user:prepare/0, fun ecm_user:restore/1,
     [fun() -> forget(), Test() end
      || Test <-
           [fun a_stanza_of_the_client_is_routed/0,
            fun a_stanza_for_the_client_is_in_the_answer/0,
            fun what_comes_together_goes_together/0,
            fun what_waits_is_in_the_answer_to_the_next_request/0,
            fun a_request_of_another_session_of_this_process_is_refused/0,
            fun a_process_without_a_bosh_session_refuses/0,
            fun no_xml_ends_the_session/0,
            fun what_nothing_can_be_made_of_ends_the_session/0,
            fun a_client_that_has_gone_is_sent_nothing/0,
            fun a_client_that_has_closed_its_end_is_answered_with_nothing/0,
            fun a_client_may_go_before_its_session_begins/0,
            fun what_comes_late_to_a_session_of_ejabberds_own_is_left_to_it/0,
            fun a_session_sleeps_once_nothing_is_to_be_done/0,
            fun a_session_that_sleeps_loses_nothing/0,
            fun a_session_that_wakes_up_is_as_before/0,
            fun whoever_asks_a_session_leaves_it_asleep/0,
            fun a_session_that_wakes_up_has_its_label/0,
            fun a_session_may_be_told_not_to_sleep/0,
            fun a_session_may_be_told_to_sleep_after_a_while/0,
            fun a_session_that_is_not_logged_in_does_not_sleep/0,
            fun a_request_is_answered_when_the_client_has_waited/0,
            fun an_inactive_session_ends_and_what_waits_is_routed_once/0,
            fun what_was_sent_and_is_not_confirmed_is_routed/0,
            fun what_is_managed_is_not_routed/0,
            fun only_stanzas_for_somebody_are_routed/0,
            fun requests_of_the_last_moment_are_refused/0,
            fun what_was_accepted_is_sent_though_the_session_ends/0,
            fun what_is_no_message_is_not_sent_any_more/0,
            fun whoever_ends_the_process_leaves_it_time/0,
            fun a_process_that_was_linked_and_ends_well_ends_nothing/0,
            fun a_session_that_fails_loses_nothing/0,
            fun a_client_that_terminates_is_answered/0,
            fun an_error_of_the_stream_ends_the_session/0,
            fun who_asks_behind_an_error_is_told_of_the_end/0,
            fun a_host_that_is_not_served_is_unknown/0,
            fun who_has_held_nothing_is_told_why_it_has_ended/0,
            fun what_is_no_stanza_ends_the_stream/0,
            fun an_error_of_the_client_ends_the_stream/0,
            fun what_is_too_much_before_the_login_ends_the_stream/0,
            fun nothing_is_too_much_after_the_login/0,
            fun a_session_has_little_memory_before_the_login/0,
            fun a_login_comes_after_those_who_are_online/0,
            fun who_has_a_resource_makes_room_for_another_login/0,
            fun a_stanza_that_is_too_long_comes_back/0,
            fun what_a_client_sends_too_fast_waits/0,
            fun its_turn_comes/0,
            fun the_address_of_a_client/0]]}.

%% Drops the messages of earlier tests.
forget() ->
    ecm_log:start(),
    receive
        {answer, _, _, _} -> forget();
        {routed, _} -> forget()
    after 0 ->
        ok
    end.

a_stanza_of_the_client_is_routed() ->
    User = open(#{}),
    ask(User, 2, [text("one"), text("two")]),
    ?assertEqual([<<"one">>, <<"two">>], [receive_routed(), receive_routed()]),
    ecm_user:stop(element(1, User)).

text(Text) ->
    io_lib:format(?MESSAGE, [Text]).

receive_routed() ->
    receive {routed, Text} -> Text end.

a_stanza_for_the_client_is_in_the_answer() ->
    User = open(#{}),
    ask(User, 2, []),
    deliver(User, <<"hello">>),
    ?assertEqual([<<"hello">>], texts(answer(2))),
    ecm_user:stop(element(1, User)).

%% All that had come before goes out together.
what_comes_together_goes_together() ->
    {Session, _} = User = open(#{}),
    ask(User, 2, []),
    at_once(Session, fun() -> [deliver(User, <<N>>) || N <- "abc"] end),
    ?assertEqual([<<"a">>, <<"b">>, <<"c">>], texts(answer(2))),
    ecm_user:stop(Session).

what_waits_is_in_the_answer_to_the_next_request() ->
    {Session, _} = User = open(#{}),
    deliver(User, <<"one">>),
    await_sleep(User),
    ask(User, 2, []),
    ?assertEqual([<<"one">>], texts(answer(2))),
    ecm_user:stop(Session).

a_request_of_another_session_of_this_process_is_refused() ->
    {Session, Sid} = User = open(#{}),
    {ok, Session, Nonce} = ecm_sid:find(ecm_user:key(), Sid),
    ecm_c2s:request(Session, Nonce bxor 1, {violates, <<"bad-request">>}, exchange(7)),
    {7, 200, Answer} = answer(),
    ?assertMatch(#{<<"type">> := <<"terminate">>, <<"condition">> := <<"item-not-found">>},
                 attributes(Answer)),
    ask(User, 2, []),
    deliver(User, <<"hello">>),
    ?assertEqual([<<"hello">>], texts(answer(2))),
    ecm_user:stop(Session).

%% As one of ejabberd's own clients, which got the pid of a session that is over.
a_process_without_a_bosh_session_refuses() ->
    Session = ecm_user:start(#{}),
    ecm_c2s:request(Session, 1, {violates, <<"bad-request">>}, exchange(7)),
    {7, 200, Answer} = answer(),
    ?assertMatch(#{<<"condition">> := <<"item-not-found">>}, attributes(Answer)),
    ecm_user:stop(Session).

%% The held request is answered, too, and what waits is routed.
no_xml_ends_the_session() ->
    {Session, _} = User = open(#{}),
    Monitor = monitor(process, Session),
    ask(User, 2, []),
    ask(User, 3, "<message>&no;</message>"),
    ?assertMatch({200, #{<<"type">> := <<"terminate">>, <<"condition">> := <<"bad-request">>}},
                 attributes(answer(3))),
    ?assertMatch({200, #{<<"type">> := <<"terminate">>, <<"condition">> := <<"other-request">>}},
                 attributes(answer(2))),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end).

what_nothing_can_be_made_of_ends_the_session() ->
    {Session, Sid} = open(#{}),
    Monitor = monitor(process, Session),
    {ok, Session, Nonce} = ecm_sid:find(ecm_user:key(), Sid),
    ecm_c2s:request(Session, Nonce, {violates, <<"policy-violation">>}, exchange(7)),
    ?assertMatch({200, #{<<"type">> := <<"terminate">>,
                         <<"condition">> := <<"policy-violation">>}}, attributes(answer(7))),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ecm_c2s_farewell:answer(Session, Nonce, exchange(8)),
    ?assertMatch({200, #{<<"condition">> := <<"policy-violation">>}}, attributes(answer(8))).

%% The session keeps what comes for the next request.
a_client_that_has_gone_is_sent_nothing() ->
    {Session, _} = User = open(#{}),
    ask(User, 2, []),
    ecm_c2s:gone(Session, exchange(2), gone),
    deliver(User, <<"hello">>),
    await_sleep(User),
    receive {answer, 2, _, _} = Answer -> error(Answer) after 0 -> ok end,
    ask(User, 3, []),
    {Status, Body} = answer(3),
    ?assertEqual([<<"hello">>], texts({Status, Body})),
    ecm_user:stop(Session).

%% It may have gone, and so it gets nothing of what comes then.
a_client_that_has_closed_its_end_is_answered_with_nothing() ->
    {Session, _} = User = open(#{}),
    ask(User, 2, []),
    ecm_c2s:gone(Session, exchange(2), half_closed),
    {200, _} = Empty = answer(2),
    ?assertEqual([], texts(Empty)),
    deliver(User, <<"hello">>),
    await_sleep(User),
    ask(User, 3, []),
    ?assertEqual([<<"hello">>], texts(answer(3))),
    ecm_user:stop(Session).

a_client_may_go_before_its_session_begins() ->
    Session = ecm_user:start(#{}),
    ecm_c2s:gone(Session, exchange(1), gone),
    ecm_c2s:gone(Session, exchange(1), half_closed),
    _ = sys:get_state(Session),
    ?assertEqual([], [Line || {error, _} = Line <- ecm_log:lines()]),
    ecm_user:stop(Session).

%% As one over TCP, which shares our hooks.
what_comes_late_to_a_session_of_ejabberds_own_is_left_to_it() ->
    Session = ecm_user:start(#{stream_state => disconnected}),
    deliver({Session, none}, <<"late">>),
    _ = sys:get_state(Session),
    ?assertEqual([], [Line || {error, Line} <- ecm_log:lines()]),
    ecm_user:stop(Session).

%% Hibernation.

a_session_sleeps_once_nothing_is_to_be_done() ->
    {Session, _} = User = open(#{}),
    await_sleep(User),
    ask(User, 2, []),
    await_sleep(User),
    deliver(User, <<"hello">>),
    ?assertEqual([<<"hello">>], texts(answer(2))),
    await_sleep(User),
    ecm_user:stop(Session).

%% p1_server takes all messages from the mailbox before it handles the first: a process that hibernates then
%% would lose them.
a_session_that_sleeps_loses_nothing() ->
    {Session, _} = User = open(#{}),
    Texts = [integer_to_binary(N) || N <- lists:seq(1, 200)],
    at_once(Session, fun() -> all_at_once(2, Texts, User) end),
    Answers = [answer(Rid) || Rid <- lists:seq(2, 201)],
    ?assertEqual(Texts, lists:append([texts(Answer) || Answer <- Answers])),
    await_sleep(User),
    deliver(User, <<"last">>),
    ask(User, 202, []),
    ?assertEqual([<<"last">>], texts(answer(202))),
    ecm_user:stop(Session).

%% Between the messages are requests, each of which could be the last before hibernation.
all_at_once(_, [], _) ->
    ok;
all_at_once(Rid, [Text | Rest], User) ->
    deliver(User, Text),
    ask(User, Rid, []),
    all_at_once(Rid + 1, Rest, User).

%% The state is that which it had.
a_session_that_wakes_up_is_as_before() ->
    {Session, _} = User = open(#{}),
    Before = sys:get_state(Session),
    ask(User, 2, []),
    await_sleep(User),
    ?assertEqual(Before, sys:get_state(Session)),
    ecm_user:stop(Session).

%% The state is unpacked for each. After all of them the session takes the memory that it took before, and
%% what waits still comes.
whoever_asks_a_session_leaves_it_asleep() ->
    {Session, _} = User = open(#{}),
    await_sleep(User),
    {memory, Bytes} = process_info(Session, memory),
    [begin
         {reductions, Before} = process_info(Session, reductions),
         _ = Ask(Session),
         ecm_link_pair:await(fun() -> sleeps_again(Session, Bytes, Before) end)
     end || Ask <- [fun ejabberd_c2s:get_presence/1, fun sys:get_state/1, fun sys:get_status/1,
                    fun(Pid) -> sys:replace_state(Pid, fun(State) -> State end) end,
                    fun(Pid) -> ok = sys:suspend(Pid), Pid ! unknown, ok = sys:resume(Pid) end,
                    fun(Pid) ->
                            ok = sys:suspend(Pid),
                            ok = sys:change_code(Pid, p1_server, none, none),
                            ok = sys:resume(Pid)
                    end,
                    fun(Pid) -> p1_server:cast(Pid, unknown) end,
                    fun(Pid) -> Pid ! {'DOWN', make_ref(), process, self(), normal} end,
                    fun(Pid) -> Pid ! unknown end,
                    fun ejabberd_c2s:resend_presence/1]],
    deliver(User, <<"hello">>),
    ask(User, 2, []),
    ?assertEqual([<<"hello">>], texts(answer(2))),
    ecm_user:stop(Session).

%% It has run meanwhile.
sleeps_again(Session, Bytes, Before) ->
    case process_info(Session, [current_function, message_queue_len, memory, reductions]) of
        [{_, {erlang, hibernate, 3}}, {_, 0}, {_, Bytes}, {_, After}] -> After > Before;
        _ -> false
    end.

%% As newer versions of ejabberd have one.
a_session_that_wakes_up_has_its_label() ->
    {Session, _} = User = open(#{}),
    Label = {ejabberd_c2s, <<"juliet">>, <<"chat.example">>},
    _ = sys:replace_state(Session, fun(State) -> put('$process_label', Label), State end),
    await_sleep(User),
    ?assertEqual({dictionary, []}, process_info(Session, dictionary)),
    Test = self(),
    _ = sys:replace_state(Session, fun(State) -> Test ! {label, get('$process_label')}, State end),
    ?assertEqual(Label, receive {label, Found} -> Found end),
    ecm_user:stop(Session).

a_session_may_be_told_not_to_sleep() ->
    {Session, _} = User = open(#{hibernate_after => infinity}),
    ask(User, 2, []),
    _ = sys:get_state(Session),
    ?assertNot(ecm_user:is_asleep(User)),
    ecm_user:stop(Session).

a_session_may_be_told_to_sleep_after_a_while() ->
    {Session, _} = User = open(#{hibernate_after => 20}),
    ask(User, 2, []),
    await_sleep(User),
    ecm_user:stop(Session).

%% It would hibernate forever: xmpp_stream_in has the timeout of the login.
a_session_that_is_not_logged_in_does_not_sleep() ->
    Now = erlang:monotonic_time(millisecond),
    {Session, _} = User = open(#{}, #{stream_timeout => {3600000, Now}}),
    ask(User, 2, []),
    _ = sys:get_state(Session),
    ?assertNot(ecm_user:is_asleep(User)),
    ecm_user:stop(Session).

%% Timers.

a_request_is_answered_when_the_client_has_waited() ->
    {Session, _} = User = open(#{session => #{max_wait => 1}}),
    ask(User, 2, []),
    await_sleep(User),
    ?assertEqual([], texts(answer(2))),
    ecm_user:stop(Session).

%% It is a message of ejabberd itself: somebody must route what is not acknowledged.
an_inactive_session_ends_and_what_waits_is_routed_once() ->
    {Session, _} = User = open(#{session => #{max_inactivity => 1}}),
    Monitor = monitor(process, Session),
    deliver(User, <<"one">>),
    deliver(User, <<"two">>),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([<<"one">>, <<"two">>], routed()).

%% The end.

what_was_sent_and_is_not_confirmed_is_routed() ->
    {Session, _} = User = open(#{}),
    ask(User, 2, []),
    deliver(User, <<"confirmed">>),
    _ = answer(2),
    ask(User, 3, []),
    deliver(User, <<"sent">>),
    _ = answer(3),
    deliver(User, <<"waits">>),
    ended(Session),
    ?assertEqual([<<"sent">>, <<"waits">>], routed()).

%% Stream management (XEP-0198) does so itself.
what_is_managed_is_not_routed() ->
    [begin
         {Session, _} = User = open(#{}, #{mgmt_state => State}),
         deliver(User, <<"waits">>),
         ended(Session),
         ?assertEqual({State, Expected}, {State, routed()})
     end || {State, Expected} <- [{active, []}, {pending, []}, {inactive, [<<"waits">>]}]].

only_stanzas_for_somebody_are_routed() ->
    {Session, _} = User = open(#{}),
    ejabberd_c2s:send(Session, ecm_user:features()),
    ejabberd_c2s:send(Session, ecm_user:decoded("<iq type='result' id='bind'/>")),
    deliver(User, <<"waits">>),
    ended(Session),
    ?assertEqual([<<"waits">>], routed()),
    ?assertEqual([], [Line || {error, _} = Line <- ecm_log:lines()]).

%% They were in the mailbox, or in the queue of p1_server.
requests_of_the_last_moment_are_refused() ->
    {Session, _} = User = open(#{hibernate_after => infinity}),
    at_once(Session, fun() ->
                             ejabberd_c2s:stop_async(Session),
                             ask(User, 2, []),
                             ask(User, 3, [])
                     end),
    [?assertMatch(#{<<"condition">> := <<"item-not-found">>}, attributes(element(2, answer(Rid))))
     || Rid <- [2, 3]].

%% The requests that are here are handled before anything else, and their stanzas after it.
what_was_accepted_is_sent_though_the_session_ends() ->
    [begin
         {Session, _} = User = open(#{}),
         await_sleep(User),
         Monitor = monitor(process, Session),
         at_once(Session, fun() ->
                                  End(Session),
                                  ask(User, 2, [text("one"), text("two")]),
                                  ask(User, 3, [text("three")])
                          end),
         ?assertEqual(#{<<"xmlns">> => <<"http://jabber.org/protocol/httpbind">>},
                      attributes(element(2, answer(2)))),
         receive {'DOWN', Monitor, process, _, _} -> ok end,
         ?assertEqual([<<"one">>, <<"two">>, <<"three">>], routed())
     end || End <- [fun ejabberd_c2s:stop_async/1, fun send_conflict/1]].

send_conflict(Session) ->
    ejabberd_c2s:send(Session, xmpp:serr_conflict()).

what_is_no_message_is_not_sent_any_more() ->
    {Session, _} = User = open(#{}),
    await_sleep(User),
    Monitor = monitor(process, Session),
    at_once(Session, fun() ->
                             send_conflict(Session),
                             ask(User, 2, ["<iq xmlns='jabber:client' to='romeo@chat.example' type='get'/>"
                                           "<message xmlns='jabber:client' to='@'/>",
                                           "<message xmlns='jabber:client'><body>to me</body></message>",
                                           text("last")])
                     end),
    receive {'DOWN', Monitor, process, _, _} -> ok end,
    ?assertEqual([<<"to me">>, <<"last">>], routed()).

whoever_ends_the_process_leaves_it_time() ->
    [begin
         {Session, _} = User = open(#{}),
         ask(User, 2, []),
         deliver(User, <<"sent">>),
         _ = answer(2),
         deliver(User, <<"waits">>),
         Then(User),
         Monitor = monitor(process, Session),
         exit(Session, Reason),
         ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Ended} -> Ended end),
         ?assertEqual([<<"sent">>, <<"waits">>], routed())
     end || Reason <- [shutdown, failed],
            Then <- [fun ecm_user:await_sleep/1, fun(_) -> ok end]].

%% The test is the parent of the process, whose end is that of p1_server, too, until the session has slept once.
a_process_that_was_linked_and_ends_well_ends_nothing() ->
    {Session, _} = User = open(#{}),
    await_sleep(User),
    exit(Session, normal),
    Session ! {'EXIT', self(), normal},
    deliver(User, <<"hello">>),
    ask(User, 2, []),
    ?assertEqual([<<"hello">>], texts(answer(2))),
    ecm_user:stop(Session).

a_session_that_fails_loses_nothing() ->
    {Session, _} = User = open(#{}),
    deliver(User, <<"waits">>),
    await_sleep(User),
    Monitor = monitor(process, Session),
    Session ! {ecm, {nonsense, 1}},
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Ended} -> Ended end),
    ?assertEqual([<<"waits">>], routed()),
    ?assertMatch(["ECM session failed, and ends" ++ _], [Line || {error, Line} <- ecm_log:lines()]).

a_client_that_terminates_is_answered() ->
    {Session, _} = User = open(#{}),
    Monitor = monitor(process, Session),
    ask(User, 2, "type='terminate'", text("last")),
    {200, Answer} = answer(2),
    ?assertMatch(#{<<"type">> := <<"terminate">>}, attributes(Answer)),
    ?assertEqual(<<"last">>, receive_routed()),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end).

%% In one body (XEP-0206, section 8).
an_error_of_the_stream_ends_the_session() ->
    {Session, _} = User = open(#{}),
    ask(User, 2, []),
    await_sleep(User),
    Monitor = monitor(process, Session),
    ejabberd_c2s:send(Session, xmpp:serr_conflict()),
    {200, Answer} = answer(2),
    ?assertMatch(#{<<"type">> := <<"terminate">>, <<"condition">> := <<"remote-stream-error">>},
                 attributes(Answer)),
    ?assertMatch({match, _}, re:run(Answer, "<stream:error.*<conflict ")),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end).

%% Its request comes before the process has ended.
who_asks_behind_an_error_is_told_of_the_end() ->
    {Session, _} = User = open(#{}),
    ok = sys:suspend(Session),
    send_conflict(Session),
    ask(User, 2, []),
    ok = sys:resume(Session),
    {200, Answer} = answer(2),
    ?assertMatch(#{<<"type">> := <<"terminate">>, <<"condition">> := <<"remote-stream-error">>},
                 attributes(Answer)),
    ?assertMatch({match, _}, re:run(Answer, "<stream:error.*<conflict ")).

a_host_that_is_not_served_is_unknown() ->
    {Session, _} = User = open(#{}),
    ask(User, 2, []),
    ejabberd_c2s:send(Session, xmpp:serr_host_unknown()),
    {200, Answer} = answer(2),
    ?assertMatch(#{<<"type">> := <<"terminate">>, <<"condition">> := <<"host-unknown">>},
                 attributes(Answer)).

%% With the next request, whatever that is.
who_has_held_nothing_is_told_why_it_has_ended() ->
    {Session, Sid} = open(#{}),
    {ok, Session, Nonce} = ecm_sid:find(ecm_user:key(), Sid),
    Monitor = monitor(process, Session),
    ejabberd_c2s:send(Session, xmpp:serr_conflict()),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ecm_c2s_farewell:answer(Session, Nonce, exchange(2)),
    {200, Answer} = answer(2),
    ?assertMatch(#{<<"type">> := <<"terminate">>, <<"condition">> := <<"remote-stream-error">>},
                 attributes(Answer)),
    ?assertMatch({match, _}, re:run(Answer, "<stream:error.*<conflict ")).

%% Its client gets its envelope.
a_stanza_that_is_too_long_comes_back() ->
    {Session, _} = User = open(#{limits => #{max_stanza_to_client => 1000}}),
    ask(User, 2, []),
    deliver(User, binary:copy(<<"x">>, 1000)),
    ?assertEqual([<<>>], texts(answer(2))),
    ?assertEqual(<<>>, receive_routed()),
    ask(User, 3, []),
    deliver(User, <<"short">>),
    ?assertEqual([<<"short">>], texts(answer(3))),
    _ = sys:get_state(ecm_c2s_too_long),
    ?assertMatch(["ECM session: a stanza of 1" ++ _],
                 [Line || {warning, Line} <- ecm_log:lines()]),
    ended(Session),
    ?assertEqual([<<"short">>], routed()).

%% It is in its session, which takes no more of it than there may be requests at once.
what_a_client_sends_too_fast_waits() ->
    {Session, _} = User = open(#{}),
    Monitor = monitor(process, Session),
    limit(Session, p1_shaper:new(1)),
    [ask(User, Rid, text("never")) || Rid <- [2, 3]],
    _ = sys:get_state(Session),
    ?assertEqual([], routed()),
    ask(User, 4, []),
    ?assertMatch({200, #{<<"condition">> := <<"item-not-found">>}}, attributes(answer(4))),
    [?assertMatch({200, #{<<"condition">> := <<"other-request">>}}, attributes(answer(Rid)))
     || Rid <- [2, 3]],
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([], routed()).

its_turn_comes() ->
    {Session, _} = User = open(#{}),
    limit(Session, p1_shaper:new(400)),
    [ask(User, Rid, text(Text)) || {Rid, Text} <- [{2, "one"}, {3, "two"}]],
    ?assertEqual([<<"one">>, <<"two">>], [receive_routed(), receive_routed()]),
    ?assertEqual([], texts(answer(2))),
    ecm_user:stop(Session).

%% In its process, as ejabberd_c2s does it.
limit(Session, Shaper) ->
    sys:replace_state(Session, fun(State) ->
                                       ok = ecm_c2s_socket:change_shaper(socket, Shaper),
                                       State
                               end).

what_is_no_stanza_ends_the_stream() ->
    {Session, _} = User = open(#{}),
    Monitor = monitor(process, Session),
    ask(User, 2, ["<a xmlns='urn:xmpp:sm:3' h='0'/>", text("one"), "<nonsense/>", text("two")]),
    {200, Answer} = answer(2),
    ?assertMatch({match, _}, re:run(Answer, "<stream:error.*<unsupported-stanza-type ")),
    receive {'DOWN', Monitor, process, _, _} -> ok end,
    ?assertEqual([<<"one">>], routed()).

an_error_of_the_client_ends_the_stream() ->
    {Session, _} = User = open(#{}),
    Monitor = monitor(process, Session),
    ask(User, 2, [text("one"),
                  "<s:error xmlns:s='http://etherx.jabber.org/streams'>"
                  "<undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></s:error>"]),
    ?assertMatch({200, #{<<"type">> := <<"terminate">>}}, attributes(answer(2))),
    receive {'DOWN', Monitor, process, _, _} -> ok end,
    ?assertEqual([<<"one">>], routed()).

%% With an error of the stream in the end of the session (XEP-0206, section 6).
what_is_too_much_before_the_login_ends_the_stream() ->
    [begin
         {Session, _} = User = open(#{newcomer_limits => ?NEWCOMER_LIMITS}),
         Monitor = monitor(process, Session),
         ask(User, 2, Content),
         {200, Answer} = answer(2),
         ?assertMatch(#{<<"type">> := <<"terminate">>, <<"condition">> := <<"remote-stream-error">>},
                      attributes(Answer)),
         ?assertMatch({match, _}, re:run(Answer, ["<stream:error.*<policy-violation .*", Text])),
         receive {'DOWN', Monitor, process, _, _} -> ok end
     end || {Content, Text} <- [{text(binary:copy(<<"x">>, 1200)), "Too many bytes"},
                                {lists:duplicate(4, text("x")), "Too many elements"}]],
    ?assertEqual([], routed()).

nothing_is_too_much_after_the_login() ->
    {Session, _} = User = open(#{newcomer_limits => ?NEWCOMER_LIMITS}),
    _ = sys:replace_state(Session, fun(State) ->
                                           ecm_c2s:auth_result(State, true, <<"juliet">>)
                                   end),
    ask(User, 2, lists:duplicate(9, text("x"))),
    ?assertEqual(<<"x">>, receive_routed()),
    ecm_user:stop(Session).

%% As it cannot hibernate, it gives back what it does not need; afterwards, it would hibernate.
a_session_has_little_memory_before_the_login() ->
    Now = erlang:monotonic_time(millisecond),
    {Session, _} = User = open(#{}, #{stream_timeout => {3600000, Now}}),
    ask(User, 2, ["<a xmlns='urn:example'>", binary:copy(<<"<b/>">>, 10000), "</a>"]),
    _ = sys:get_state(Session),
    ask(User, 3, []),
    ecm_link_pair:await(fun() -> heap(Session) < 2000 end),
    _ = sys:replace_state(Session, fun(State) -> ecm_c2s:auth_result(State, true, <<"juliet">>) end),
    ask(User, 4, []),
    ecm_link_pair:await(fun() -> heap(Session) > 2000 end),
    ecm_user:stop(Session).

%% For the schedulers.
a_login_comes_after_those_who_are_online() ->
    {Session, _} = open(#{}),
    ?assertEqual({priority, low}, process_info(Session, priority)),
    _ = sys:replace_state(Session, fun(State) -> ecm_c2s:auth_result(State, {false, <<"x">>}, <<"juliet">>) end),
    ?assertEqual({priority, low}, process_info(Session, priority)),
    _ = sys:replace_state(Session, fun(State) -> ecm_c2s:auth_result(State, true, <<"juliet">>) end),
    ?assertEqual({priority, normal}, process_info(Session, priority)),
    ecm_user:stop(Session).

%% As one of ejabberd's own does not, which shares the hook.
who_has_a_resource_makes_room_for_another_login() ->
    Test = self(),
    {Session, _} = open(#{}),
    Newcomer = #{from => {{192, 0, 2, 7}, 1}, bytes => 1},
    Limits = #{max_logins => 1, max_waiting => 1, max_body => 1},
    Await = fun(Key, Start) ->
                    ok = ecm_c2s_logins:await_turn(Newcomer#{key => Key, start => Start}, Limits, fun(_) -> ok end)
            end,
    Await(1, fun(begins) -> ecm_c2s_logins:passed_on(Session) end),
    Await(2, fun(Turn) -> Test ! {turn, Turn} end),
    #{} = ecm_c2s:opened(#{}),
    _ = sys:get_state(ecm_c2s_logins),
    ?assertEqual(waits, receive {turn, Turn} -> Turn after 100 -> waits end),
    ?assertMatch({monitors, [_]}, process_info(Session, monitors)),
    _ = sys:replace_state(Session, fun ecm_c2s:opened/1),
    ?assertEqual({monitors, []}, process_info(Session, monitors)),
    ?assertEqual(begins, receive {turn, Turn} -> Turn after 1000 -> waits end),
    ecm_user:stop(Session).

%% In words.
heap(Session) ->
    {total_heap_size, Size} = process_info(Session, total_heap_size),
    Size.

ended(Session) ->
    Monitor = monitor(process, Session),
    ejabberd_c2s:stop_async(Session),
    receive {'DOWN', Monitor, process, _, _} -> ok end.

%% The rest of ejabberd expects each client to have an IP address.
the_address_of_a_client() ->
    [begin
         Session = ecm_c2s:start(Client, #{c2s => [{max_fsm_queue, 10}]}),
         #{socket := Socket} = sys:get_state(Session),
         ?assertEqual({ok, Address}, ecm_c2s_socket:peername(Socket)),
         ?assertEqual({ok, Address}, ecm_c2s_socket:sockname(Socket)),
         ecm_user:stop(Session)
     end || {Client, Address} <- [{{{192, 0, 2, 7}, 51234}, {{192, 0, 2, 7}, 51234}},
                                  {{local, <<>>}, {{127, 0, 0, 1}, 0}}]].

texts({200, Body}) ->
    {xmlel, <<"body">>, _, Children} = fxml_stream:parse_element(Body),
    [fxml:get_subtag_cdata(Child, <<"body">>) || {xmlel, <<"message">>, _, _} = Child <- Children].

attributes({Status, Body}) ->
    {Status, attributes(Body)};
attributes(Body) ->
    {xmlel, <<"body">>, Attributes, _} = fxml_stream:parse_element(Body),
    maps:from_list(Attributes).

%% All messages are in the mailbox before the process sees the first.
at_once(Process, Do) ->
    true = erlang:suspend_process(Process),
    Do(),
    true = erlang:resume_process(Process).

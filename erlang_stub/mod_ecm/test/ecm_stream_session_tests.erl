%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The session of a stream in ejabberd's own process (ecm_user). The test stands in for the writer of its link.

-module(ecm_stream_session_tests).

-include_lib("eunit/include/eunit.hrl").

-export([closed/2]).

-import(ecm_user, [await_sleep/1, deliver/2, routed/0]).

-define(ID, 7).
-define(OPEN, <<"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>">>).
%% Bytes of the window for what a client sends, and for what it gets.
-define(OWN, 100000).
-define(THEIRS, 100000).
%% A window for two stanzas.
-define(SMALL, 300).

session_test_() ->
    {setup, fun ecm_user:prepare/0, fun ecm_user:restore/1,
     [{Name, fun() -> forget(), Test() end}
      || {Name, Test} <-
             [{"from the client", fun a_stanza_of_the_client_is_routed/0},
              {"for the client", fun a_stanza_for_the_client_is_a_message/0},
              {"credit", fun what_is_beyond_the_credit_waits/0},
              {"given back", fun what_is_handled_is_given_back/0},
              {"shaper", fun a_shaper_gives_back_later/0},
              {"much that waits", fun who_has_much_to_read_is_not_heard_on/0},
              {"much that waits, half-closed", fun who_has_much_to_read_and_is_half_closed_is_heard_on/0},
              {"too much credit", fun who_gives_back_too_much_is_told/0},
              {"slow reader", fun too_much_that_waits_ends_the_session_and_is_routed/0},
              {"gone", fun what_waits_for_who_has_gone_is_routed_once/0},
              {"of a link that is over", fun what_ecm_has_not_got_is_routed_first/0},
              {"managed", fun what_is_managed_is_not_routed/0},
              {"managed, gone", fun a_managed_session_stays_when_its_client_goes/0},
              {"managed, long", fun a_managed_session_without_its_client_has_its_state_once/0},
              {"managed, once", fun what_is_managed_is_not_kept_twice_once_the_client_is_gone/0},
              {"leaves", fun who_is_to_leave_is_closed_and_nothing_is_lost/0},
              {"leaves, managed", fun a_managed_session_stays_for_who_is_to_leave/0},
              {"half-closed", fun who_is_half_closed_is_heard_and_what_waits_is_routed/0},
              {"half-closed, managed", fun a_managed_session_is_half_closed_too/0},
              {"half-closed, ended", fun a_client_that_is_half_closed_may_end_its_stream/0},
              {"half-closed, slow", fun too_much_that_waits_ends_a_session_that_is_half_closed/0},
              {"moves", fun a_session_without_its_stream_moves/0},
              {"asleep", fun a_session_sleeps_and_is_as_before/0},
              {"asleep, credit", fun credit_is_counted_in_sleep/0},
              {"asleep, after a while", fun a_session_may_be_told_to_sleep_after_a_while/0},
              {"no XML", fun what_is_no_xml_ends_the_stream/0},
              {"what comes behind", fun nothing_behind_a_fault_is_for_anybody/0},
              {"before the header", fun a_stanza_before_the_header_ends_the_stream/0},
              {"before the login", fun limits_are_lower_before_the_login/0},
              {"at once", fun too_many_stanzas_at_once_end_the_stream/0},
              {"another host", fun a_client_is_told_of_another_host/0},
              {"binding", fun a_login_may_be_bound_until_it_has_succeeded/0},
              {"too long", fun a_stanza_that_is_too_long_comes_back/0},
              {"conflict", fun an_error_of_the_stream_ends_it/0},
              {"client's error", fun an_error_that_the_client_reports_ends_the_stream/0},
              {"close", fun a_client_that_closes_is_answered/0},
              {"killed", fun whoever_ends_the_process_leaves_it_time/0},
              {"transport", fun the_kind_and_encryption_are_known/0}]]}.

forget() ->
    ecm_log:start(),
    receive
        {stream, _, _} -> forget();
        {routed, _} -> forget()
    after 0 ->
        ok
    end.

a_stanza_of_the_client_is_routed() ->
    User = open(#{}),
    [tell(User, {message, text(Text)}) || Text <- ["one", "two"]],
    ?assertEqual([<<"one">>, <<"two">>], [receive_routed(), receive_routed()]),
    stop(User).

a_stanza_for_the_client_is_a_message() ->
    User = open(#{}),
    [deliver(User, Text) || Text <- ["one", "two"]],
    ?assertEqual([<<"one">>, <<"two">>], [receive_text(), receive_text()]),
    stop(User).

what_is_beyond_the_credit_waits() ->
    User = open(#{theirs => ?SMALL}),
    [deliver(User, [N]) || N <- "abcdef"],
    Sent = [receive_message(), receive_message()],
    Given = lists:sum([ecm_link_credit:cost(Message) || Message <- Sent]),
    await_sleep(User),
    ?assertEqual(none, receive_message(0)),
    tell(User, {more, Given}),
    ?assertEqual([<<"c">>, <<"d">>], [receive_text(), receive_text()]),
    deliver(User, "g"),
    tell(User, {more, Given}),
    ?assertEqual([<<"e">>, <<"f">>], [receive_text(), receive_text()]),
    stop(User).

%% At half of the window, and after the stanzas are handled.
what_is_handled_is_given_back() ->
    User = open(#{own => 500}),
    tell(User, {message, text("one")}),
    await_sleep(User),
    tell(User, {message, text("two")}),
    All = lists:sum([ecm_link_credit:cost(Message) || Message <- [?OPEN, text("one"), text("two")]]),
    ?assertEqual({more, All}, receive_said()),
    ?assertEqual([<<"one">>, <<"two">>], routed()),
    stop(User).

a_shaper_gives_back_later() ->
    User = open(#{own => 500}),
    limit(User, p1_shaper:new(200)),
    [tell(User, {message, text(Text)}) || Text <- ["one", "two"]],
    ?assertEqual([<<"one">>, <<"two">>], [receive_routed(), receive_routed()]),
    await_sleep(User),
    ?assertEqual(none, receive_said(0)),
    ?assertMatch({more, _}, receive_said()),
    limit(User, p1_shaper:new(1)),
    [tell(User, {message, text(Text)}) || Text <- ["one", "two"]],
    ?assertEqual(none, receive_said(200)),
    stop(User).

who_has_much_to_read_is_not_heard_on() ->
    User = with_much_to_read(),
    tell(User, {more, ecm_link_credit:cost(message_for("a"))}),
    ?assertEqual(<<"c">>, receive_text()),
    ?assertMatch({more, _}, receive_said()),
    stop(User).

who_has_much_to_read_and_is_half_closed_is_heard_on() ->
    User = with_much_to_read(),
    tell(User, half_close),
    ?assertEqual([left, more], lists:sort([case receive_said() of {more, _} -> more; Said -> Said end || _ <- [1, 2]])),
    stop(User).

%% One who has sent something, while two stanzas wait of the sixteen that may.
with_much_to_read() ->
    User = open(#{own => 500, theirs => ?SMALL, limits => #{max_waiting => 16}}),
    [deliver(User, [N]) || N <- "abcd"],
    _ = [receive_message(), receive_message()],
    [tell(User, {message, text(Text)}) || Text <- ["one", "two"]],
    ?assertEqual([<<"one">>, <<"two">>], [receive_routed(), receive_routed()]),
    await_sleep(User),
    ?assertEqual(none, receive_said(0)),
    User.

who_gives_back_too_much_is_told() ->
    User = open(#{}),
    Monitor = monitor(process, element(1, User)),
    tell(User, {more, 1000}),
    ?assertMatch({wrong, _}, receive_said()),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual(none, receive_said(0)).

too_much_that_waits_ends_the_session_and_is_routed() ->
    User = open(#{theirs => ?SMALL, limits => #{max_waiting => 3}}),
    Monitor = monitor(process, element(1, User)),
    [deliver(User, [N]) || N <- "abcdef"],
    _ = [receive_message(), receive_message()],
    ?assertEqual({close, failed, 1008}, receive_said()),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([<<"c">>, <<"d">>, <<"e">>, <<"f">>], routed()),
    ?assertEqual(none, receive_said(0)).

what_waits_for_who_has_gone_is_routed_once() ->
    {Session, _} = User = open(#{theirs => ?SMALL}),
    Monitor = monitor(process, Session),
    [deliver(User, [N]) || N <- "abc"],
    _ = [receive_message(), receive_message()],
    await_sleep(User),
    ok = sys:suspend(Session),
    tell(User, {closed, gone}),
    deliver(User, "d"),
    tell(User, {message, text("late")}),
    ok = sys:resume(Session),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([<<"c">>, <<"d">>], routed()),
    ?assertEqual(none, receive_said(0)).

%% By a link that is over, with what begins and ends streams.
what_ecm_has_not_got_is_routed_first() ->
    User = open(#{theirs => ?SMALL}),
    [deliver(User, [N]) || N <- "abc"],
    Sent = [receive_message(), receive_message()],
    tell(User, {unsent, [?OPEN | Sent]}),
    tell(User, {closed, gone}),
    ?assertEqual([<<"a">>, <<"b">>, <<"c">>], [receive_routed() || _ <- "abc"]),
    ?assertEqual([], routed()),
    stop(User).

what_is_managed_is_not_routed() ->
    {Session, _} = User = open(#{theirs => ?SMALL}, #{mgmt_state => active}),
    Monitor = monitor(process, Session),
    [deliver(User, [N]) || N <- "abc"],
    ejabberd_c2s:stop_async(Session),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([], routed()).

%% Stream management keeps it (c2s_closed), and its state says what waits.
a_managed_session_stays_when_its_client_goes() ->
    {Session, _} = User = open(#{}, #{mgmt_state => active}),
    ok = ejabberd_hooks:add(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    tell(User, {closed, gone}),
    ecm_link_pair:await(fun() -> map_get(mgmt_state, sys:get_state(Session)) =:= pending end),
    deliver(User, "a"),
    ?assertMatch(#{mgmt_state := pending}, sys:get_state(Session)),
    ?assertEqual(none, receive_said(0)),
    ok = ejabberd_hooks:delete(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    stop(User).

%% It does not hibernate any more, and has no use for the packed state with which it has woken up. It still does nothing
%% for a while behind each message.
a_managed_session_without_its_client_has_its_state_once() ->
    {Session, _} = User = open(#{}, #{mgmt_state => active, long => rand:bytes(200 * 1024)}),
    await_sleep(User),
    ok = ejabberd_hooks:add(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    tell(User, {closed, gone}),
    ecm_link_pair:await(fun() -> is_integer(woken_with(Session)) end),
    ?assertMatch(Rest when Rest >= 200 andalso Rest < 210, woken_with(Session)),
    ?assertMatch(#{mgmt_state := pending, long := <<_:(8 * 200 * 1024)>>}, sys:get_state(Session)),
    ok = ejabberd_hooks:delete(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    stop(User).

woken_with(Session) ->
    {dictionary, Dictionary} = process_info(Session, dictionary),
    proplists:get_value(ecm_c2s_hibernate, Dictionary).

%% What was sent before the management began is routed when the session ends.
what_is_managed_is_not_kept_twice_once_the_client_is_gone() ->
    {Session, _} = User = open(#{theirs => 1}, #{mgmt_state => active}),
    ok = ejabberd_hooks:add(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    await_sleep(User),
    deliver(User, "a"),
    begin_management(User),
    [deliver(User, [N]) || N <- "bc"],
    ?assertMatch(#{waiting := 4}, in_session(User, fun ecm_stream_session:facts/0)),
    tell(User, {closed, gone}),
    ecm_link_pair:await(fun() -> map_get(waiting, in_session(User, fun ecm_stream_session:facts/0)) =:= 2 end),
    ok = ejabberd_hooks:delete(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    Monitor = monitor(process, Session),
    ejabberd_c2s:stop_async(Session),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([<<"a">>], routed()).

begin_management(User) ->
    Enabled = {xmlstreamelement, {xmlel, <<"enabled">>, [{<<"xmlns">>, <<"urn:xmpp:sm:3">>}], []}},
    in_session(User, fun() -> ecm_stream_socket:send_xml(socket, Enabled) end).

%% In its process.
in_session({Session, _}, Ask) ->
    Self = self(),
    _ = sys:replace_state(Session, fun(State) -> Self ! {asked, Ask()}, State end),
    receive {asked, Answer} -> Answer end.

%% What has come before the end counts, and what waits is routed.
who_is_to_leave_is_closed_and_nothing_is_lost() ->
    {Session, _} = User = open(#{theirs => ?SMALL}),
    Monitor = monitor(process, Session),
    [deliver(User, [N]) || N <- "abc"],
    _ = [receive_message(), receive_message()],
    await_sleep(User),
    ok = sys:suspend(Session),
    tell(User, leave),
    tell(User, {message, text("behind")}),
    tell(User, leave),
    ok = sys:resume(Session),
    ?assertEqual({close, 'end', 1012}, receive_said()),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([<<"behind">>, <<"c">>], routed()),
    ?assertEqual(none, receive_said(0)).

a_managed_session_stays_for_who_is_to_leave() ->
    {Session, _} = User = open(#{}, #{mgmt_state => active}),
    await_sleep(User),
    ok = ejabberd_hooks:add(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    tell(User, leave),
    ?assertEqual({close, 'end', 1012}, receive_said()),
    ecm_link_pair:await(fun() -> map_get(mgmt_state, sys:get_state(Session)) =:= pending end),
    ok = ejabberd_hooks:delete(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    stop(User).

%% What has come for the client before is sent, and what comes later is routed once the client has gone.
who_is_half_closed_is_heard_and_what_waits_is_routed() ->
    {Session, _} = User = open(#{own => 500}),
    Monitor = monitor(process, Session),
    await_sleep(User),
    ok = sys:suspend(Session),
    tell(User, half_close),
    deliver(User, "before"),
    ok = sys:resume(Session),
    ?assertEqual(<<"before">>, receive_text()),
    ?assertEqual(left, receive_said()),
    await_sleep(User),
    [deliver(User, [N]) || N <- "ab"],
    tell(User, half_close),
    [tell(User, {message, text(Text)}) || Text <- ["one", "two"]],
    ?assertEqual([<<"one">>, <<"two">>], [receive_routed(), receive_routed()]),
    ?assertMatch({more, _}, receive_said()),
    tell(User, {more, 1}),
    await_sleep(User),
    ?assertEqual(none, receive_said(0)),
    tell(User, {closed, gone}),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([<<"a">>, <<"b">>], routed()),
    ?assertEqual(none, receive_said(0)).

a_managed_session_is_half_closed_too() ->
    {Session, _} = User = open(#{}, #{mgmt_state => active}),
    ok = ejabberd_hooks:add(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    tell(User, half_close),
    ?assertEqual(left, receive_said()),
    tell(User, {closed, gone}),
    ecm_link_pair:await(fun() -> map_get(mgmt_state, sys:get_state(Session)) =:= pending end),
    ?assertEqual(none, receive_said(0)),
    ok = ejabberd_hooks:delete(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    stop(User).

%% There is no answer to its end, as nothing is said any more.
a_client_that_is_half_closed_may_end_its_stream() ->
    {Session, _} = User = open(#{}),
    Monitor = monitor(process, Session),
    tell(User, half_close),
    ?assertEqual(left, receive_said()),
    tell(User, {message, <<"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>">>}),
    ?assertEqual({close, 'end', none}, receive_said()),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual(none, receive_said(0)).

too_much_that_waits_ends_a_session_that_is_half_closed() ->
    {Session, _} = User = open(#{limits => #{max_waiting => 3}}),
    Monitor = monitor(process, Session),
    tell(User, half_close),
    ?assertEqual(left, receive_said()),
    [deliver(User, [N]) || N <- "abcd"],
    ?assertEqual({close, failed, 1008}, receive_said()),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([<<"a">>, <<"b">>, <<"c">>, <<"d">>], routed()).

%% What has waited for the client is still known. The next process begins as any of ejabberd_c2s.
a_session_without_its_stream_moves() ->
    true = ets:insert(ejabberd_options,
                      [{{Option, Host}, Value}
                       || {Option, Value} <- [{negotiation_timeout, 30000}, {language, <<"en">>}],
                          Host <- [global, <<"chat.example">>]]),
    {Old, _} = User = open(#{theirs => ?SMALL}, #{mgmt_state => active}),
    [deliver(User, [N]) || N <- "abc"],
    _ = [receive_message(), receive_message()],
    begin_management(User),
    await_sleep(User),
    ?assertEqual({error, busy}, ecm_c2s_transfer:freeze(Old)),
    ok = ejabberd_hooks:add(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    tell(User, leave),
    ?assertEqual({close, 'end', 1012}, receive_said()),
    {ok, #{session := #{undelivered := [_, _]}} = Frozen} = frozen(Old),
    {ok, {New, _} = Place} = ecm_c2s_transfer:prepare(Frozen, #{old => Old, controller => self()}),
    ok = ecm_c2s_transfer:hand_over(Old, Place),
    ?assertMatch({ok, #{session := #{undelivered := [_, _]}}}, frozen(New)),
    ok = ecm_c2s_transfer:resume(New),
    ?assertMatch(#{mgmt_state := pending}, sys:get_state(New)),
    ?assertEqual(none, receive_said(0)),
    ok = ejabberd_hooks:delete(c2s_closed, <<"chat.example">>, ?MODULE, closed, 50),
    [stop({Process, none}) || Process <- [Old, New]].

%% It may have something to do.
frozen(Session) ->
    case ecm_c2s_transfer:freeze(Session) of
        {error, Reason} when Reason =:= busy; Reason =:= ending -> timer:sleep(1), frozen(Session);
        Answer -> Answer
    end.

a_session_sleeps_and_is_as_before() ->
    {Session, _} = User = open(#{}),
    await_sleep(User),
    Before = sys:get_state(Session),
    [begin
         deliver(User, "hello"),
         ?assertEqual(<<"hello">>, receive_text()),
         tell(User, {more, ecm_link_credit:cost(message_for("hello"))}),
         tell(User, {message, text("answer")}),
         ?assertEqual(<<"answer">>, receive_routed()),
         await_sleep(User)
     end || _ <- lists:seq(1, 5)],
    ?assertEqual(Before, sys:get_state(Session)),
    stop(User).

%% No state of ejabberd is unpacked for it: a session that cannot be unpacked any more takes it.
credit_is_counted_in_sleep() ->
    User = open(#{theirs => ?SMALL}),
    [deliver(User, [N]) || N <- "abc"],
    Sent = [receive_message(), receive_message()],
    await_sleep(User),
    Given = lists:sum([ecm_link_credit:cost(Message) || Message <- Sent]),
    tell(User, {more, 100}),
    await_sleep(User),
    tell(User, {more, Given - 100}),
    ?assertEqual(<<"c">>, receive_text()),
    await_sleep(User),
    tell(User, {more, ?SMALL}),
    ?assertMatch({wrong, _}, receive_said()).

a_session_may_be_told_to_sleep_after_a_while() ->
    {Session, _} = User = open(#{hibernate_after => 100}),
    tell(User, {message, text("hello")}),
    _ = receive_routed(),
    _ = sys:get_state(Session),
    ?assertNot(ecm_user:is_asleep(User)),
    await_sleep(User),
    stop(User).

what_is_no_xml_ends_the_stream() ->
    User = open(#{}),
    Monitor = monitor(process, element(1, User)),
    tell(User, {message, <<"<message>">>}),
    ?assertMatch({match, _}, re:run(receive_message(), "^<stream:error .*<not-well-formed ")),
    ?assertMatch(<<"<close ", _/binary>>, receive_message()),
    ?assertEqual({close, 'end', none}, receive_said()),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end).

nothing_behind_a_fault_is_for_anybody() ->
    {Session, _} = User = open(#{}),
    Monitor = monitor(process, Session),
    await_sleep(User),
    ok = sys:suspend(Session),
    [tell(User, {message, Message}) || Message <- [text("before"), <<"<!-- --><a/>">>, text("behind")]],
    ok = sys:resume(Session),
    ?assertMatch({match, _}, re:run(receive_message(), "<restricted-xml ")),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([<<"before">>], routed()).

a_stanza_before_the_header_ends_the_stream() ->
    User = newcomer(#{}),
    tell(User, {message, text("early")}),
    ?assertMatch(<<"<open ", _/binary>>, receive_message()),
    ?assertMatch({match, _}, re:run(receive_message(), "<stream:error .*<not-well-formed ")),
    ?assertMatch(<<"<close ", _/binary>>, receive_message()),
    ?assertEqual({close, 'end', none}, receive_said()),
    ?assertEqual([], routed()).

limits_are_lower_before_the_login() ->
    Limits = #{max_body => 100, max_elements => 3},
    User = newcomer(#{newcomer_limits => Limits}),
    tell(User, {message, iolist_to_binary(["<message>", lists:duplicate(100, $x), "</message>"])}),
    _ = receive_message(),
    ?assertMatch({match, _}, re:run(receive_message(), "<policy-violation ")),
    ?assertMatch(<<"<close ", _/binary>>, receive_message()),
    ?assertEqual({close, 'end', none}, receive_said()),
    Begun = open(#{newcomer_limits => Limits}, #{}, fun() -> ok end),
    tell(Begun, {message, <<"<iq><a/><a/><a/></iq>">>}),
    ?assertMatch({match, _}, re:run(receive_message(), "<policy-violation ")),
    forget(),
    LoggedIn = open(#{newcomer_limits => Limits}),
    tell(LoggedIn, {message, text("this is long enough, and it is routed nevertheless since there is no limit")}),
    _ = receive_routed(),
    stop(LoggedIn).

%% The third one finds the first two in the mailbox, where the process has no turn with them.
too_many_stanzas_at_once_end_the_stream() ->
    {Session, _} = User = open(#{limits => #{max_stanzas => 2}}),
    [begin
         tell(User, {message, text(Text)}),
         ?assertEqual(iolist_to_binary(Text), receive_routed())
     end || Text <- ["one", "two", "three"]],
    await_sleep(User),
    Monitor = monitor(process, Session),
    ok = sys:suspend(Session),
    [tell(User, {message, text(Text)}) || Text <- ["four", "five", "six"]],
    ok = sys:resume(Session),
    ?assertMatch({match, _}, re:run(receive_message(), "<policy-violation .*Too many stanzas")),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([<<"four">>, <<"five">>], routed()).

%% By its URI, which ends the stream (RFC 7395, section 3.6.1); or by its name, as over TCP.
a_client_is_told_of_another_host() ->
    [begin
         {Session, _} = User = open(#{}),
         await_sleep(User),
         Monitor = monitor(process, Session),
         ejabberd_c2s:send(Session, xmpp:serr_see_other_host(Host)),
         Told(receive_message()),
         ?assertEqual({close, 'end', none}, receive_said()),
         ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end)
     end || {Host, Told} <- [{<<"wss://other.example/ws">>, fun is_sent_to_the_uri/1},
                             {<<"other.example:5222">>, fun is_sent_to_the_host/1}]].

is_sent_to_the_uri(Message) ->
    ?assertEqual(<<"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://other.example/ws'/>">>,
                 Message).

is_sent_to_the_host(Message) ->
    ?assertMatch({match, _}, re:run(Message, "<stream:error .*<see-other-host .*>other.example:5222<")),
    ?assertMatch(<<"<close ", _/binary>>, receive_message()).

a_login_may_be_bound_until_it_has_succeeded() ->
    Binding = binary:copy(<<7>>, 32),
    [?assertEqual({Secure, Expected, {error, unavailable}}, {Secure, bound(Secure, Fields, fun() -> ok end),
                                                   bound(Secure, Fields, fun ecm_stream_session:logged_in/0)})
     || {Secure, Fields, Expected} <- [{true, #{<<"cb">> => Binding}, {ok, Binding}},
                                       {false, #{<<"cb">> => Binding}, {error, unavailable}},
                                       {true, #{}, {error, unavailable}}]].

bound(Secure, Fields, Begin) ->
    {Session, _} = User = start(#{secure => Secure, fields => Fields}, #{}, Begin),
    Test = self(),
    _ = sys:replace_state(Session, fun(#{socket := Socket} = State) ->
                                           Test ! {bound, ecm_stream_socket:get_tls_cb_exporter(Socket)},
                                           State
                                   end),
    stop(User),
    receive {bound, Binding} -> Binding end.

a_stanza_that_is_too_long_comes_back() ->
    User = open(#{limits => #{max_stanza_to_client => 250}}),
    deliver(User, binary:copy(<<"x">>, 250)),
    ?assertEqual(<<>>, receive_text()),
    ?assertEqual(<<>>, receive_routed()),
    deliver(User, "short"),
    ?assertEqual(<<"short">>, receive_text()),
    stop(User).

an_error_of_the_stream_ends_it() ->
    {Session, _} = User = open(#{}),
    await_sleep(User),
    Monitor = monitor(process, Session),
    ejabberd_c2s:send(Session, xmpp:serr_conflict()),
    ?assertMatch({match, _}, re:run(receive_message(), "<stream:error xmlns:stream=.*<conflict ")),
    ?assertMatch(<<"<close ", _/binary>>, receive_message()),
    ?assertEqual({close, 'end', none}, receive_said()),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end).

an_error_that_the_client_reports_ends_the_stream() ->
    Streams = <<"http://etherx.jabber.org/streams">>,
    [begin
         User = open(#{}),
         Monitor = monitor(process, element(1, User)),
         tell(User, {message, <<Tag/binary, "='", Streams/binary, "'><undefined-condition "
                                "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></", Name/binary, ">">>}),
         ?assertMatch(<<"<close ", _/binary>>, receive_message()),
         ?assertEqual({close, 'end', none}, receive_said()),
         ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end)
     end || {Tag, Name} <- [{<<"<stream:error xmlns:stream">>, <<"stream:error">>}, {<<"<error xmlns">>, <<"error">>}]].

a_client_that_closes_is_answered() ->
    {Session, _} = User = open(#{}),
    Monitor = monitor(process, Session),
    tell(User, {message, text("before")}),
    tell(User, {message, <<"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>">>}),
    ?assertMatch(<<"<close ", _/binary>>, receive_message()),
    ?assertEqual({close, 'end', none}, receive_said()),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([<<"before">>], routed()).

whoever_ends_the_process_leaves_it_time() ->
    {Session, _} = User = open(#{theirs => ?SMALL}),
    Monitor = monitor(process, Session),
    [deliver(User, [N]) || N <- "abc"],
    _ = [receive_message(), receive_message()],
    await_sleep(User),
    exit(Session, shutdown),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ?assertEqual([<<"c">>], routed()),
    ?assertEqual({close, 'end', none}, receive_said()).

the_kind_and_encryption_are_known() ->
    [begin
         {Session, _} = User = open(#{secure => Secure}),
         _ = sys:replace_state(Session, fun(State) ->
                                                websocket = xmpp_stream_in:get_transport(State),
                                                ecm_c2s:opened(State)
                                        end),
         ?assertMatch(#{stream_encrypted := Secure}, sys:get_state(Session)),
         await_sleep(User),
         ?assert(ecm_c2s_process:is_session(Session)),
         stop(User)
     end || Secure <- [false, true]].

%% @private A hook, as mod_stream_mgmt has it.
closed(State, _) ->
    {stop, State#{mgmt_state := pending}}.

%% A session, whose client has logged in.
open(Options) ->
    open(Options, #{}).

open(Options, Changes) ->
    open(Options, Changes, fun ecm_stream_session:logged_in/0).

open(Options, Changes, Begin) ->
    {Session, _} = User = start(Options, Changes, Begin),
    tell(User, {message, ?OPEN}),
    _ = sys:replace_state(Session, fun(State) ->
                                           ok = ecm_stream_socket:send_xml(socket, {xmlstreamstart, <<"s">>, []}),
                                           State
                                   end),
    <<"<open ", _/binary>> = receive_message(),
    User.

%% One whose client has not begun its stream.
newcomer(Options) ->
    start(Options, #{stream_state => wait_for_stream, stream_header_sent => false, stream_version => {1, 0},
                     stream_id => <<"1">>}, fun() -> ok end).

start(Options, Changes, Begin) ->
    Limits = maps:merge(#{max_body => infinity, max_elements => infinity, max_stanzas => 1000,
                          max_stanza_to_client => 1000000, max_waiting => 5000, max_waiting_size => 1000000},
                        maps:get(limits, Options, #{})),
    All = #{limits => Limits, newcomer_limits => maps:merge(Limits, maps:get(newcomer_limits, Options, #{})),
            c2s => [{max_fsm_queue, 10000}], hibernate_after => maps:get(hibernate_after, Options, 0)},
    Windows = #{own => maps:get(own, Options, ?OWN), theirs => maps:get(theirs, Options, ?THEIRS)},
    Open = #{secure => maps:get(secure, Options, true), fields => maps:get(fields, Options, #{}), windows => Windows},
    Stream = {self(), ?ID, 1000000},
    New = fun() ->
                  ok = ecm_c2s_process:newcomer(),
                  ok = ecm_stream_session:new(Stream, ecm_stream_websocket, Open, All),
                  Begin()
          end,
    {ecm_user:start(Changes, ecm_stream_socket, New), none}.

stop({Session, _}) ->
    ecm_user:stop(Session).

tell({Session, _}, Event) ->
    ecm_link_stream:tell(Event, Session).

text(Text) ->
    iolist_to_binary(["<message xmlns='jabber:client' to='romeo@chat.example'><body>", Text, "</body></message>"]).

%% In its process, as ejabberd_c2s does it.
limit({Session, _}, Shaper) ->
    sys:replace_state(Session, fun(State) -> ok = ecm_stream_socket:change_shaper(socket, Shaper), State end).

%% A stanza as it comes to the client.
message_for(Text) ->
    {Session, _} = User = open(#{}),
    deliver(User, Text),
    Message = receive_message(),
    ecm_user:stop(Session),
    Message.

receive_routed() ->
    receive {routed, Text} -> Text end.

receive_said() ->
    receive {stream, ?ID, Said} -> Said end.

receive_said(Milliseconds) ->
    receive {stream, ?ID, Said} -> Said after Milliseconds -> none end.

receive_message() ->
    {message, Message} = receive_said(),
    Message.

receive_message(Milliseconds) ->
    receive {stream, ?ID, {message, Message}} -> Message after Milliseconds -> none end.

receive_text() ->
    fxml:get_subtag_cdata(fxml_stream:parse_element(receive_message()), <<"body">>).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A session that changes its process. The code of both processes is ejabberd's own; what needs its tables and
%% other nodes is in tests/system.

-module(ecm_c2s_transfer_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_user, [answer/1, ask/3, await_sleep/1, deliver/2, exchange/1, open/1, open/2]).

%% What ejabberd_c2s asks for at the start of a process.
-define(OPTIONS, [{negotiation_timeout, 30000}, {language, <<"en">>}, {sm_db_type, mnesia}]).

transfer_test_() ->
    {setup, fun prepare/0, fun ecm_user:restore/1,
     [{atom_to_list(Name), Test}
      || {Name, Test} <-
             [{'a session is the same in another process', fun it_is_the_same/0},
              {'a session that sleeps', fun one_that_sleeps/0},
              {'a request that is held', fun one_with_a_request/0},
              {'what waits, and what is not confirmed', fun one_with_stanzas/0},
              {'what comes meanwhile', fun what_comes_meanwhile/0},
              {'what comes to the old process', fun what_comes_late/0},
              {'it goes on where it was', fun undone/0},
              {'it goes on with what the new process has got', fun given_back/0},
              {'its controller ends', fun left_alone/0},
              {'the new process ends with its controller', fun not_begun/0},
              {'the new process is not told in time', fun told_too_late/0},
              {'the node of the old process is lost', fun cut_off/0},
              {'only the old process has the new one begin', fun told_by_a_stranger/0},
              {'the new process is told twice', fun told_twice/0},
              {'the old process is killed', fun killed/0},
              {'the priority of a newcomer', fun newcomer/0},
              {'in the middle of a login', fun in_a_login/0},
              {'a function in the state', fun not_portable/0},
              {'another version', fun another_version/0},
              {'a session of ejabberd itself', fun not_ours/0},
              {'its end in this process', fun finished/0},
              {'requests at that end', fun asked_at_the_end/0},
              {'timers of stream management', fun timers/0},
              {'a queue of stream management in a file', fun queue_in_a_file/0}]]}.

prepare() ->
    Prepared = ecm_user:prepare(),
    true = ets:insert(ejabberd_options,
                      [{{Option, Host}, Value} || {Option, Value} <- ?OPTIONS,
                                                  Host <- [global, <<"chat.example">>]]),
    Prepared.

it_is_the_same() ->
    {Old, Sid} = User = open(#{}),
    await_sleep(User),
    Before = sys:get_state(Old),
    New = moved(Old),
    ?assertEqual(without_process(Before), without_process(sys:get_state(New))),
    ?assertMatch(#{owner := New, socket_monitor := _}, sys:get_state(New)),
    ?assertEqual({monitors, []}, process_info(New, monitors)),
    Moved = {New, Sid},
    await_sleep(Moved),
    forwarded(Old, Sid, 2),
    deliver(Moved, <<"hello">>),
    ?assertMatch({200, _}, has(<<"hello">>, answer(2))),
    stop([Old, New]).

without_process(State) ->
    maps:without([owner, socket_monitor], State).

%% As a controller does it all.
moved(Old) ->
    {ok, Frozen} = frozen(Old),
    {New, _} = Place = prepared(Frozen, Old),
    ok = ecm_c2s_transfer:hand_over(Old, Place),
    New.

prepared(Frozen, Old) ->
    {ok, Place} = ecm_c2s_transfer:prepare(Frozen, #{old => Old, controller => self()}),
    Place.

%% It may have something to do.
frozen(Session) ->
    case ecm_c2s_transfer:freeze(Session) of
        {error, busy} -> timer:sleep(1), frozen(Session);
        Answer -> Answer
    end.

%% Asks the old process, of which the SID tells.
forwarded(Old, Sid, Rid) ->
    ask({Old, Sid}, Rid, []).

has(Text, {200, Body}) ->
    ?assertNotEqual(nomatch, binary:match(iolist_to_binary(Body), Text)),
    {200, Body}.

stop(Processes) ->
    lists:foreach(fun ecm_user:stop/1, Processes).

%% It does not stay awake.
one_that_sleeps() ->
    {Old, Sid} = User = open(#{}),
    await_sleep(User),
    {ok, _} = frozen(Old),
    ok = ecm_c2s_transfer:resume(Old),
    await_sleep(User),
    New = moved(Old),
    await_sleep({New, Sid}),
    stop([Old, New]).

one_with_a_request() ->
    {Old, Sid} = User = open(#{}),
    ask(User, 2, []),
    New = moved(Old),
    ?assertMatch({200, <<"<body xmlns='http://jabber.org/protocol/httpbind'/>">>}, answer(2)),
    deliver({New, Sid}, <<"hello">>),
    forwarded(Old, Sid, 3),
    has(<<"hello">>, answer(3)),
    stop([Old, New]).

%% An answer is repeated there, and what waits comes after it.
one_with_stanzas() ->
    {Old, Sid} = User = open(#{}),
    ask(User, 2, []),
    deliver(User, <<"sent">>),
    First = answer(2),
    deliver(User, <<"waits">>),
    New = moved(Old),
    forwarded(Old, Sid, 2),
    ?assertEqual(First, answer(2)),
    forwarded(Old, Sid, 3),
    has(<<"waits">>, answer(3)),
    stop([Old, New]).

%% In the order in which it has come: first what the old process has got.
what_comes_meanwhile() ->
    {Old, Sid} = User = open(#{}),
    {ok, Frozen} = frozen(Old),
    deliver(User, <<"one">>),
    {New, _} = Place = prepared(Frozen, Old),
    deliver({New, Sid}, <<"three">>),
    deliver(User, <<"two">>),
    ask(User, 2, []),
    ok = ecm_c2s_transfer:hand_over(Old, Place),
    receive {moved, 2, Old, New} -> ok end,
    {200, Body} = answer(2),
    Rest = case binary:match(Body, <<"three">>) of
               nomatch -> forwarded(Old, Sid, 3), element(2, answer(3));
               _ -> <<>>
           end,
    {match, Texts} = re:run([Body, Rest], "<body>([a-z]*)</body>", [global, {capture, [1], binary}]),
    ?assertEqual([[<<"one">>], [<<"two">>], [<<"three">>]], Texts),
    stop([Old, New]).

%% The writer of the request's link is told who answers.
what_comes_late() ->
    {Old, Sid} = User = open(#{}),
    New = moved(Old),
    deliver(User, <<"late">>),
    ask(User, 2, []),
    has(<<"late">>, answer(2)),
    receive {moved, 2, Old, New} -> ok end,
    ok = ecm_c2s:gone(Old, exchange(3), gone),
    ok = ecm_c2s:request(Old, 0, {violates, <<"bad-request">>}, exchange(4)),
    has(<<"item-not-found">>, answer(4)),
    ?assertEqual({error, moved}, ecm_c2s_transfer:freeze(Old)),
    ?assert(is_process_alive(New)),
    await_sleep({New, Sid}),
    stop([Old, New]).

%% With the new process: it has ended before it could begin.
undone() ->
    {Old, _} = User = open(#{}),
    {ok, Frozen} = frozen(Old),
    {New, _} = Place = prepared(Frozen, Old),
    stop([New]),
    deliver(User, <<"one">>),
    ?assertEqual({error, not_begun}, ecm_c2s_transfer:hand_over(Old, Place)),
    deliver(User, <<"two">>),
    ok = ecm_c2s_transfer:resume(Old),
    ask(User, 2, []),
    {200, Body} = answer(2),
    ?assertMatch({match, _}, re:run(Body, "one.*two")),
    await_sleep(User),
    stop([Old]).

%% In the order in which it has come, with the requests, and with what still comes to the new process.
given_back() ->
    {Old, Sid} = User = open(#{}),
    {ok, Frozen} = frozen(Old),
    deliver(User, <<"one">>),
    {New, Nonce} = Place = prepared(Frozen, Old),
    Other = {New, Nonce + 1},
    ?assertEqual({error, not_begun}, ecm_c2s_transfer:hand_over(Old, gone())),
    deliver({New, Sid}, <<"two">>),
    asked_at(Place, Sid, 2),
    asked_at(Other, Sid, 9),
    deliver(User, <<"three">>),
    {ok, GivenBack} = ecm_c2s_transfer:give_back(New),
    ok = ecm_c2s_transfer:resume(Old, GivenBack),
    receive {moved, 2, New, Old} -> ok end,
    {200, Body} = answer(2),
    ?assertMatch({match, _}, re:run(Body, "one.*two.*three")),
    deliver({New, Sid}, <<"late">>),
    asked_at(Place, Sid, 3),
    has(<<"late">>, answer(3)),
    has(<<"item-not-found">>, answer(9)),
    ?assertEqual({error, not_begun}, ecm_c2s_transfer:start(New, [])),
    stop([Old, New]).

%% A request of the client, as it comes to a session that has moved.
asked_at({Process, Nonce}, Sid, Rid) ->
    Text = io_lib:format("<body rid='~B' sid='~s' xmlns='http://jabber.org/protocol/httpbind'/>", [Rid, Sid]),
    {ok, Head, Unread} = ecm_bosh_body:head(iolist_to_binary(Text)),
    ecm_c2s:request(Process, Nonce, {Head, Unread, 100}, exchange(Rid)).

gone() ->
    {spawn(fun() -> ok end), 1}.

left_alone() ->
    {Old, _} = User = open(#{}),
    {Controller, Monitor} =
        spawn_monitor(fun() -> {ok, _} = frozen(Old), {error, _} = ecm_c2s_transfer:hand_over(Old, gone()) end),
    receive {'DOWN', Monitor, process, Controller, normal} -> ok end,
    deliver(User, <<"hello">>),
    ask(User, 2, []),
    has(<<"hello">>, answer(2)),
    stop([Old]).

%% What it has got is for the old process, which goes on.
not_begun() ->
    {Old, Sid} = User = open(#{}),
    Test = self(),
    Controller = spawn(fun() ->
                               {ok, Frozen} = frozen(Old),
                               Test ! {prepared, prepared(Frozen, Old)},
                               receive never -> ok end
                       end),
    {New, _} = Place = receive {prepared, Prepared} -> Prepared end,
    deliver({New, Sid}, <<"hello">>),
    asked_at(Place, Sid, 2),
    ecm_user:stop(Controller),
    has(<<"hello">>, answer(2)),
    ask(User, 3, []),
    deliver(User, <<"again">>),
    has(<<"again">>, answer(3)),
    ?assertEqual({error, not_begun}, ecm_c2s_transfer:start(New, [])),
    stop([Old, New]).

%% It does not begin any more.
told_too_late() ->
    {Old, Sid} = User = open(#{}),
    {ok, Frozen} = frozen(Old),
    {New, _} = Place = prepared(Frozen, Old),
    deliver({New, Sid}, <<"hello">>),
    New ! {ecm_c2s_transfer, too_late},
    ?assertEqual({error, not_begun}, ecm_c2s_transfer:hand_over(Old, Place)),
    ok = ecm_c2s_transfer:resume(Old),
    ask(User, 2, []),
    has(<<"hello">>, answer(2)),
    stop([Old, New]).

%% It may go on there: what comes here is routed.
cut_off() ->
    {Old, Sid} = open(#{}),
    {ok, Frozen} = frozen(Old),
    {ok, {New, _}} = ecm_c2s_transfer:prepare(Frozen, #{old => elsewhere(), controller => elsewhere()}),
    Monitor = monitor(process, New),
    deliver({New, Sid}, <<"hello">>),
    receive {'DOWN', Monitor, process, New, normal} -> ok end,
    ?assertEqual([<<"hello">>], ecm_user:routed()),
    stop([Old]).

%% A process of another node.
elsewhere() ->
    {ok, Session, _} = ecm_sid:find(element(3, ecm_release_1:key_row()), ecm_release_1:sid()),
    Session.

told_by_a_stranger() ->
    {Old, _} = open(#{}),
    {ok, Frozen} = frozen(Old),
    {New, _} = Place = prepared(Frozen, Old),
    {_, Monitor} = spawn_monitor(fun() -> New ! {ecm_c2s_transfer, self(), make_ref(), {start, []}} end),
    receive {'DOWN', Monitor, process, _, _} -> ok end,
    deliver(Place, <<"hello">>),
    {ok, GivenBack} = ecm_c2s_transfer:give_back(New),
    ?assertMatch([{route, _}], GivenBack),
    stop([Old, New]).

%% By an old process that has not got the answer.
told_twice() ->
    {Old, Sid} = open(#{}),
    New = moved(Old),
    ?assertEqual(ok, ecm_c2s_transfer:start(New, [])),
    deliver({New, Sid}, <<"hello">>),
    forwarded(Old, Sid, 2),
    has(<<"hello">>, answer(2)),
    stop([Old, New]).

%% The session lives on: nobody else has it.
killed() ->
    {Old, Sid} = open(#{}),
    {ok, Frozen} = frozen(Old),
    {New, _} = Place = prepared(Frozen, Old),
    stop([Old]),
    ?assertEqual({error, ended}, ecm_c2s_transfer:hand_over(Old, Place)),
    ok = ecm_c2s_transfer:start(New, []),
    deliver({New, Sid}, <<"hello">>),
    asked_at(Place, Sid, 2),
    has(<<"hello">>, answer(2)),
    stop([New]).

%% Those who are online come first, as where it began.
newcomer() ->
    lists:foreach(fun({Stage, Priority}) ->
                          {Old, _} = open(#{}, Stage),
                          New = moved(Old),
                          ?assertEqual({priority, Priority}, process_info(New, priority)),
                          stop([Old, New])
                  end,
                  [{#{stream_state => wait_for_sasl_request}, low}, {#{stream_state => wait_for_bind}, normal},
                   {#{}, normal}]).

%% It goes on.
in_a_login() ->
    {Old, _} = User = open(#{}, #{stream_state => wait_for_sasl_response}),
    ?assertEqual({error, logging_in}, frozen(Old)),
    ask(User, 2, []),
    stop([Old]).

not_portable() ->
    {Old, _} = open(#{}, #{of_a_module => [#{key => {a, self()}}]}),
    ?assertEqual({error, {unknown, of_a_module}}, frozen(Old)),
    stop([Old]).

another_version() ->
    {Old, _} = open(#{}),
    {ok, #{ejabberd := Version} = Frozen} = frozen(Old),
    {Format, Version} = Now = ecm_c2s_frozen:version(),
    Parties = #{old => self(), controller => self()},
    ?assertEqual({error, {version, {Format, <<"17.01">>}, Now}},
                 ecm_c2s_transfer:prepare(Frozen#{ejabberd := <<"17.01">>}, Parties)),
    ?assertEqual({error, {version, {Format + 1, Version}, Now}},
                 ecm_c2s_transfer:prepare(Frozen#{format := Format + 1}, Parties)),
    ?assertEqual({error, {version, unknown, Now}}, ecm_c2s_transfer:prepare(#{}, Parties)),
    stop([Old]).

not_ours() ->
    Session = ecm_user:start(#{}),
    ?assertEqual({error, not_ours}, ecm_c2s_transfer:freeze(Session)),
    ?assertEqual({error, not_ours}, ecm_c2s_transfer:hand_over(Session, {self(), 1})),
    stop([Session]),
    ?assertEqual({error, ended}, ecm_c2s_transfer:freeze(Session)).

%% What came meanwhile is routed as for a user without this session.
finished() ->
    {Old, _} = User = open(#{}),
    Monitor = monitor(process, Old),
    {ok, _} = frozen(Old),
    deliver(User, <<"drained">>),
    {error, not_begun} = ecm_c2s_transfer:hand_over(Old, gone()),
    deliver(User, <<"in the mailbox">>),
    ok = ecm_c2s_transfer:finish(Old),
    deliver(User, <<"late">>),
    receive {'DOWN', Monitor, process, Old, normal} -> ok end,
    ?assertEqual([<<"drained">>, <<"in the mailbox">>, <<"late">>], ecm_user:routed()).

%% A client that asks meanwhile repeats its request, and does not believe that its session has ended.
asked_at_the_end() ->
    {Old, _} = User = open(#{}),
    {ok, _} = frozen(Old),
    ecm_user:ask(User, 3, []),
    ok = ecm_c2s_transfer:finish(Old),
    ?assertEqual({503, element(2, ecm_bosh_answer:recoverable())}, ecm_user:answer(3)),
    ecm_user:ask(User, 4, []),
    ?assertMatch({503, _}, ecm_user:answer(4)).

%% They fire in the new process, as long from now on as was left; and there is a time for the login.
timers() ->
    Now = erlang:monotonic_time(millisecond),
    Timer = erlang:start_timer(60000, self(), nobody),
    {Old, _} = open(#{}, #{stream_state => wait_for_bind, stream_timeout => {30000, Now},
                           mgmt_pending_timer => Timer}),
    {ok, #{timers := [{mgmt_pending_timer, Left}]} = Frozen} = frozen(Old),
    ?assert(Left > 50000 andalso Left =< 60000),
    {New, _} = Place = prepared(Frozen#{timers := [{mgmt_pending_timer, Left}]}, Old),
    ok = ecm_c2s_transfer:hand_over(Old, Place),
    #{mgmt_pending_timer := There, stream_timeout := {30000, Since}} = sys:get_state(New),
    ?assertNotEqual(Timer, There),
    ?assert(erlang:monotonic_time(millisecond) - Since < 30000),
    ?assert(Since >= Now),
    stop([Old, New]).

%% Only the process whose file it is may read it: it is another file, with the same in it.
queue_in_a_file() ->
    ecm_scratch:with_folder(
      fun(Folder) ->
              ok = p1_queue:start(Folder),
              {Old, _} = open(#{}),
              InFile = fun(State) -> State#{mgmt_queue => p1_queue:from_list([first, second], file),
                                            mgmt_queue_type => file} end,
              #{mgmt_queue := Before} = sys:replace_state(Old, InFile),
              New = moved(Old),
              Test = self(),
              Read = fun(#{mgmt_queue := Queue} = State) -> Test ! {queued, p1_queue:to_list(Queue)}, State end,
              #{mgmt_queue := After} = sys:replace_state(New, Read),
              receive {queued, Queued} -> ?assertEqual([first, second], Queued) end,
              [{file, One}, {file, Other}] = [p1_queue:type(Queue) || Queue <- [Before, After]],
              ?assertNotEqual(One, Other),
              stop([Old, New]),
              ok = p1_queue:stop()
      end).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Streams that wait for their turn. The test stands in for the writer of their link. What becomes of them then is
%% in tests/system/test_streams.py.

-module(ecm_stream_newcomer_tests).

-include_lib("eunit/include/eunit.hrl").

-define(CLIENT, {{192, 0, 2, 7}, 51234}).

%% What ejabberd's process asks for before it knows the host of its client.
-define(CONFIG, [{negotiation_timeout, global, 60000}, {hosts, global, [<<"chat.example">>]},
                 {language, global, <<"en">>}, {host, global, <<"chat.example">>},
                 {c2s_protocol_options, global, undefined}]).

newcomer_test_() ->
    {foreach, fun start/0, fun(_) -> ecm_services:stop() end,
     [fun(_) -> {Name, Test} end
      || {Name, Test} <- [{"kind", fun a_kind_that_is_not_known_is_refused/0},
                          {"waits", fun who_waits_too_long_is_refused/0},
                          {"gone", fun who_goes_does_not_wait/0},
                          {"leaves", fun who_is_to_leave_does_not_wait/0},
                          {"killed", fun who_has_lost_its_turn_is_refused/0},
                          {"too much", fun who_sends_too_much_is_refused/0},
                          {"byte by byte", fun who_sends_bytes_of_tcp_one_by_one_waits/0},
                          {"too many", fun too_many_of_an_address_are_refused/0},
                          {"admission", fun who_may_not_enter_is_refused/0}]]}.

%% What the client has sent meanwhile is wrong, which ejabberd says when the process is its own.
become_test_() ->
    {setup,
     fun() ->
             {ok, _} = application:ensure_all_started(xmpp),
             ecm_services:start(),
             {ok, Hooks} = ejabberd_hooks:start_link(),
             true = unlink(Hooks),
             Config = ecm_config:start(?CONFIG),
             ok = ejabberd_c2s:host_up(<<"chat.example">>),
             ok = ecm_c2s:host_up(<<"chat.example">>),
             {Hooks, ecm_services:start_named(ejabberd_sup), Config}
     end,
     fun({Hooks, Sup, Config}) ->
             ecm_config:stop(Config),
             ecm_services:stop_named(Sup),
             ecm_user:stop(Hooks),
             ecm_services:stop()
     end,
     fun becomes/0}.

becomes() ->
    Limits = #{max_newcomers => 10, newcomer_rate => 10},
    Session = #{max_body => 1000, max_elements => 10, max_stanzas => 10, max_stanza_to_client => 10000,
                max_waiting => 10, max_waiting_size => 10000},
    Options = #{limits => Session, newcomer_limits => Session, c2s => [{access, all}, {max_fsm_queue, 1000}],
                hibernate_after => 0},
    {ok, Process} = open(1, <<"websocket">>, #{logins => limits(10), newcomers => Limits, c2s => #{true => Options}}),
    Monitor = monitor(process, Process),
    ecm_link_stream:tell({message, <<"<message/>">>}, Process),
    ?assertMatch({1, {message, <<"<open ", _/binary>>}}, said(1000)),
    {1, {message, Error}} = said(1000),
    ?assertMatch({match, _}, re:run(Error, "<stream:error .*<not-well-formed ")),
    ?assertMatch({1, {message, <<"<close ", _/binary>>}}, said(1000)),
    ?assertEqual({1, {close, 'end', none}}, said(1000)),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ecm_link_pair:await(fun() -> ecm_c2s_admission:newcomers() =:= [] end).

%% The cores are busy, and one login is in progress.
start() ->
    ecm_services:start(),
    _ = sys:replace_state(ecm_c2s_logins, fun(State) -> setelement(2, State, fun(_) -> busy end) end),
    Busy = #{key => busy, from => ?CLIENT, bytes => 1, start => fun(_) -> receive never -> ok end end},
    ok = ecm_c2s_logins:await_turn(Busy, limits(1), fun(_) -> ok end).

limits(MaxLogins) ->
    #{max_logins => MaxLogins, max_waiting => 2, max_body => infinity}.

a_kind_that_is_not_known_is_refused() ->
    ?assertEqual({refused, unknown_kind}, open(1, <<"carrier-pigeon">>, #{})).

who_waits_too_long_is_refused() ->
    {ok, Session} = open(1),
    Monitor = monitor(process, Session),
    await_waiting(1),
    ?assertEqual(none, said(0)),
    Session ! {ecm_stream_newcomer, refused},
    ?assertEqual({1, {close, refused, none}}, said(1000)),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end).

who_is_to_leave_does_not_wait() ->
    [begin
         {ok, Session} = open(1),
         Monitor = monitor(process, Session),
         await_waiting(1),
         ecm_link_stream:tell(Leaves, Session),
         ?assertEqual({1, {close, 'end', 1012}}, said(1000)),
         ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
         await_waiting(0)
     end || Leaves <- [leave, half_close]].

%% With the process that lets newcomers in, the turns of all who wait are gone.
who_has_lost_its_turn_is_refused() ->
    {ok, Session} = open(1),
    Monitor = monitor(process, Session),
    await_waiting(1),
    _ = ecm_services:kill(ecm_c2s_logins),
    ?assertEqual({1, {close, refused, none}}, said(1000)),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end).

%% Another one from the same address has its place.
who_goes_does_not_wait() ->
    {ok, Session} = open(1),
    {ok, _} = open(2),
    await_waiting(2),
    ecm_link_stream:tell({message, <<"<open/>">>}, Session),
    ecm_link_stream:tell({closed, gone}, Session),
    await_waiting(1),
    {ok, _} = open(3),
    await_waiting(2),
    ?assertEqual(none, said(0)).

%% Others have its place, and what it sends is not kept.
who_sends_too_much_is_refused() ->
    {ok, Session} = open(1),
    Monitor = monitor(process, Session),
    await_waiting(1),
    [ecm_link_stream:tell({message, binary:copy(<<" ">>, 2000)}, Session) || _ <- [1, 2]],
    _ = process_info(Session),
    ?assertEqual(none, said(0)),
    ecm_link_stream:tell({message, <<" ">>}, Session),
    ?assertEqual({1, {close, refused, none}}, said(1000)),
    ?assertEqual(normal, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    await_waiting(0).

%% Each byte counts once, and what it counts for else is given back.
who_sends_bytes_of_tcp_one_by_one_waits() ->
    {ok, Session} = open(1, <<"tcp">>, #{}),
    await_waiting(1),
    [ecm_link_stream:tell({message, <<" ">>}, Session) || _ <- lists:seq(1, 4000)],
    [?assertEqual({1, {more, ecm_link_credit:cost(<<>>)}}, said(1000)) || _ <- lists:seq(2, 4000)],
    ?assertEqual(none, said(0)),
    ecm_link_stream:tell({message, binary:copy(<<" ">>, 100)}, Session),
    ?assertMatch({1, {more, _}}, said(1000)),
    ?assertEqual({1, {close, refused, none}}, said(1000)).

too_many_of_an_address_are_refused() ->
    [{ok, _} = open(Id) || Id <- [1, 2]],
    await_waiting(2),
    {ok, _} = open(3),
    ?assertEqual({3, {close, refused, none}}, said(1000)).

who_may_not_enter_is_refused() ->
    Limits = #{max_newcomers => 1, newcomer_rate => 1},
    ok = ecm_c2s_admission:enter(?CLIENT, Limits),
    {ok, _} = open(1, <<"websocket">>, #{logins => limits(2), newcomers => Limits}),
    ?assertEqual({1, {close, refused, none}}, said(1000)).

open(Id) ->
    open(Id, <<"websocket">>, #{}).

open(Id, Kind, Changes) ->
    Open = #{kind => Kind, peer => ?CLIENT, secure => true, windows => #{own => 1000, theirs => 1000}, fields => #{}},
    Options = #{newcomers => #{max_newcomers => 10, newcomer_rate => 10}, logins => limits(1),
                c2s => #{true => #{}, false => #{}}},
    ecm_stream:open({self(), Id, 1000}, Open, maps:merge(Options, Changes)).

await_waiting(Count) ->
    ecm_link_pair:await(fun() -> ecm_c2s_waiting:size(element(4, sys:get_state(ecm_c2s_logins))) =:= Count end).

said(Milliseconds) ->
    receive {stream, Id, Said} -> {Id, Said} after Milliseconds -> none end.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A session that comes online waits for those who store messages for its user, for former sessions that end, and
%% for nobody else. What it takes in ejabberd is in tests/system/test_offline_race.py.

-module(ecm_c2s_offline_tests).

-include_lib("eunit/include/eunit.hrl").

-define(USER, {<<"juliet">>, <<"chat.example">>}).

waiting_test_() ->
    {setup, fun prepare/0, fun(_) -> ecm_services:stop() end,
     [fun nobody_stores/0,
      fun somebody_stores_for_another_user/0,
      fun who_has_ended_stores_nothing/0,
      fun a_session_waits_until_all_is_stored/0,
      fun a_session_waits_until_a_former_one_has_ended/0,
      fun a_session_that_is_online_waits_for_no_other_one/0,
      {inparallel,
       [fun a_session_waits_two_seconds_for_a_sender/0,
        fun a_session_waits_two_seconds_for_one_that_does_not_get_on/0,
        fun a_session_waits_for_one_that_gets_on/0,
        {timeout, 60, fun a_session_waits_ten_seconds_at_most/0}]},
      fun what_is_old_is_forgotten/0]}.

prepare() ->
    {ok, _} = application:ensure_all_started(xmpp),
    ecm_services:start().

nobody_stores() ->
    ?assert(comes_online_at_once()).

somebody_stores_for_another_user() ->
    Sender = sender(fun() -> receive never -> ok end end),
    note({<<"romeo">>, <<"chat.example">>}, Sender),
    ?assert(comes_online_at_once()),
    stop(Sender).

who_has_ended_stores_nothing() ->
    Sender = sender(fun() -> ok end),
    stop(Sender),
    note(?USER, Sender),
    ?assert(comes_online_at_once()).

a_session_waits_until_all_is_stored() ->
    waits_for([?USER, ?USER]).

a_session_waits_until_a_former_one_has_ended() ->
    waits_for([?USER, {ends, ?USER}]).

%% As that of another device, which changes its status.
a_session_that_is_online_waits_for_no_other_one() ->
    Other = sender(fun() -> receive never -> ok end end),
    note({ends, ?USER}, Other),
    ?assert(waited(#{pres_last => before}) < 1500),
    ets:delete(ecm_c2s_offline, {{ends, ?USER}, Other}),
    stop(Other).

%% A session waits until each of as many processes has done what it does.
waits_for(Deeds) ->
    Rows = [{Deed, sender(fun() -> receive never -> ok end end)} || Deed <- Deeds],
    [note(Deed, Sender) || {Deed, Sender} <- Rows],
    Test = self(),
    Session = spawn(fun() -> come_online(<<"juliet">>, #{}), Test ! online end),
    [begin
         ecm_link_pair:await(fun() -> is_waiting(Session) end),
         ets:delete(ecm_c2s_offline, Row)
     end || Row <- Rows],
    receive online -> ok end,
    [stop(Sender) || {_, Sender} <- Rows].

is_waiting(Session) ->
    {_, Stack} = process_info(Session, current_stacktrace),
    lists:keymember(ecm_c2s_offline, 1, Stack).

a_session_waits_two_seconds_for_a_sender() ->
    waits_two_seconds(<<"juliet">>, fun(User) -> User end).

a_session_waits_two_seconds_for_one_that_does_not_get_on() ->
    waits_two_seconds(<<"friar">>, fun(User) -> {ends, User} end).

waits_two_seconds(User, Does) ->
    Other = sender(fun() -> receive never -> ok end end),
    note(Does({User, <<"chat.example">>}), Other),
    Waited = waited(User, #{}),
    ?assert(Waited >= 1900),  % in milliseconds of another clock
    ?assert(Waited < 8000),
    stop(Other).

%% It sends on a stanza a second, three times, and ends.
a_session_waits_for_one_that_gets_on() ->
    Former = sends_on(<<"romeo">>, 3),
    Waited = waited(<<"romeo">>, #{}),
    ?assert(Waited >= 2900),
    ?assert(Waited < 8000),
    stop(Former).

a_session_waits_ten_seconds_at_most() ->
    Former = sends_on(<<"nurse">>, 1000),
    Waited = waited(<<"nurse">>, #{}),
    ?assert(Waited >= 9900),
    ?assert(waited(<<"nurse">>, #{}) < 1500),  % for each session, not for each that waits
    stop(Former).

%% Returns a session of the user that ends, and sends on so many stanzas.
sends_on(User, Stanzas) ->
    Test = self(),
    Former = spawn(fun() ->
                       Jid = jid:make(User, <<"chat.example">>, <<"balcony">>),
                       ecm_c2s_offline:ends(Jid),
                       Test ! self(),
                       send_on(Stanzas, Jid),
                       ecm_c2s_offline:ended(Jid)
                   end),
    receive Former -> Former end.

send_on(0, _) ->
    ok;
send_on(Stanzas, Jid) ->
    receive after 1000 -> ok end,
    ecm_c2s_offline:route(xmpp:decode({xmlel, <<"message">>, [{<<"to">>, jid:encode(Jid)}], []})),
    send_on(Stanzas - 1, Jid).

what_is_old_is_forgotten() ->
    Now = erlang:monotonic_time(millisecond),
    Old = Now - 10000,
    true = ets:insert(ecm_c2s_offline, [{{?USER, self()}, Old, Old}, {{?USER, whereis(ecm_sup)}, Now, Now}]),
    ecm_c2s_offline ! sweep,
    _ = sys:get_state(ecm_c2s_offline),
    ?assertNot(ets:member(ecm_c2s_offline, {?USER, self()})),
    ?assert(ets:member(ecm_c2s_offline, {?USER, whereis(ecm_sup)})),
    ets:delete_all_objects(ecm_c2s_offline).

%% Rows stay, so it would wait for two seconds otherwise.
comes_online_at_once() ->
    waited(#{}) < 1500.

%% Milliseconds.
waited(State) ->
    waited(<<"juliet">>, State).

waited(User, State) ->
    {Microseconds, _} = timer:tc(fun() -> come_online(User, State) end),
    Microseconds div 1000.

come_online(User, State) ->
    Known = State#{jid => jid:make(User, <<"chat.example">>)},
    {presence, Known} = ecm_c2s_offline:before_fetching({presence, Known}).

note(Deed, Sender) ->
    Now = erlang:monotonic_time(millisecond),
    ets:insert(ecm_c2s_offline, {{Deed, Sender}, Now, Now}).

sender(Does) ->
    spawn(Does).

stop(Sender) ->
    Monitor = monitor(process, Sender),
    exit(Sender, kill),
    receive {'DOWN', Monitor, process, _, _} -> ok end.

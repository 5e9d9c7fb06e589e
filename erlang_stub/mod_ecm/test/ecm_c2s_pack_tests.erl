%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_pack_tests).

-include_lib("eunit/include/eunit.hrl").

-define(HOST, <<"chat.example">>).

pack_test_() ->
    [{setup, fun forget/0, fun(_) -> forget() end, Test}
     || Test <-
          [fun the_first_state_is_as_it_was/0,
           fun a_state_is_as_it_was_with_the_template_of_another/0,
           fun what_is_the_same_is_kept_once/0,
           fun a_key_may_be_missing/0,
           fun a_key_may_be_added/0,
           fun what_can_be_told_from_the_rest_is_not_written/0,
           fun what_is_not_as_expected/0,
           fun presences_of_all_kinds/0,
           fun what_belongs_to_another_process/0,
           fun what_belongs_to_one_session_is_not_in_the_template/0,
           fun each_host_has_its_template/0,
           fun two_may_make_the_template_at_once/0]].

forget() ->
    [persistent_term:erase(Name) || {{ecm_c2s_pack, _} = Name, _} <- persistent_term:get()].

%% As ejabberd_c2s has it.
state(User) ->
    #{owner => self(), mod => ejabberd_c2s, socket => {socket_state, ecm_c2s, User},
      socket_monitor => make_ref(), ip => {{192, 0, 2, 7}, erlang:phash2(User)},
      stream_state => established, stream_timeout => infinity, stream_direction => in,
      stream_id => User, xmlns => <<"jabber:client">>, codec_options => [ignore_els],
      lang => <<"en">>, tls_options => [compression_none], access => all, shaper => none,
      user => User, server => ?HOST, lserver => ?HOST, resource => <<"balcony">>,
      sid => {os:timestamp(), self()}, jid => jid:make(User, ?HOST, <<"balcony">>),
      pres_a => gb_sets:from_list([User]), pres_timestamp => os:timestamp(),
      csi_state => active, csi_queue => {0, #{}}, mgmt_state => inactive}.

the_first_state_is_as_it_was() ->
    round_trip(state(<<"juliet">>)).

a_state_is_as_it_was_with_the_template_of_another() ->
    round_trip(state(<<"juliet">>)),
    round_trip((state(<<"romeo">>))#{lang := <<"it">>, mgmt_state := active}).

what_is_the_same_is_kept_once() ->
    _ = ecm_c2s_pack:pack(state(<<"juliet">>), ecm_c2s_socket),
    {_, Packed} = ecm_c2s_pack:pack((state(<<"romeo">>))#{lang := <<"it">>}, ecm_c2s_socket),
    [?assertEqual(nomatch, binary:match(Packed, Same))
     || Same <- [<<"jabber:client">>, <<"ejabberd_c2s">>, <<"compression_none">>, <<"xmlns">>]],
    [?assertNotEqual(nomatch, binary:match(Packed, Own))
     || Own <- [<<"romeo">>, <<"it">>, <<"lang">>]].

a_key_may_be_missing() ->
    _ = ecm_c2s_pack:pack(state(<<"juliet">>), ecm_c2s_socket),
    [round_trip(maps:without(Keys, state(<<"romeo">>)))
     || Keys <- [[csi_state], [csi_state, csi_queue, mgmt_state], [pres_a, user]]].

a_key_may_be_added() ->
    _ = ecm_c2s_pack:pack(state(<<"juliet">>), ecm_c2s_socket),
    [round_trip(maps:merge(state(<<"romeo">>), Added))
     || Added <- [#{blocked => undefined}, #{pres_last => {presence, <<"away">>}, {a, 1} => []}]].

what_can_be_told_from_the_rest_is_not_written() ->
    #{jid := Jid} = State = state(<<"juliet">>),
    {_, Packed} = ecm_c2s_pack:pack(State#{pres_last => presence(Jid, jid:remove_resource(Jid))},
                                    ecm_c2s_socket),
    [?assertEqual(nomatch, binary:match(Packed, Told))
     || Told <- [?HOST, <<"presence">>, <<"undefined">>]].

what_is_not_as_expected() ->
    State = state(<<"juliet">>),
    [round_trip(State#{Key => Value})
     || Key <- [ip, user, resource, sid, jid, owner, pres_a, pres_last, pres_timestamp, socket],
        Value <- [[], [[]], {}, {[]}, {a, b}, none, jid:make(<<"a">>, ?HOST, <<"B">>)]].

presences_of_all_kinds() ->
    #{jid := Jid} = State = state(<<"juliet">>),
    Other = jid:make(<<"romeo">>, ?HOST, <<"orchard">>),
    [round_trip(State#{pres_last => presence(From, To)})
     || From <- [Jid, jid:remove_resource(Jid), Other, undefined],
        To <- [Jid, jid:remove_resource(Jid), Other, undefined]].

presence(From, To) ->
    Text = <<"<presence xml:lang='en'><status>here</status></presence>">>,
    El = fxml_stream:parse_element(Text),
    xmpp:set_from_to(xmpp:decode(El, <<"jabber:client">>, []), From, To).

what_belongs_to_another_process() ->
    Other = spawn(fun() -> ok end),
    round_trip((state(<<"juliet">>))#{owner := Other, sid := {os:timestamp(), Other}}).

what_belongs_to_one_session_is_not_in_the_template() ->
    #{socket := Socket, jid := Jid} = State = state(<<"juliet">>),
    {Template, _} = ecm_c2s_pack:pack(State, ecm_c2s_socket),
    ?assertNot(lists:any(fun(Value) -> lists:member(Value, [Socket, Jid, self()]) end,
                         maps:values(Template))).

each_host_has_its_template() ->
    round_trip(state(<<"juliet">>)),
    Other = (state(<<"juliet">>))#{server := <<"b.example">>, lserver := <<"b.example">>},
    {Template, _} = ecm_c2s_pack:pack(Other, ecm_c2s_socket),
    ?assertMatch(#{lserver := <<"b.example">>}, Template),
    round_trip(Other).

%% Whichever wins, both states are as they were.
two_may_make_the_template_at_once() ->
    [begin
         forget(),
         Pairs = [spawn_monitor(fun() -> round_trip_at(Start, State) end)
                  || Start <- [erlang:monotonic_time(microsecond) + 200],
                     State <- [state(<<"juliet">>), (state(<<"romeo">>))#{lang := <<"it">>}]],
         [receive {'DOWN', Monitor, process, Process, Reason} -> ?assertEqual(normal, Reason) end
          || {Process, Monitor} <- Pairs]
     end || _ <- lists:seq(1, 50)].

round_trip_at(Start, State) ->
    case erlang:monotonic_time(microsecond) < Start of
        true -> round_trip_at(Start, State);
        false -> round_trip(State)
    end.

round_trip(State) ->
    Packed = ecm_c2s_pack:pack(State, ecm_c2s_socket),
    ?assertEqual(State, ecm_c2s_pack:unpack(Packed, ecm_c2s_socket)).

%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_pack_tests).

-include_lib("eunit/include/eunit.hrl").

-define(HOST, <<"chat.example">>).

pack_test_() ->
    {setup, fun start/0, fun ecm_user:stop/1,
    [{setup, fun forget/0, fun(_) -> forget() end, Test}
     || Test <-
          [fun the_first_state_is_as_it_was/0,
           fun a_state_is_as_it_was_with_the_template_of_another/0,
           fun what_is_the_same_is_kept_once/0,
           fun a_key_may_be_missing/0,
           fun a_key_may_be_added/0,
           fun what_can_be_told_from_the_rest_is_not_written/0,
           fun what_is_not_as_expected/0,
           fun sockets_of_two_listeners/0,
           fun dictionaries_of_all_kinds/0,
           fun a_label_takes_no_memory/0,
           fun what_is_large_is_in_a_binary/0,
           fun presences_of_all_kinds/0,
           fun what_belongs_to_another_process/0,
           fun what_belongs_to_one_session_is_not_in_the_template/0,
           fun each_host_has_its_template/0,
           fun two_may_make_the_template_at_once/0]]}.

%% xmpp_socket looks at the owner of a session's socket.
start() ->
    {ok, _} = application:ensure_all_started(xmpp),
    Owner = spawn(fun() -> receive never -> ok end end),
    true = register(ejabberd_sup, Owner),
    Owner.

forget() ->
    [persistent_term:erase(Name) || {{ecm_c2s_pack, _} = Name, _} <- persistent_term:get()].

%% As ejabberd_c2s has it.
state(User) ->
    Ip = {{192, 0, 2, 7}, erlang:phash2(User)},
    #{owner => self(), mod => ejabberd_c2s, socket => socket(Ip, 100000),
      socket_monitor => make_ref(), ip => Ip,
      stream_state => established, stream_timeout => infinity, stream_direction => in,
      stream_id => User, xmlns => <<"jabber:client">>, codec_options => [ignore_els],
      lang => <<"en">>, tls_options => [compression_none], access => all, shaper => none,
      user => User, server => ?HOST, lserver => ?HOST, resource => <<"balcony">>,
      sid => {os:timestamp(), self()}, jid => jid:make(User, ?HOST, <<"balcony">>),
      pres_a => gb_sets:from_list([User]), pres_timestamp => os:timestamp(),
      csi_state => active, csi_queue => {0, #{}}, mgmt_state => inactive}.

%% In the record of this version of xmpp.
socket(Ip, MaxSize) ->
    xmpp_socket:new(ecm_c2s_socket, ecm_c2s_socket:new(Ip), [{max_stanza_size, MaxSize}]).

the_first_state_is_as_it_was() ->
    round_trip(state(<<"juliet">>)).

a_state_is_as_it_was_with_the_template_of_another() ->
    round_trip(state(<<"juliet">>)),
    round_trip((state(<<"romeo">>))#{lang := <<"it">>, mgmt_state := active}).

what_is_the_same_is_kept_once() ->
    _ = pack(state(<<"juliet">>)),
    Packed = packed((state(<<"romeo">>))#{lang := <<"it">>}),
    [?assertEqual(nomatch, binary:match(Packed, Same))
     || Same <- [<<"jabber:client">>, <<"ejabberd_c2s">>, <<"compression_none">>, <<"xmlns">>]],
    [?assertNotEqual(nomatch, binary:match(Packed, Own))
     || Own <- [<<"romeo">>, <<"it">>, <<"lang">>]].

a_key_may_be_missing() ->
    _ = pack(state(<<"juliet">>)),
    [round_trip(maps:without(Keys, state(<<"romeo">>)))
     || Keys <- [[csi_state], [csi_state, csi_queue, mgmt_state], [pres_a, user]]].

a_key_may_be_added() ->
    _ = pack(state(<<"juliet">>)),
    [round_trip(maps:merge(state(<<"romeo">>), Added))
     || Added <- [#{blocked => undefined}, #{pres_last => {presence, <<"away">>}, {a, 1} => []}]].

what_can_be_told_from_the_rest_is_not_written() ->
    #{jid := Jid} = State = state(<<"juliet">>),
    Packed = packed(State#{pres_last => presence(Jid, jid:remove_resource(Jid))}),
    [?assertEqual(nomatch, binary:match(Packed, Told))
     || Told <- [?HOST, <<"presence">>, <<"undefined">>, <<"ecm_c2s_socket">>, <<"infinity">>]].

%% Another listener may have other limits.
sockets_of_two_listeners() ->
    round_trip(state(<<"juliet">>)),
    #{ip := Ip} = State = state(<<"romeo">>),
    round_trip(State#{socket := socket(Ip, 8192)}).

dictionaries_of_all_kinds() ->
    State = state(<<"juliet">>),
    Label = {'$process_label', {ejabberd_c2s, <<"juliet">>, ?HOST}},
    Other = {'$process_label', {ejabberd_c2s, <<"romeo">>, ?HOST}},
    [begin
         forget(),
         [begin
              Packed = ecm_c2s_pack:pack(State, Dictionary, ecm_c2s_socket),
              ?assertEqual({State, Dictionary}, ecm_c2s_pack:unpack(Packed, ecm_c2s_socket))
          end || Dictionary <- [First, [], [Label], [Other], [Label, {key, 1}], [{key, [label]}]]]
     end || First <- [[], [Label], [Other], [{key, 1}]]].

a_label_takes_no_memory() ->
    Label = {'$process_label', {ejabberd_c2s, <<"juliet">>, ?HOST}},
    State = state(<<"juliet">>),
    Without = size_of(pack(State)),
    forget(),
    ?assertEqual(Without, size_of(ecm_c2s_pack:pack(State, [Label], ecm_c2s_socket))).

%% Otherwise each wake-up would copy it.
what_is_large_is_in_a_binary() ->
    State = (state(<<"juliet">>))#{resource := binary:copy(<<"x">>, 2000)},
    [_ | Packed] = pack(State),
    ?assert(is_binary(Packed)),
    round_trip(State).

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
    [{Template, _, _, _} | _] = pack(State),
    ?assertNot(lists:any(fun(Value) -> lists:member(Value, [Socket, Jid, self()]) end,
                         maps:values(Template))).

each_host_has_its_template() ->
    round_trip(state(<<"juliet">>)),
    Other = (state(<<"juliet">>))#{server := <<"b.example">>, lserver := <<"b.example">>},
    [{Template, _, _, _} | _] = pack(Other),
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
    ?assertEqual({State, []}, ecm_c2s_pack:unpack(pack(State), ecm_c2s_socket)).

pack(State) ->
    ecm_c2s_pack:pack(State, [], ecm_c2s_socket).

packed(State) ->
    [_ | Packed] = pack(State),
    binary:encode_unsigned(Packed).

size_of([_ | Packed]) ->
    byte_size(binary:encode_unsigned(Packed)).

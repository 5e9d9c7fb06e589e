%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc mod_ecm's end of a link: whole conversations of typed.json, and each rule alone.

-module(ecm_link_connection_tests).

-include_lib("eunit/include/eunit.hrl").

-define(NONCE, <<"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff">>).
-define(SECRET, <<"correct horse battery staple">>).
-define(HELLO, {0, <<"hello version=1 role=ecm instance=web1:4711 max-packet=4096 "
                     "nonce=000102030405060708090a0b0c0d0e0f features=websocket">>}).
-define(OWN_HELLO, <<"hello version=1 role=ejabberd instance=ejabberd@chat max-packet=1048576 "
                     "nonce=f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff features=parts">>).
-define(PROOF, {0, <<"proof 893de573f2aa79d96fbabf04730afef26aa233d2db39eb5e537040c37a484f0d">>}).
-define(UP, {up, #{version => 1, instance => <<"web1:4711">>, max_packet => 4096,
                   max_content => 0}}).
-define(REQUEST, {7, <<"request\n<body/>">>}).
-define(REQUESTED, {request, 7, unknown, false, <<"<body/>">>}).

%% Whole conversations. The messages of ECM go in. Those of mod_ecm itself must come out, and the answers of
%% a session must be encoded as they are there.

conversations_test_() ->
    [{Name, [fun() -> replay(Conversation, auto) end, fun() -> replay(Conversation, typed) end]}
     || #{<<"name">> := Name} = Conversation
            <- maps:get(<<"conversations">>, ecm_vectors:read("typed.json"))].

replay(#{<<"steps">> := Steps, <<"nonces">> := #{<<"ejabberd">> := Nonce}, <<"ends">> := Ends}
       = Conversation, Protocol) ->
    Options = (secret(Conversation))#{protocol => Protocol, nonce => Nonce, resume => names(<<"resume">>, Steps),
                                        insight => names(<<"insight">>, Steps)},
    {[], Events, Connection} = lists:foldl(fun replay_step/2, {[], [], start(Options)}, Steps),
    ?assertEqual(Ends, end_of(Events, ecm_link_connection:drain(Connection))).

%% As mod_ecm has said in the conversation.
names(Feature, Steps) ->
    [Hello | _] = [Content || #{<<"from">> := <<"ejabberd">>, <<"content">> := Content} <- Steps]
        ++ [<<>>],
    string:find(Hello, [",", Feature]) =/= nomatch.

secret(#{<<"secret">> := Secret}) -> #{secret => Secret};
secret(_) -> #{}.

%% The packets that mod_ecm has sent and the conversation has not yet, all events, the connection.
replay_step(#{<<"from">> := <<"ecm">>, <<"id">> := Id, <<"content">> := Content},
            {[], Events, Connection}) ->
    Packet = {binary_to_integer(Id), ecm_vectors:bytes(Content)},
    {New, Next} = play([Packet], Connection),
    {sent(New), Events ++ New, Next};
replay_step(#{<<"content">> := <<"drain">>}, {[], Events, Connection}) ->
    {[{send, 0, <<"drain">>}], Next} = play([drain], Connection),
    {[], Events, Next};
replay_step(#{<<"content">> := <<"part\n", Part/binary>>}, {[], Events, Connection}) ->
    ?assertEqual(<<"part\n", Part/binary>>, iolist_to_binary(ecm_link_answer:part(Part))),
    {[], Events, Connection};
%% The writer says it, with what has come.
replay_step(#{<<"content">> := <<"resume ", _/binary>>}, {[], Events, Connection}) ->
    ?assertMatch({resume, _, _, _}, lists:keyfind(resume, 1, Events)),
    {[], Events, Connection};
replay_step(#{<<"content">> := <<"ack ", _/binary>>}, {[], Events, Connection}) ->
    {[], Events, Connection};
replay_step(#{<<"content">> := <<"answer 200\n", Body/binary>>, <<"id">> := Id},
            {[], Events, Connection}) ->
    ?assertEqual(<<"answer 200\n", Body/binary>>,
                 iolist_to_binary(ecm_link_answer:encode(typed, 200, Body))),
    ?assert(lists:keymember(binary_to_integer(Id), 2, Events)),
    {[], Events, Connection};
%% The owner adds its load.
replay_step(#{<<"content">> := <<"pong ", Token/binary>>}, {[], Events, Connection}) ->
    ?assert(lists:member({pong, Token}, Events)),
    {[], Events, Connection};
%% The owner knows the numbers, and the sessions.
replay_step(#{<<"content">> := <<"stats\n", _/binary>>}, {[], Events, Connection}) ->
    ?assertEqual(stats, lists:last(Events)),
    {[], Events, Connection};
replay_step(#{<<"content">> := <<"inspected 1\n", _/binary>>}, {[], Events, Connection}) ->
    ?assertEqual({inspect, <<"1">>, #{<<"jid">> => <<"alice@chat.example">>}}, lists:last(Events)),
    {[], Events, Connection};
%% The owner says it, once it knows where the session is.
replay_step(#{<<"content">> := <<"misdirected node=ejabberd@b ", _/binary>>}, {[], Events, Connection}) ->
    ?assert(lists:member({nodes, [<<"ejabberd@b">>]}, Events)),
    {[], Events, Connection};
replay_step(#{<<"id">> := Id, <<"content">> := Content}, {[Sent | Rest], Events, Connection}) ->
    ?assertEqual({send, binary_to_integer(Id), ecm_vectors:bytes(Content)}, Sent),
    {Rest, Events, Connection}.

%% Only a link that takes requests can begin to drain, and only once.
end_of(_, {[{send, 0, _}], _}) -> <<"typed">>;
end_of(Events, {[], _}) ->
    case lists:keymember(close, 1, Events) of
        true -> <<"closed">>;
        false -> <<"draining">>
    end.

%% The form of the link.

the_first_packet_decides_test_() ->
    Typed = [{send, 0, ?OWN_HELLO}, ?UP],
    Unexpected = ended(<<"unexpected">>, <<"hello must come first">>),
    [{lists:flatten(io_lib:format("~p ~p", [Protocol, Packet])),
      ?_assertEqual(Expected, events([Packet], #{protocol => Protocol}))}
     || {Packet, Auto, TypedOnly, PlainOnly} <-
            [{?HELLO, Typed, Typed, [{up, plain}]},
             {{7, <<"<body/>">>}, carried(<<"<body/>">>), Unexpected, carried(<<"<body/>">>)},
             {{7, <<"request\n">>}, carried(<<"request\n">>), Unexpected, carried(<<"request\n">>)},
             {{0, <<"<body/>">>}, [{up, plain}], Unexpected, [{up, plain}]},
             {{0, <<"ping 1">>}, [{up, plain}], Unexpected, [{up, plain}]},
             {{0, <<"hellos">>}, [{up, plain}], Unexpected, [{up, plain}]},
             {{0, <<"helloS">>}, [{up, plain}], Unexpected, [{up, plain}]}],
        {Protocol, Expected} <- [{auto, Auto}, {typed, TypedOnly}, {plain, PlainOnly}]].

carried(Content) ->
    [{up, plain}, {request, 7, unknown, false, Content}].

%% It is never taken for a plain body.
a_hello_that_is_none_test_() ->
    {0, Hello} = ?HELLO,
    [?_assertEqual(ended(Code, Text), events([{0, Content}], #{protocol => Protocol}))
     || Protocol <- [auto, typed],
        {Content, Code, Text} <-
            [{<<"hello">>, <<"malformed">>, <<"missing-field">>},
             {<<"hello\n">>, <<"malformed">>, <<"body-unwanted">>},
             {binary:replace(Hello, <<"role=ecm">>, <<"role=ejabberd">>),
              <<"unexpected">>, <<"both ends are ejabberd">>},
             {binary:replace(Hello, <<"version=1">>, <<"version=007,2">>),
              <<"version">>, <<"ecm speaks 7,2, ejabberd speaks 1">>}]].

an_error_is_never_answered_test_() ->
    Error = {0, <<"error silent no hello came">>},
    [?_assertEqual([{close, <<"ECM says silent: no hello came">>}],
                   events([Error], #{protocol => Protocol}))
     || Protocol <- [auto, typed]].

one_version_of_many_is_enough_test() ->
    {0, Hello} = ?HELLO,
    Many = binary:replace(Hello, <<"version=1">>, <<"version=3,00001,2">>),
    ?assertEqual([{send, 0, ?OWN_HELLO}, ?UP], events([{0, Many}], #{})).

only_typed_only_waits_in_vain_test_() ->
    Silent = ended(<<"silent">>, <<"no hello came for 5 seconds">>),
    [[?_assertEqual([], events([{tick, 4999}], Options)),
      ?_assertEqual(Expected, events([{tick, 5000}], Options))]
     || {Options, Expected} <- [{#{protocol => typed}, Silent},
                                {#{secret => ?SECRET}, Silent},
                                {#{protocol => auto}, []},
                                {#{protocol => plain}, []}]].

a_plain_link_carries_everything_test() ->
    Contents = [<<>>, <<"ping 1">>, <<"request\n">>, <<"hello">>],
    ?assertEqual([{request, 7, unknown, false, Content} || Content <- Contents],
                 events([{7, Content} || Content <- Contents]
                        ++ [{0, Content} || Content <- Contents] ++ [{tick, 1000000}, drain],
                        plain())).

%% Authentication.

%% ECM's comes after mod_ecm's, and before anything for a client.
a_link_with_a_secret_test_() ->
    Wrong = {0, <<"proof ", (binary:copy(<<"0">>, 64))/binary>>},
    Late = <<"a proof must come before the first request">>,
    [?_assertEqual(Expected, events(Steps, authenticating()))
     || {Steps, Expected} <-
            [{[?PROOF, ?REQUEST], [?UP, ?REQUESTED]},
             {[{0, <<"ping 1">>}, {0, <<"pong 1">>}, {0, <<"opened">>}, {0, <<"drain">>}, ?PROOF],
              [{pong, <<"1">>}, peer_draining, ?UP]},
             {lists:duplicate(101, {0, <<"ping x">>}), flood()},
             {[Wrong, ?PROOF], ended(<<"unproven">>, <<"the proof is wrong: the secrets differ">>)},
             {[?REQUEST, ?PROOF], ended(<<"unproven">>, Late)},
             {[{7, <<"close gone">>}, ?PROOF], ended(<<"unproven">>, Late)},
             {[{tick, 5999}, {5999, ?PROOF}, {tick, 15998}], [?UP]},
             {[{5999, ?PROOF}, {tick, 15999}], [?UP, ping(1)]},
             {[{tick, 6000}, ?PROOF],
              ended(<<"unproven">>, <<"no proof came for 5 seconds">>)},
             {[?PROOF, ?PROOF], [?UP | ended(<<"unexpected">>, <<"proof came twice">>)]},
             {[?HELLO], ended(<<"unexpected">>, <<"hello came twice">>)},
             {[{0, <<"proof 1">>}], ended(<<"malformed">>, <<"bad-word">>)},
             {[{0, <<"error unproven no">>}, ?PROOF], [{close, <<"ECM says unproven: no">>}]}]].

a_secret_makes_every_link_typed_test_() ->
    [?_assertMatch([{send, 0, <<"error unexpected ", _/binary>>}, {close, _}],
                   events([{7, <<"<body/>">>}], #{protocol => Protocol, secret => ?SECRET}))
     || Protocol <- [auto, typed, plain]].

a_proof_that_nobody_wants_test() ->
    ?assertEqual(ended(<<"unproven">>, <<"a proof came, but ejabberd has no secret">>),
                 events([?PROOF], typed())).

%% Events of clients.

a_request_may_be_truncated_test_() ->
    [?_assertEqual([{request, 7, unknown, false, Body}], events([{7, Content}], typed()))
     || {Content, Body} <- [{<<"request truncated=1\n<bo">>, {truncated, <<"<bo">>}},
                            {<<"request truncated=1\n">>, {truncated, <<>>}},
                            {<<"request truncated=0\n<body/>">>, <<"<body/>">>}]].

a_full_ecm_says_so_test_() ->
    [?_assertEqual([{request, 7, unknown, true, Body}], events([{7, Content}], typed()))
     || {Content, Body} <- [{<<"request secure=1 full=1\n<body/>">>, {full, <<"<body/>">>}},
                            {<<"request secure=1 full=0\n<body/>">>, <<"<body/>">>},
                            {<<"request secure=1 full=1 truncated=1\n<bo">>, {truncated, <<"<bo">>}}]].

requests_test_() ->
    [?_assertEqual([{request, 7, Client, Secure, <<"x">>}], events([{7, Content}], typed()))
     || {Content, Client, Secure} <-
            [{<<"request\nx">>, unknown, false},
             {<<"request peer=192.0.2.7:51234 secure=1\nx">>, {{192, 0, 2, 7}, 51234}, true},
             {<<"request peer=[::1]:1 secure=0\nx">>, {{0, 0, 0, 0, 0, 0, 0, 1}, 1}, false},
             {<<"request secure=1 path=/bosh\nx">>, unknown, true}]].

a_client_goes_test() ->
    ?assertEqual([{gone, 7, <<"gave-up">>}], events([{7, <<"close gave-up">>}], typed())).

%% It concerns this connection, and nothing else.
what_is_not_understood_on_a_connection_test_() ->
    Long = binary:copy(<<"x">>, 500),
    [?_assertEqual([{send, 7, <<"error ", Code/binary, " ", Text/binary>>},
                    {refused, 7, <<Code/binary, ": ", Text/binary>>},
                    ?REQUESTED],
                   events([{7, Content}, ?REQUEST], typed()))
     || {Content, Code, Text} <-
            [{<<"opened websocket">>, <<"unknown-type">>, <<"there is no opened">>},
             {<<"open websocket">>, <<"unexpected">>, <<"open came without the feature streams">>},
             {<<"message\n<body/>">>, <<"unexpected">>, <<"message came without the feature streams">>},
             {<<"more 7">>, <<"unexpected">>, <<"more came without the feature streams">>},
             {Long, <<"unknown-type">>, <<"there is no ", (binary:part(Long, 0, 64))/binary>>},
             {<<"answer 200\n">>, <<"unexpected">>, <<"answer does not belong here">>},
             {<<"ping 1">>, <<"unexpected">>, <<"ping does not belong here">>},
             {<<"<body/>">>, <<"malformed">>, <<"bad-type">>},
             {<<"request">>, <<"malformed">>, <<"body-missing">>}]].

an_error_on_a_connection_test_() ->
    [?_assertEqual([{refused, 7, Text}, ?REQUESTED], events([{7, Content}, ?REQUEST], typed()))
     || {Content, Text} <-
            [{<<"error malformed bad-word">>, <<"ECM says malformed: bad-word">>},
             {<<"error">>, <<"malformed error: bad-word">>}]].

%% Events of the link.

what_is_wrong_on_connection_0_test_() ->
    [?_assertEqual(ended(Code, Text), events([{0, Content}, ?REQUEST], typed()))
     || {Content, Code, Text} <-
            [{<<"request\n">>, <<"unexpected">>, <<"request does not belong here">>},
             {element(2, ?HELLO), <<"unexpected">>, <<"hello came twice">>},
             {<<"<body/>">>, <<"malformed">>, <<"bad-type">>},
             {<<"error">>, <<"malformed">>, <<"bad-word">>}]].

an_unknown_type_on_connection_0_is_ignored_test() ->
    ?assertEqual([], events([{0, <<"flood-gate open">>}], typed())).

an_error_ends_the_link_test() ->
    ?assertEqual([{close, <<"ECM says flood: too many pings">>}],
                 events([{0, <<"error flood too many pings">>}, ?REQUEST], typed())).

%% Times count from 1000, when the link came up.
pings_test_() ->
    [?_assertEqual(Expected, events(Steps, typed()))
     || {Steps, Expected} <-
            [{[{tick, 10999}], []},
             {[{tick, 11000}, {tick, 12000}], [ping(1)]},
             {[{tick, 11000}, {11250, {0, <<"pong 1">>}}], [ping(1), {round_trip, 250}]},
             {[{tick, 11000}, {11250, {0, <<"pong 2">>}}], [ping(1)]},
             {[{11250, {0, <<"pong 1">>}}], []},
             {[{tick, 11000}, {11250, {0, <<"pong 1">>}}, {11260, {0, <<"pong 1">>}},
               {tick, 20999}, {tick, 21000}], [ping(1), {round_trip, 250}, ping(2)]},
             {[drain, {tick, 11000}], [{send, 0, <<"drain">>}, ping(1)]}]].

ping(Token) ->
    {send, 0, <<"ping ", (integer_to_binary(Token))/binary>>}.

%% Any bytes show that ECM is alive, even if they are not a whole packet.
a_dead_peer_test_() ->
    Silent = ended(<<"silent">>, <<"nothing came for 30 seconds">>),
    [?_assertEqual([ping(1) | Expected], events([{tick, 11000} | Steps], typed()))
     || {Steps, Expected} <- [{[{tick, 30999}, {tick, 31000}, {tick, 40000}], Silent},
                              {[{received, 20000}, {tick, 49999}], []},
                              {[{received, 20000}, {tick, 50000}], Silent}]].

more_than_100_pings_in_a_second_test_() ->
    Ping = {0, <<"ping x">>},
    Hundred = [{1000 + 5 * N, Ping} || N <- lists:seq(0, 99)],
    [?_assertEqual(flood(), events(Hundred ++ [{1999, Ping}], typed())),
     ?_assertEqual(pongs(101), events(Hundred ++ [{2000, Ping}], typed())),
     ?_assertEqual([hd(pongs(1)) | flood()],
                   events(Hundred ++ [{2000, Ping}, {2000, Ping}], typed()))].

flood() ->
    pongs(100) ++ ended(<<"flood">>, <<"more than 100 pings in a second">>).

pongs(Count) ->
    lists:duplicate(Count, {pong, <<"x">>}).

%% Requests on their way are answered.
ejabberd_drains_test() ->
    ?assertEqual([{send, 0, <<"drain">>}, ?REQUESTED, {gone, 7, <<"gone">>}],
                 events([drain, drain, ?REQUEST, {7, <<"close gone">>}], typed())).

a_draining_link_is_as_before_test_() ->
    Hundred = lists:duplicate(101, {0, <<"ping x">>}),
    [?_assertEqual([{send, 0, <<"drain">>} | events(Steps, typed())],
                   events([drain | Steps], typed()))
     || Steps <- [Hundred, [?HELLO], [?PROOF], [{7, <<"opened">>}], [{0, <<"opened">>}],
                  [{7, <<"error version x">>}], [{0, <<"error flood x">>}], [{0, <<"drain">>}],
                  [{0, <<"<body/>">>}], [{0, <<"pong 1">>}], [{tick, 31000}]]].

a_link_that_is_not_up_is_not_drained_test_() ->
    [?_assertEqual([{close, <<"ejabberd stops">>}], events([drain, ?HELLO, drain], Start))
     || Start <- [#{protocol => auto}, #{protocol => typed}, #{protocol => plain}, authenticating()]].

ecm_drains_test() ->
    Drain = {0, <<"drain">>},
    ?assertEqual([peer_draining, ?REQUESTED], events([Drain, Drain, ?REQUEST], typed())).

no_packet_test_() ->
    Error = ended(<<"malformed">>, <<"length-too-large">>),
    [?_assertEqual(Expected, events([{fault, 'length-too-large'}, {fault, 'id-too-large'}], Start))
     || {Start, Expected} <- [{typed(), Error},
                              {authenticating(), Error},
                              {#{protocol => typed}, Error},
                              {#{protocol => auto}, [lists:last(Error)]},
                              {#{protocol => plain}, [lists:last(Error)]},
                              {plain(), [lists:last(Error)]}]].

%% A link that resumes.

-define(TO_RESUME, {0, <<"hello version=1 role=ecm instance=web1:4711 max-packet=4096 "
                         "nonce=000102030405060708090a0b0c0d0e0f features=resume">>}).
-define(TOKEN, <<"a0a1a2a3a4a5a6a7a8a9aaabacadaeaf">>).
-define(AGREED, element(2, ?UP)).

%% Only if both can.
a_link_resumes_if_both_can_test_() ->
    Own = <<?OWN_HELLO/binary, ",resume">>,
    Resume = {0, <<"resume link=", ?TOKEN/binary, " got=5">>},
    Foreign = ended(<<"unexpected">>, <<"resume came without the feature">>),
    [?_assertEqual(Expected, events(Steps, Options))
     || {Options, Steps, Expected} <-
            [{#{resume => true}, [?TO_RESUME, Resume],
              [{send, 0, Own}, {resume, ?AGREED, ?TOKEN, 5}]},
             {#{resume => true}, [?TO_RESUME, {0, <<"resume">>}],
              [{send, 0, Own}, {resume, ?AGREED, new, 0}]},
             {#{resume => true}, [?TO_RESUME, {0, <<"resume over=", ?TOKEN/binary>>}],
              [{send, 0, Own}, {over, ?TOKEN}, {resume, ?AGREED, new, 0}]},
             {#{resume => true, secret => ?SECRET}, [?TO_RESUME, ?PROOF, Resume],
              [{send, 0, proven(Own)}, {resume, ?AGREED, ?TOKEN, 5}]},
             {#{resume => true}, [?HELLO, Resume], [{send, 0, Own}, ?UP | Foreign]},
             {#{}, [?TO_RESUME, Resume], [{send, 0, ?OWN_HELLO}, ?UP | Foreign]},
             {#{}, [?TO_RESUME, {0, <<"ack 1">>}],
              [{send, 0, ?OWN_HELLO}, ?UP
               | ended(<<"unexpected">>, <<"ack came without the feature resume">>)]}]].

proven(Hello) ->
    Proof = <<" proof=7875e0f95221b5864095779b48a4cea49ee6708bde7513cad54cb8dce3a8a1a7 features=">>,
    binary:replace(Hello, <<" features=">>, Proof).

%% ECM says resume before anything else.
a_link_that_waits_for_resume_test_() ->
    [?_assertEqual(Expected, tl(events([?TO_RESUME | Steps], #{resume => true})))
     || {Steps, Expected} <-
            [{[?REQUEST], ended(<<"unexpected">>, <<"resume must come before the first request">>)},
             {[{0, <<"ack 1">>}], ended(<<"unexpected">>, <<"ack came before resume">>)},
             {[?HELLO], ended(<<"unexpected">>, <<"hello came twice">>)},
             {[{0, <<"resume got=x">>}], ended(<<"malformed">>, <<"bad-value">>)},
             {[{0, <<"error silent no">>}], [{close, <<"ECM says silent: no">>}]},
             {[{0, <<"ping 1">>}, {0, <<"pong 1">>}, {0, <<"websocket">>}], [{pong, <<"1">>}]},
             {[{tick, 5999}], []},
             {[{tick, 6000}], ended(<<"silent">>, <<"no resume came for 5 seconds">>)},
             {[drain], [{close, <<"ejabberd stops">>}]}]].

%% They may change at any time, also while this node drains.
nodes_test_() ->
    [?_assertEqual(Expected, events(Steps, typed()))
     || {Steps, Expected} <-
            [{[{0, <<"nodes\nejabberd@b\nejabberd@c">>}], [{nodes, [<<"ejabberd@b">>, <<"ejabberd@c">>]}]},
             {[{0, <<"nodes\n">>}], [{nodes, []}]},
             {[drain, {0, <<"nodes\n\nejabberd@b\n">>}], [{send, 0, <<"drain">>}, {nodes, [<<"ejabberd@b">>]}]},
             {[{7, <<"nodes\n">>}],
              [{send, 7, <<"error unexpected nodes does not belong here">>},
               {refused, 7, <<"unexpected: nodes does not belong here">>}]}]].

nodes_before_the_link_is_up_are_unexpected_test() ->
    Expected = ended(<<"unexpected">>, <<"nodes came before the link was up">>),
    ?assertEqual(Expected, tl(events([?TO_RESUME, {0, <<"nodes\n">>}], #{resume => true}))).

%% What another node has given back.
a_redirected_request_says_so_test() ->
    ?assertEqual([{request, 7, unknown, true, {redirected, <<"x">>}}],
                 events([{7, <<"request secure=1 redirected=1\nx">>}], typed())).

a_link_that_resumes_test_() ->
    [?_assertEqual({Expected, IsOutlived}, outlived(Steps))
     || {Steps, Expected, IsOutlived} <-
            [{[?REQUEST, {0, <<"ack 7">>}], [?REQUESTED, {acknowledged, 7}], true},
             {[{0, <<"error silent no">>}, ?REQUEST], [{break, <<"ECM says silent: no">>}], true},
             {[{tick, 31000}], [{send, 0, <<"error silent nothing came for 30 seconds">>},
                                {break, <<"silent: nothing came for 30 seconds">>}], true},
             {[stalled], [{send, 0, <<"error silent a packet was not complete after 30 seconds">>},
                          {break, <<"silent: a packet was not complete after 30 seconds">>}], true},
             {[{0, <<"resume">>}], ended(<<"unexpected">>, <<"resume came twice">>), false},
             {[{0, <<"error flood no">>}], [{close, <<"ECM says flood: no">>}], false},
             {[{0, <<"drain">>}], [peer_draining], false},
             {[{0, <<"drain">>}, {0, <<"error silent no">>}],
              [peer_draining, {close, <<"ECM says silent: no">>}], false},
             {[drain, ?REQUEST], [{send, 0, <<"drain">>}, ?REQUESTED], false},
             {[{fault, 'length-too-large'}], ended(<<"malformed">>, <<"length-too-large">>), false},
             {[refuse, refuse], ended(<<"unexpected">>, <<"lies">>), false}]].

outlived(Steps) ->
    {Events, Connection} = play(Steps, after_all([?TO_RESUME, {0, <<"resume">>}], #{resume => true})),
    {Events, ecm_link_connection:outlived(Connection)}.

%% ECM stops, whatever it has said before.
who_drains_first_does_not_resume_test() ->
    Connection = after_all([?TO_RESUME, {0, <<"drain">>}, {0, <<"resume">>}], #{resume => true}),
    ?assertNot(ecm_link_connection:outlived(Connection)).

other_links_are_not_outlived_test_() ->
    [?_assertNot(ecm_link_connection:outlived(Connection)) || Connection <- [typed(), plain(), authenticating()]].

%% The table of transitions.

each_event_has_one_outcome_test() ->
    Keys = [{State, Event} || {State, Event, _} <- ecm_link_state:transitions()],
    ?assertEqual([], Keys -- lists:usort(Keys)).

every_state_is_reached_and_can_end_test() ->
    Table = ecm_link_state:transitions(),
    States = lists:usort([State || {State, _, _} <- Table]),
    Reached = [Next || {State, _, Next} <- Table, State =/= Next],
    ?assertEqual(lists:sort([closed | States]),
                 lists:usort([plain_only, negotiating, typed_only | Reached])),
    ?assertEqual(States, lists:usort([State || {State, _, closed} <- Table])).

%% Helpers.

%% What comes of these steps, from a state machine or from a new one with these options. Steps happen
%% at the time 1000 where they do not say when.
events(Steps, #{} = Options) -> events(Steps, start(Options));
events(Steps, Connection) -> element(1, play(Steps, Connection)).

play(Steps, Connection) ->
    lists:foldl(fun(Step, {Events, Before}) ->
                        {New, After} = step(Step, Before),
                        {Events ++ [flat(Event) || Event <- New], After}
                end, {[], Connection}, Steps).

step(drain, Connection) -> ecm_link_connection:drain(Connection);
step({tick, Now}, Connection) -> ecm_link_connection:tick(Now, Connection);
step({received, Now}, Connection) -> {[], ecm_link_connection:received(Now, Connection)};
step(stalled, Connection) -> ecm_link_connection:stalled(Connection);
step(refuse, Connection) -> ecm_link_connection:refuse(<<"lies">>, Connection);
step({fault, Reason}, Connection) -> ecm_link_connection:fault(Reason, Connection);
step({Now, {_, _} = Packet}, Connection) -> heard(Packet, Now, Connection);
step(Packet, Connection) -> heard(Packet, 1000, Connection).

heard(Packet, Now, Connection) ->
    ecm_link_connection:packet(Packet, Now, ecm_link_connection:received(Now, Connection)).

%% With binaries in place of iodata.
flat({send, Id, Content}) -> {send, Id, iolist_to_binary(Content)};
flat({refused, Id, Text}) -> {refused, Id, iolist_to_binary(Text)};
flat({close, Text}) -> {close, iolist_to_binary(Text)};
flat({break, Text}) -> {break, iolist_to_binary(Text)};
flat(Event) -> Event.

sent(Events) ->
    [Event || {send, _, _} = Event <- Events].

%% How mod_ecm ends a link: it says why.
ended(Code, Text) ->
    [{send, 0, <<"error ", Code/binary, " ", Text/binary>>},
     {close, <<Code/binary, ": ", Text/binary>>}].

start(Options) ->
    ecm_link_connection:new(maps:merge(#{protocol => auto, instance => <<"ejabberd@chat">>,
                                  max_packet => 1048576, max_content => 16777216,
                                  nonce => ?NONCE, ping_interval => 10000,
                                  link_timeout => 30000, hello_timeout => 5000,
                                  resume => false}, Options), 0).

after_first(Packet, Options) ->
    after_all([Packet], Options).

after_all(Packets, Options) ->
    element(2, play(Packets, start(Options))).

plain() -> after_first({0, <<>>}, #{}).
typed() -> after_first(?HELLO, #{}).
authenticating() -> after_first(?HELLO, #{secret => ?SECRET}).

%% What ECM asks about this node and its sessions.

-define(INSIGHT, {0, <<"hello version=1 role=ecm instance=web1:4711 max-packet=4096 "
                       "nonce=000102030405060708090a0b0c0d0e0f features=insight">>}).

who_has_the_feature_is_told_test_() ->
    Asks = [{0, <<"ping 1 stats=1">>}, {0, <<"inspect 2 id=7">>}],
    [?_assertEqual([{pong, <<"1">>}, stats, {inspect, <<"2">>, #{<<"id">> => 7}}],
                   [Event || Event <- events([?INSIGHT | Asks], #{insight => true}), is_told(Event)]),
     %% Others may ask for numbers without harm, and not for sessions.
     ?_assertEqual([{pong, <<"1">>}],
                   [Event || Event <- events([?HELLO, hd(Asks)], #{insight => true}), is_told(Event)]),
     [?_assertMatch({close, <<"unexpected: ", _/binary>>}, lists:last(events([Hello, lists:last(Asks)], Options)))
      || {Hello, Options} <- [{?HELLO, #{insight => true}}, {?INSIGHT, #{}}]]].

is_told(Event) -> Event =:= stats orelse lists:member(element(1, Event), [pong, inspect]).

%% Not before the link is up.
nobody_asks_before_the_proof_test() ->
    Events = events([?INSIGHT, {0, <<"inspect 2 id=7">>}], #{insight => true, secret => ?SECRET}),
    ?assertMatch({close, <<"unexpected: ", _/binary>>}, lists:last(Events)).

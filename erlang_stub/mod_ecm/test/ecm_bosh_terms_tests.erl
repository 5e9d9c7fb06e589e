%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_bosh_terms_tests).

-include_lib("eunit/include/eunit.hrl").

-define(OPTIONS, #{max_wait => 50, max_hold => 2, max_inactivity => 90, max_pause => 120,
                   newcomer_limits => #{max_concat => 5}, limits => #{max_concat => 6}}).

body(Attrs) ->
    maps:merge(#{rid => 7, to => <<"localhost">>, els => []}, Attrs).

agreed(Attrs) ->
    {ok, Agreement} = ecm_bosh_terms:new(body(Attrs), ?OPTIONS),
    Agreement.

told(Name, Attrs) ->
    Told = ecm_bosh_terms:attributes(<<"SID">>, body(Attrs), agreed(Attrs)),
    case lists:keyfind(Name, 1, Told) of
        {_, Value} -> iolist_to_binary(Value);
        false -> none
    end.

%% All other terms stay.
other_limits_hold_for_a_client_that_has_logged_in_test() ->
    New = agreed(#{hold => 2, wait => 10}),
    Known = ecm_bosh_terms:logged_in(New, ?OPTIONS),
    ?assertEqual([5, 6], [ecm_bosh_terms:limit(max_concat, Agreement) || Agreement <- [New, Known]]),
    ?assertEqual(#{max_concat => 6, client => other}, ecm_bosh_terms:limits(Known)),
    ?assertEqual([{2, 3, 10000}, {2, 3, 10000}],
                 [{ecm_bosh_terms:hold(Agreement), ecm_bosh_terms:requests(Agreement),
                   ecm_bosh_terms:wait(Agreement)} || Agreement <- [New, Known]]).

%% Those of usual wait times take no memory of a session.
usual_agreements_are_shared_test() ->
    Options = maps:put(max_wait, 7200, ?OPTIONS),
    ?assertEqual([{60, 0, 0, 0}, {3600, 0, 0, 0}, {61, 4, 4, 4}, {7200, 4, 4, 4}],
                 [begin
                      {ok, New} = ecm_bosh_terms:new(body(#{wait => Wait}), Options),
                      Known = ecm_bosh_terms:logged_in(New, Options),
                      Elsewhere = binary_to_term(term_to_binary(New)),
                      {Wait, own_words(New), own_words(Known), own_words(ecm_bosh_terms:interned(Elsewhere))}
                  end || Wait <- [60, 3600, 61, 7200]]).

%% Without those that are shared.
own_words(Agreement) ->
    erts_debug:size_shared(Agreement).

%% Names of hosts are compared as they are prepared.
addressed_test_() ->
    {setup, fun() -> {ok, _} = application:ensure_all_started(xmpp) end,
     [?_assertEqual(To, maps:get(to, ecm_bosh_terms:addressed(body(Attrs)), none))
      || {Attrs, To} <- [{#{}, <<"localhost">>}, {#{to => <<"LocalHost">>}, <<"localhost">>},
                         {#{to => <<"BÜCHER.example"/utf8>>}, <<"bücher.example"/utf8>>},
                         {#{to => <<16#202E/utf8>>}, none}]]
     ++ [?_assertEqual(#{rid => 1}, ecm_bosh_terms:addressed(#{rid => 1}))]}.

as_the_client_wants_test() ->
    Agreement = agreed(#{wait => 30, hold => 2}),
    ?assertEqual(30000, ecm_bosh_terms:wait(Agreement)),
    ?assertEqual(30000, ecm_bosh_terms:first_wait(Agreement)),
    ?assertEqual(2, ecm_bosh_terms:hold(Agreement)),
    ?assertEqual(3, ecm_bosh_terms:requests(Agreement)),
    ?assertEqual(90000, ecm_bosh_terms:inactivity(Agreement)),
    ?assertEqual(5, ecm_bosh_terms:limit(max_concat, Agreement)),
    ?assertNot(ecm_bosh_terms:is_polling(Agreement)).

what_is_too_much_is_lowered_test() ->
    Attrs = #{wait => 51, hold => 3},
    ?assertEqual(50000, ecm_bosh_terms:wait(agreed(Attrs))),
    ?assertEqual(2, ecm_bosh_terms:hold(agreed(Attrs))),
    ?assertEqual([<<"50">>, <<"2">>, <<"4">>],
                 [told(Name, Attrs) || Name <- [<<"wait">>, <<"hold">>, <<"requests">>]]).

a_pause_may_be_as_long_as_it_may_test() ->
    [?assertEqual(Permitted, ecm_bosh_terms:permitted(Request, agreed(#{})))
     || {Request, Permitted} <- [{#{rid => 8}, #{rid => 8}},
                                 {#{rid => 8, pause => 120}, #{rid => 8, pause => 120}},
                                 {#{rid => 8, pause => 121}, #{rid => 8}}]].

a_client_that_does_not_say_is_a_usual_one_test() ->
    ?assertEqual(50000, ecm_bosh_terms:wait(agreed(#{}))),
    ?assertEqual(1, ecm_bosh_terms:hold(agreed(#{}))),
    {ok, Patient} = ecm_bosh_terms:new(body(#{}), maps:put(max_wait, 300, ?OPTIONS)),
    ?assertEqual(60000, ecm_bosh_terms:wait(Patient)).

no_host_test() ->
    ?assertEqual({error, <<"improper-addressing">>}, ecm_bosh_terms:new(#{rid => 1}, ?OPTIONS)),
    ?assertEqual({error, <<"improper-addressing">>},
                 ecm_bosh_terms:new(#{rid => 1, to => <<>>}, ?OPTIONS)).

no_rid_test() ->
    ?assertEqual({error, <<"bad-request">>},
                 ecm_bosh_terms:new(#{to => <<"localhost">>}, ?OPTIONS)).

who_polls_is_told_how_often_test_() ->
    [{lists:flatten(io_lib:format("~p", [Attrs])),
      fun() ->
              ?assert(ecm_bosh_terms:is_polling(agreed(Attrs))),
              ?assertEqual(<<"5">>, told(<<"polling">>, Attrs)),
              ?assertEqual(<<"120">>, told(<<"inactivity">>, Attrs)),
              ?assertEqual(120000, ecm_bosh_terms:inactivity(agreed(Attrs))),
              ?assertEqual(1000, ecm_bosh_terms:first_wait(agreed(Attrs)))
      end} || Attrs <- [#{wait => 0}, #{hold => 0}, #{wait => 0, hold => 0}]].

others_may_ask_at_any_time_test() ->
    ?assertEqual(<<"0">>, told(<<"polling">>, #{})).

as_many_requests_as_are_asked_for_but_not_any_number_test() ->
    ?assertEqual([1, 2, 3, 5, 5],
                 [ecm_bosh_terms:requests(agreed(#{hold => Hold})) || Hold <- [0, 1, 2, 4, 99]]),
    ?assertEqual(2, ecm_bosh_terms:requests(agreed(#{}))).

the_lower_version_test_() ->
    [{lists:flatten(io_lib:format("~0p", [Theirs])),
      ?_assertEqual(Lower, told(<<"ver">>, #{ver => Theirs}))}
     || {Theirs, Lower} <- [{<<"1.6">>, <<"1.6">>}, {<<"1.9">>, <<"1.9">>},
                            {<<"1.10">>, <<"1.10">>}, {<<"1.11">>, <<"1.11">>},
                            {<<"1.12">>, <<"1.11">>}, {<<"2.0">>, <<"1.11">>},
                            {<<"0.99">>, <<"0.99">>}, {<<"1">>, <<"1.11">>},
                            {<<"1.6.1">>, <<"1.11">>}, {<<"1.-6">>, <<"1.11">>},
                            {<<"1.6\n">>, <<"1.11">>}, {<<>>, <<"1.11">>},
                            {binary:copy(<<"1">>, 1000), <<"1.11">>}]].

who_sends_no_version_is_told_none_test() ->
    ?assertEqual(none, told(<<"ver">>, #{})),
    ?assertNot(ecm_bosh_terms:knows_conditions(agreed(#{}))),
    ?assert(ecm_bosh_terms:knows_conditions(agreed(#{ver => <<"1.6">>}))).

who_acknowledges_is_acknowledged_test() ->
    ?assertEqual(<<"7">>, told(<<"ack">>, #{ack => 1})),
    ?assert(ecm_bosh_terms:acknowledges(agreed(#{ack => 1}))),
    ?assertEqual(none, told(<<"ack">>, #{})),
    ?assertNot(ecm_bosh_terms:acknowledges(agreed(#{}))).

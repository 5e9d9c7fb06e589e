%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_bosh_answer_tests).

-include_lib("eunit/include/eunit.hrl").

content(Answer) ->
    {Status, Content} = ecm_bosh_answer:content(Answer),
    {Status, ecm_conversation:answer(Content)}.

the_empty_answer_is_an_atom_test() ->
    ?assertEqual(empty, ecm_bosh_answer:payload([], [])),
    ?assertEqual({200, {#{}, []}}, content(empty)),
    ?assertEqual(iolist_to_binary(ecm_bosh_body:write([], [])), element(2, ecm_bosh_answer:content(empty))).

elements_and_attributes_test() ->
    ?assertEqual({200, {#{}, [a]}}, content(ecm_bosh_answer:payload([], [<<"<a/>">>]))),
    ?assertEqual({200, {#{}, [a, b]}}, content(ecm_bosh_answer:payload([], ["<a/>", <<"<b/>">>]))),
    ?assertEqual({200, {#{ack => <<"5">>}, []}},
                 content(ecm_bosh_answer:payload([{<<"ack">>, <<"5">>}], []))).

%% Also at the lengths at which it is kept in another form.
a_kept_answer_is_what_it_was_test() ->
    Answers = [empty, {els, [<<"<a/>">>, <<"<b/>">>], 8}, {200, <<"<body/>">>}, {404, binary:copy(<<"x">>, 100)}
               | [<<$<, (binary:copy(<<0>>, Length - 3))/binary, "/>">> || Length <- lists:seq(3, 300)]],
    [begin
         Kept = ecm_bosh_answer:kept(Answer),
         ?assertEqual(Answer, ecm_bosh_answer:whole(Kept)),
         ?assertEqual(if is_integer(Kept) -> 256; true -> ecm_bosh_answer:bytes(Answer) end,
                      ecm_bosh_answer:bytes(Kept))
     end || Answer <- Answers].

a_short_element_is_kept_on_the_heap_test() ->
    [?assertEqual(Expected, is_integer(ecm_bosh_answer:kept(binary:copy(<<"<">>, Length))))
     || {Length, Expected} <- [{64, false}, {65, true}, {256, true}, {257, false}]].

recoverable_test() ->
    ?assertEqual({200, {#{type => <<"error">>}, []}}, content(ecm_bosh_answer:recoverable())).

terminate_test() ->
    ?assertEqual({200, {#{type => <<"terminate">>}, [a]}},
                 content(ecm_bosh_answer:terminate(undefined, ["<a/>"], false))).

%% XEP-0124, section 17.1.
the_status_of_conditions_test_() ->
    [{binary_to_list(Condition),
      fun() ->
              Told = {#{type => <<"terminate">>, condition => Condition}, []},
              ?assertEqual({200, Told}, content(ecm_bosh_answer:terminate(Condition, [], true))),
              ?assertEqual({Old, Told}, content(ecm_bosh_answer:terminate(Condition, [], false)))
      end}
     || {Condition, Old} <- [{<<"bad-request">>, 400}, {<<"policy-violation">>, 403},
                             {<<"item-not-found">>, 404}, {<<"other-request">>, 200},
                             {<<"improper-addressing">>, 200}]].

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Key sequences (XEP-0124, section 15).

-module(ecm_bosh_keys_tests).

-include_lib("eunit/include/eunit.hrl").

%% The Nth key of the sequence with this seed.
k(Seed, 0) -> Seed;
k(Seed, N) -> following(k(Seed, N - 1)).

following(Key) -> string:lowercase(binary:encode_hex(crypto:hash(sha, Key))).

%% The keys of a session after these requests, or `error' at one of them.
keys(Bodies) ->
    lists:foldl(fun(_, error) -> error;
                   (Body, {ok, Keys}) -> ecm_bosh_keys:next(Body, Keys)
                end, {ok, ecm_bosh_keys:new()}, Bodies).

keys_of(Numbers) ->
    [#{newkey => k(<<"seed">>, hd(Numbers) + 1)} | [#{key => k(<<"seed">>, N)} || N <- Numbers]].

%% As in the example of section 15.4.
the_example_test() ->
    ?assertMatch({ok, _}, keys([#{newkey => <<"ca393b51b682f61f98e7877d61146407f3d0a770">>},
                                #{key => <<"bfb06a6f113cd6fd3838ab9d300fdb4fe3da2f7d">>}])).

a_session_without_keys_test() ->
    {ok, Keys} = keys([#{}, #{}]),
    ?assertEqual({ok, ecm_bosh_keys:new()}, keys([#{}, #{}])),
    ?assert(ecm_bosh_keys:repeated(0, #{}, Keys)).

%% Nothing can be expected of it, and nothing of the next one.
a_key_without_a_sequence_test() ->
    ?assertEqual({ok, ecm_bosh_keys:new()}, keys([#{}, #{key => <<"any">>}])).

a_sequence_test() ->
    ?assertMatch({ok, _}, keys(keys_of([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]))).

a_key_is_missing_test() ->
    ?assertEqual(error, keys(keys_of([9, 8]) ++ [#{}])).

a_key_is_wrong_test() ->
    ?assertEqual(error, keys(keys_of([9, 7]))),
    ?assertEqual(error, keys(keys_of([9, 9]))).

case_does_not_count_test() ->
    ?assertMatch({ok, _}, keys([#{newkey => string:uppercase(k(<<"seed">>, 2))},
                                #{key => k(<<"seed">>, 1)}])).

another_sequence_test() ->
    Switch = #{key => k(<<"seed">>, 1), newkey => k(<<"other">>, 5)},
    ?assertMatch({ok, _}, keys(keys_of([3, 2]) ++ [Switch, #{key => k(<<"other">>, 4)}])),
    ?assertEqual(error, keys(keys_of([3, 2]) ++ [Switch, #{key => k(<<"seed">>, 0)}])).

a_sequence_that_begins_later_test() ->
    {ok, Keys} = keys([#{}, #{newkey => k(<<"seed">>, 5)}]),
    ?assertEqual(error, ecm_bosh_keys:next(#{}, Keys)),
    ?assert(ecm_bosh_keys:repeated(0, #{newkey => k(<<"seed">>, 5)}, Keys)).

what_is_no_key_fits_nothing_test_() ->
    [?_assertEqual(error, keys([#{newkey => NoKey}, #{key => Key}]))
     || NoKey <- [<<>>, <<"short">>, binary:copy(<<"g">>, 40), binary:copy(<<"a">>, 1000)],
        Key <- [<<>>, NoKey]].

a_repeated_request_shows_its_key_again_test() ->
    {ok, Keys} = keys(keys_of([9, 8, 7])),
    [?assertEqual(N =:= 7 + Back, ecm_bosh_keys:repeated(Back, #{key => k(<<"seed">>, N)}, Keys))
     || Back <- [0, 1, 2], N <- [6, 7, 8, 9, 10]],
    ?assertNot(ecm_bosh_keys:repeated(0, #{}, Keys)).

%% Also with the most that a client may ask for.
all_that_can_be_repeated_need_their_keys_test() ->
    Options = #{max_wait => 60, max_hold => 2, max_inactivity => 90, max_pause => 120,
                newcomer_limits => #{}, limits => #{}},
    {ok, Agreement} = ecm_bosh_terms:new(#{rid => 1, to => <<"localhost">>, els => [], hold => 99}, Options),
    First = ecm_bosh_terms:remembered(Agreement) + ecm_bosh_terms:hold(Agreement) - 1,
    {ok, Keys} = keys(keys_of(lists:seq(30, 1, -1))),
    ?assert(ecm_bosh_keys:repeated(First, #{key => k(<<"seed">>, 1 + First)}, Keys)),
    ?assertNot(ecm_bosh_keys:repeated(First, #{key => k(<<"seed">>, First)}, Keys)).

few_keys_are_remembered_test() ->
    First = k(<<"seed">>, 1),
    Sequence = lists:foldl(fun(_, [Key | _] = Later) -> [following(Key) | Later] end, [First],
                           lists:seq(2, 1001)),
    {ok, Keys} = keys([#{newkey => hd(Sequence)} | [#{key => Key} || Key <- tl(Sequence)]]),
    {ok, Same} = keys(keys_of(lists:seq(20, 1, -1))),
    ?assertEqual(Keys, Same),
    ?assert(ecm_bosh_keys:repeated(5, #{key => k(<<"seed">>, 6)}, Keys)),
    ?assertNot(ecm_bosh_keys:repeated(5, #{key => k(<<"seed">>, 7)}, Keys)).

%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_c2s_waiting_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [integer/2, list/1, oneof/1]).

-define(BYTES, 300).

the_first_is_the_first_test() ->
    ?assertEqual([1, 2, 3], all(add([{1, a}, {2, a}, {3, a}]))).

nobody_is_nobody_test() ->
    Nobody = ecm_c2s_waiting:new(),
    ?assertEqual(none, ecm_c2s_waiting:take(Nobody)),
    ?assertEqual(none, ecm_c2s_waiting:remove(1, Nobody)),
    ?assertEqual({[], Nobody}, ecm_c2s_waiting:expired(1000000, Nobody)),
    ?assertEqual({0, 0}, {ecm_c2s_waiting:size(Nobody), ecm_c2s_waiting:age(7, Nobody)}).

%% Those of b and c come late, and wait for two or three of a.
one_address_does_not_keep_others_waiting_test() ->
    Many = [{N, a} || N <- lists:seq(1, 100)],
    Waiting = add(Many ++ [{b1, b}, {c1, c}, {b2, b}]),
    ?assertMatch([1, b1, c1, 2, b2, 3, 4 | _], all(Waiting)),
    {1, Next} = ecm_c2s_waiting:take(Waiting),
    {b1, Later} = ecm_c2s_waiting:take(Next),
    ?assertMatch([c1, 2, b2, d1, 3 | _], all(add([{d1, d}], Later))).

%% One whose newcomers come one after the other has one in a round, like all others.
an_address_comes_in_the_next_round_test() ->
    {1, Rest} = ecm_c2s_waiting:take(add([{1, a}, {2, b}, {3, b}, {4, b}])),
    ?assertEqual([2, 3, 5, 4], all(add([{5, a}], Rest))).

who_is_removed_is_not_taken_test() ->
    Waiting = add([{1, a}, {2, a}, {3, b}]),
    {1, Others} = ecm_c2s_waiting:remove(1, Waiting),
    ?assertEqual(none, ecm_c2s_waiting:remove(1, Others)),
    ?assertEqual(2, ecm_c2s_waiting:size(Others)),
    ?assertEqual([3, 2], all(Others)).

%% 45 seconds, wherever its turn is.
who_waits_for_long_is_expired_test() ->
    Waiting = add([{1, a}, {2, a}], 0, ecm_c2s_waiting:new()),
    Later = add([{3, b}], 1000, Waiting),
    ?assertEqual(44999, ecm_c2s_waiting:age(44999, Later)),
    ?assertEqual({[], Later}, ecm_c2s_waiting:expired(44999, Later)),
    {Expired, Rest} = ecm_c2s_waiting:expired(45000, Later),
    ?assertEqual([1, 2], Expired),
    ?assertEqual({1, 44000}, {ecm_c2s_waiting:size(Rest), ecm_c2s_waiting:age(45000, Rest)}),
    ?assertMatch({[3], _}, ecm_c2s_waiting:expired(46000, Rest)).

an_address_has_a_limit_test() ->
    Full = add([{1, a}, {2, a}]),
    ?assertEqual(full, ecm_c2s_waiting:add(3, {a, 2}, {?BYTES, 3}, 0, Full)),
    ?assertMatch({ok, _}, ecm_c2s_waiting:add(3, {b, 2}, {?BYTES, 3}, 0, Full)),
    {1, Less} = ecm_c2s_waiting:take(Full),
    ?assertMatch({ok, _}, ecm_c2s_waiting:add(3, {a, 2}, {?BYTES, 3}, 0, Less)).

%% 64 MiB, with 768 bytes for each beside its body.
bytes_have_a_limit_test() ->
    Body = 8192,
    Fit = 67108864 div (Body + 768),
    Full = lists:foldl(fun(N, Before) -> add(N, {N div 100, 100}, Body, Before) end, ecm_c2s_waiting:new(),
                       lists:seq(1, Fit)),
    ?assertEqual(full, ecm_c2s_waiting:add(new, {new, 1}, {Body, new}, 0, Full)),
    {_, Less} = ecm_c2s_waiting:take(Full),
    ?assertMatch({ok, _}, ecm_c2s_waiting:add(new, {new, 1}, {Body, new}, 0, Less)).

%% A peer that violates the protocol has two requests on one connection.
a_key_waits_once_test() ->
    ?assertEqual(full, ecm_c2s_waiting:add(1, {b, 9}, {?BYTES, 1}, 0, add([{1, a}]))).

%% In any order of events: nobody is lost or comes twice, the order of an address is that of its newcomers, none waits
%% for more than one of each other address, and nothing is left behind.
queue_test_() ->
    Steps = list(oneof([{add, integer(1, 4)}, take, {remove, integer(0, 30)}, {pass, integer(0, 20000)}])),
    {timeout, 600, fun() -> ecm_property:holds(Steps, fun queue/1, 2000, 20) end}.

queue(Steps) ->
    {_, _, Model, Waiting} = lists:foldl(fun step/2, {0, 0, [], ecm_c2s_waiting:new()}, Steps),
    lists:sort([Key || {Key, _, _} <- Model]) =:= lists:sort(all(Waiting))
        andalso ecm_c2s_waiting:size(Waiting) =:= length(Model)
        andalso fair(Model, all(Waiting)).

step({add, From}, {Now, Number, Model, Waiting}) ->
    case ecm_c2s_waiting:add(Number, {From, 5}, {?BYTES, Number}, Now, Waiting) of
        {ok, More} ->
            true = of_address(From, Model) < 5,
            {Now, Number + 1, Model ++ [{Number, From, Now}], More};
        full ->
            5 = of_address(From, Model),
            {Now, Number + 1, Model, Waiting}
    end;
step(take, {Now, Number, Model, Waiting}) ->
    case ecm_c2s_waiting:take(Waiting) of
        none -> {Now, Number, [] = Model, Waiting};
        {Key, Others} -> {Now, Number, lists:keydelete(Key, 1, Model), Others}
    end;
step({remove, Key}, {Now, Number, Model, Waiting}) ->
    case {ecm_c2s_waiting:remove(Key, Waiting), lists:keymember(Key, 1, Model)} of
        {none, false} -> {Now, Number, Model, Waiting};
        {{Key, Others}, true} -> {Now, Number, lists:keydelete(Key, 1, Model), Others}
    end;
step({pass, Time}, {Then, Number, Model, Waiting}) ->
    Now = Then + Time,
    {Expired, Others} = ecm_c2s_waiting:expired(Now, Waiting),
    {Expired, Now} = {[Key || {Key, _, Since} <- Model, Now - Since >= 45000], Now},
    {Now, Number, [Entry || {Key, _, _} = Entry <- Model, not lists:member(Key, Expired)], Others}.

of_address(From, Model) ->
    length([Key || {Key, Of, _} <- Model, Of =:= From]).

%% The order of each address is its own, and the next of each is among the first.
fair(Model, Order) ->
    From = fun(Key) -> element(2, lists:keyfind(Key, 1, Model)) end,
    Addresses = lists:usort([Of || {_, Of, _} <- Model]),
    lists:all(fun(Address) ->
                      Own = [Key || {Key, Of, _} <- Model, Of =:= Address],
                      Own =:= [Key || Key <- Order, From(Key) =:= Address]
              end, Addresses).

add(Newcomers) ->
    add(Newcomers, ecm_c2s_waiting:new()).

add(Newcomers, Waiting) ->
    add(Newcomers, 0, Waiting).

add(Newcomers, Now, Waiting) ->
    lists:foldl(fun({Key, From}, Before) ->
                        {ok, After} = ecm_c2s_waiting:add(Key, {From, 1000}, {?BYTES, Key}, Now, Before),
                        After
                end, Waiting, Newcomers).

add(Key, Address, Bytes, Before) ->
    {ok, After} = ecm_c2s_waiting:add(Key, Address, {Bytes, Key}, 0, Before),
    After.

all(Waiting) ->
    case ecm_c2s_waiting:take(Waiting) of
        none -> [];
        {Key, Others} -> [Key | all(Others)]
    end.

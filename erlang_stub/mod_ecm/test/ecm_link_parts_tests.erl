%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_link_parts_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [integer/2, list/1]).

an_answer_is_cut_test() ->
    Parts = add(7, 200, <<"abcdefg">>, ecm_link_parts:new(3)),
    ?assertEqual([[{7, <<"part\nabc">>}], [{7, <<"part\ndef">>}], [{7, <<"answer 200\ng">>}]],
                 rounds(Parts)).

what_fits_is_not_cut_test() ->
    Parts = add(7, {200, <<"text/html">>}, <<"abc">>, ecm_link_parts:new(3)),
    ?assertEqual([[{7, <<"answer 200 content-type=text/html\nabc">>}]], rounds(Parts)).

%% The fifth begins when one of the first four is done.
four_are_under_way_at_a_time_test() ->
    Parts = lists:foldl(fun(Id, Parts) -> add(Id, 200, body(Id), Parts) end,
                        ecm_link_parts:new(1), lists:seq(1, 5)),
    ?assertEqual([[1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5], [4, 5], [5], [5]],
                 [[Id || {Id, _} <- Round] || Round <- rounds(Parts)]).

body(Id) -> binary:copy(<<"x">>, Id).

%% In kilobytes, on a link of usual size.
parts_are_bounded_test() ->
    {[Packet], 65536, _} =
        ecm_link_parts:round(add(7, 200, <<0:(8 * 1048576)>>, ecm_link_parts:new(1048000))),
    ?assertEqual(32 + 5 + 65536, iolist_size(Packet)).

%% Whatever is added, and when: all come whole, in their order, a part of each at a time.
all_come_whole_test_() ->
    Generator = {integer(1, 20), list(list(integer(0, 60)))},
    {timeout, 600, fun() -> ecm_property:holds(Generator, fun come_whole/1, 500, 20) end}.

come_whole({Size, Times}) ->
    Numbered = number(Times, 1),
    {Packets, Left} = lists:foldl(fun(Added, {Sent, Parts}) ->
                                          {Round, Next} = round_of(add_all(Added, Parts)),
                                          {Sent ++ Round, Next}
                                  end, {[], ecm_link_parts:new(Size)}, Numbered),
    All = Packets ++ lists:append(rounds(Left)),
    lists:all(fun({Id, Body}) -> Body =:= joined(Id, All) end, lists:append(Numbered)).

number([Lengths | Rest], First) ->
    Next = First + length(Lengths),
    [[{Id, crypto:strong_rand_bytes(Length)}
      || {Id, Length} <- lists:zip(lists:seq(First, Next - 1), Lengths)] | number(Rest, Next)];
number([], _) -> [].

add_all(Answers, Parts) ->
    lists:foldl(fun({Id, Body}, Next) -> add(Id, 200, Body, Next) end, Parts, Answers).

joined(Id, Packets) ->
    Contents = [Content || {Of, Content} <- Packets, Of =:= Id],
    <<"answer 200\n", Last/binary>> = lists:last(Contents),
    iolist_to_binary([[Part || <<"part\n", Part/binary>> <- lists:droplast(Contents)], Last]).

add(Id, Head, Body, Parts) ->
    {ok, Added} = ecm_link_parts:add(Id, Head, Body, Parts),
    Added.

%% Under way or not; and another one takes its place.
what_nobody_waits_for_is_not_sent_test() ->
    Six = lists:foldl(fun(Id, Parts) -> add(Id, 200, <<"xyz">>, Parts) end, ecm_link_parts:new(1),
                      lists:seq(1, 6)),
    {_, 4, Begun} = ecm_link_parts:round(Six),
    {2, Five} = ecm_link_parts:forget(2, Begun),
    {3, Four} = ecm_link_parts:forget(6, Five),
    {0, Four} = ecm_link_parts:forget(9, Four),
    ?assertEqual([[1, 3, 4, 5], [1, 3, 4, 5], [5]], [[Id || {Id, _} <- Round] || Round <- rounds(Four)]).

%% The bodies are one binary here.
what_waits_is_bounded_test() ->
    Body = <<0:(8 * 16777216)>>,
    Nine = lists:foldl(fun(Id, Parts) -> add(Id, 200, Body, Parts) end, ecm_link_parts:new(65536),
                       lists:seq(1, 9)),
    ?assertEqual(full, ecm_link_parts:add(10, 200, Body, Nine)),
    {16777216, Eight} = ecm_link_parts:forget(9, Nine),
    ?assertMatch({ok, _}, ecm_link_parts:add(10, 200, Body, Eight)).

rounds(Parts) ->
    case ecm_link_parts:is_empty(Parts) of
        true -> [];
        false -> {Round, Next} = round_of(Parts), [Round | rounds(Next)]
    end.

round_of(Parts) ->
    {Packets, _, Next} = ecm_link_parts:round(Parts),
    {ok, Round, _} = ecm_link_packet:decode(iolist_to_binary(Packets), ecm_link_packet:new(1000)),
    {Round, Next}.

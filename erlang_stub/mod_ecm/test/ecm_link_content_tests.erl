%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_link_content_tests).

-include_lib("eunit/include/eunit.hrl").

answer_test_() ->
    [?_assertEqual(Expected, iolist_to_binary(ecm_link_content:answer(Form, Head, [<<"a">>, "b"])))
     || {Form, Head, Expected} <-
            [{plain, 404, <<"ab">>},
             {plain, {200, <<"text/html">>}, <<"ab">>},
             {typed, 404, <<"answer 404\nab">>},
             {typed, {200, <<"text/html; charset=utf-8">>},
              <<"answer 200 content-type=text/html;%20charset=utf-8\nab">>},
             {typed, {200, <<"a/b\n">>}, <<"answer 200 content-type=a/b%0A\nab">>}]].

dropped_test() ->
    ?assertEqual(<<"close failed">>, iolist_to_binary(ecm_link_content:dropped())).

head_test_() ->
    [?_assertEqual(Expected, ecm_link_content:head(200, Content))
     || {Content, Expected} <- [{none, 200}, {<<"text/html">>, {200, <<"text/html">>}}]].

asked_test_() ->
    Longest = binary:copy(<<"x">>, 128),
    [?_assertEqual(Expected, ecm_link_content:asked(Body))
     || {Body, Expected} <- [{#{}, none},
                             {#{content => <<"text/xml; charset=utf-8">>}, none},
                             {#{content => <<"text/html">>}, <<"text/html">>},
                             {#{content => Longest}, Longest},
                             {#{content => <<Longest/binary, "x">>}, none}]].

%% The longest type is written with three bytes for each.
the_longest_body_fits_into_a_packet_test() ->
    Type = binary:copy(<<" ">>, 128),
    Body = binary:copy(<<"x">>, ecm_link_content:longest_body(4096)),
    [?assert(iolist_size(ecm_link_packet:encode(1 bsl 63, ecm_link_content:answer(Form, Head, Body))) =< 4096)
     || Form <- [plain, typed], Head <- [200, {599, Type}]].

%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_link_answer_tests).

-include_lib("eunit/include/eunit.hrl").

encode_test_() ->
    [?_assertEqual(Expected, iolist_to_binary(ecm_link_answer:encode(Form, Head, [<<"a">>, "b"])))
     || {Form, Head, Expected} <-
            [{plain, 404, <<"ab">>},
             {plain, {200, <<"text/html">>}, <<"ab">>},
             {typed, 404, <<"answer 404\nab">>},
             {typed, {200, <<"text/html; charset=utf-8">>},
              <<"answer 200 content-type=text/html;%20charset=utf-8\nab">>},
             {typed, {200, <<"a/b\n">>}, <<"answer 200 content-type=a/b%0A\nab">>},
             {typed, {200, none, #{new => 1}}, <<"answer 200\nab">>},
             {typed, {200, <<"a/b">>, #{new => 1}}, <<"answer 200 content-type=a/b\nab">>}]].

none_test() ->
    ?assertEqual(<<"close failed">>, iolist_to_binary(ecm_link_answer:none())).

head_test_() ->
    [?_assertEqual(Expected, ecm_link_answer:head(200, Content))
     || {Content, Expected} <- [{none, 200}, {<<"text/html">>, {200, <<"text/html">>}}]].

content_type_test_() ->
    Longest = binary:copy(<<"x">>, 128),
    [?_assertEqual(Expected, ecm_link_answer:content_type(Asked))
     || {Asked, Expected} <- [{none, none},
                              {<<"text/xml; charset=utf-8">>, none},
                              {<<"text/html">>, <<"text/html">>},
                              {Longest, Longest},
                              {<<Longest/binary, "x">>, none}]].

%% The longest type is written with three bytes for each.
the_longest_body_fits_into_a_packet_test() ->
    Type = binary:copy(<<" ">>, 128),
    Body = binary:copy(<<"x">>, ecm_link_answer:max_body(4096)),
    [?assert(iolist_size(ecm_link_packet:encode(1 bsl 63, ecm_link_answer:encode(Form, Head, Body))) =< 4096)
     || Form <- [plain, typed], Head <- [200, {599, Type}]].

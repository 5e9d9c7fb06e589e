%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Typed contents against typed.json, the vectors that ECM has to pass as well.

-module(ecm_link_message_tests).

-include_lib("eunit/include/eunit.hrl").

%% Every content: what it means, by the table and by the short way, and who may say it where.
contents_test_() ->
    [{Name, [fun() -> reads(Vector) end, fun() -> belongs(Vector) end]}
     || #{<<"name">> := Name} = Vector <- contents()].

reads(#{<<"content">> := Text, <<"type">> := Type, <<"words">> := Words, <<"fields">> := Fields}
      = Vector) ->
    Content = ecm_vectors:bytes(Text),
    Line = body(Vector, #{type => binary_to_atom(Type), words => words(Type, Words),
                          fields => maps:map(fun meaning/2, Fields)}),
    ?assertEqual({ok, Line}, ecm_link_message:parse(Content)),
    ?assertEqual({ok, Line}, ecm_link_message:parse_by_table(Content)).

body(#{<<"body">> := Body}, Line) -> Line#{body => ecm_vectors:bytes(Body)};
body(_, Line) -> Line.

words(Type, [Number]) when Type =:= <<"answer">>; Type =:= <<"ack">>; Type =:= <<"more">> ->
    [binary_to_integer(Number)];
words(_, Words) -> Words.

%% Numbers and addresses as Erlang's own functions read them: those here are beyond doubt.
meaning(<<"version">>, Text) -> [binary_to_integer(Part) || Part <- parts(Text)];
meaning(<<"role">>, Text) -> binary_to_atom(Text);
meaning(<<"max-packet">>, Text) -> binary_to_integer(Text);
meaning(<<"max-content">>, Text) -> binary_to_integer(Text);
meaning(<<"window">>, Text) -> binary_to_integer(Text);
meaning(<<"status">>, Text) -> binary_to_integer(Text);
meaning(<<"got">>, Text) -> binary_to_integer(Text);
meaning(<<"load">>, Text) -> binary_to_integer(Text);
meaning(<<"id">>, Text) -> binary_to_integer(Text);
meaning(<<"more">>, Text) -> binary_to_integer(Text);
meaning(<<"stats">>, Text) -> Text =:= <<"1">>;
meaning(<<"features">>, Text) -> parts(Text);
meaning(<<"secure">>, Text) -> Text =:= <<"1">>;
meaning(<<"truncated">>, Text) -> Text =:= <<"1">>;
meaning(<<"redirected">>, Text) -> Text =:= <<"1">>;
meaning(<<"full">>, Text) -> Text =:= <<"1">>;
meaning(<<"peer">>, Text) -> peer(uri_string:parse(<<"//", Text/binary>>));
meaning(<<"cb">>, Text) -> base64:decode(Text);
meaning(_, Text) -> Text.

parts(Text) ->
    string:lexemes(Text, ",").

peer(#{host := Host, port := Port}) ->
    {ok, Address} = inet:parse_strict_address(binary_to_list(Host)),
    {Address, Port}.

belongs(#{<<"type">> := Type, <<"from">> := Side, <<"id">> := Id}) ->
    ?assert(ecm_link_message:comes(binary_to_atom(Type), binary_to_atom(Side), binary_to_integer(Id))).

%% All but those that nobody would write like this.
written_test_() ->
    [{Name, fun() -> writes(Vector) end}
     || #{<<"name">> := Name} = Vector <- contents(), not is_map_key(<<"only_read">>, Vector)].

writes(#{<<"content">> := Text, <<"type">> := Type, <<"words">> := Words, <<"fields">> := Fields}
       = Vector) ->
    Content = ecm_vectors:bytes(Text),
    Written = write(binary_to_atom(Type), Words, in_order(Content, Fields), Vector),
    ?assertEqual(Content, iolist_to_binary(Written)).

write(Type, Words, Fields, #{<<"body">> := Body}) ->
    ecm_link_message:write(Type, Words, Fields, ecm_vectors:bytes(Body));
write(Type, Words, Fields, _) ->
    ecm_link_message:write(Type, Words, Fields).

%% A map has lost the order of its fields; in the content it is still there.
in_order(Content, Fields) ->
    Place = fun({Key, _}) -> binary:match(Content, <<" ", Key/binary, "=">>) end,
    [Field || {_, Field} <- lists:sort([{Place(Field), Field} || Field <- maps:to_list(Fields)])].

%% Every error, by the table and by the short way.
errors_test_() ->
    [{Name, [?_assertEqual({error, binary_to_atom(Fault)}, ecm_link_message:Parse(ecm_vectors:bytes(Text)))
             || Parse <- [parse, parse_by_table]]}
     || #{<<"name">> := Name, <<"content">> := Text, <<"fault">> := Fault}
            <- maps:get(<<"errors">>, vectors())].

an_unknown_type_is_named_test_() ->
    [?_assertEqual({unknown, <<"opened">>}, ecm_link_message:parse(Content))
     || Content <- [<<"opened">>, <<"opened ">>, <<"opened websocket peer=?">>, <<"opened\nbody">>]].

%% The first fault in the order of docs/protocol.md counts.
the_first_of_two_faults_test_() ->
    [?_assertEqual({error, Fault}, ecm_link_message:parse(Content))
     || {Content, Fault} <-
            [{<<"X", (binary:copy(<<"x">>, 1024))/binary>>, 'line-too-long'},
             {<<"answer 1 x">>, 'body-missing'},
             {<<"ping\n">>, 'body-unwanted'},
             {<<"ping \t x">>, 'bad-word'},
             {<<"hello version">>, 'bad-field'},
             {<<"hello version=x">>, 'missing-field'},
             {<<"hello a=%FF">>, 'missing-field'}]].

a_line_may_have_1024_bytes_test_() ->
    Longest = <<"request a=", (binary:copy(<<"1">>, 1014))/binary>>,
    [?_assertMatch({ok, #{body := <<"x">>}}, ecm_link_message:parse(<<Longest/binary, "\nx">>)),
     ?_assertEqual({error, 'body-missing'}, ecm_link_message:parse(Longest)),
     ?_assertEqual({error, 'line-too-long'}, ecm_link_message:parse(<<Longest/binary, "1">>))].

statuses_test_() ->
    [?_assertEqual({ok, #{type => answer, words => [Status], fields => #{}, body => <<>>}},
                   ecm_link_message:parse(status(Status))) || Status <- [200, 203, 206, 303, 305, 599]]
        ++ [?_assertEqual({error, 'bad-word'}, ecm_link_message:parse(status(Status)))
            || Status <- [99, 199, 204, 205, 304, 600, 2000]].

status(Status) ->
    <<"answer ", (integer_to_binary(Status))/binary, "\n">>.

a_value_is_visible_ascii_test_() ->
    [?_assertEqual({error, 'bad-field'}, ecm_link_message:parse(<<Start/binary, Byte, End/binary>>))
     || Byte <- [0, $\t, 16#7F, 16#80, 16#FF],
        {Start, End} <- [{<<"request a=">>, <<"\n">>},
                         {<<"request peer=">>, <<":1 secure=1\n">>},
                         {<<"request peer=[::">>, <<"]:1 secure=1\n">>},
                         {<<"request peer=[::1]:">>, <<" secure=1\n">>}]].

%% Also a value that is ignored.
every_value_is_utf8_test_() ->
    [?_assertEqual({error, 'bad-value'}, ecm_link_message:parse(<<"request a=", Value/binary, "\n">>))
     || Value <- [<<"%FF">>, <<"%C3">>, <<"%ED%A0%80">>, <<"%C0%80">>]].

%% What is a field of one type only is as any unknown field in another.
a_field_of_another_type_is_ignored_test() ->
    ?assertMatch({ok, #{fields := #{<<"nonce">> := <<"x">>}}},
                 ecm_link_message:parse(<<"request nonce=x\n">>)).

an_instance_is_for_the_log_test_() ->
    [?_assertEqual({error, 'bad-value'}, ecm_link_message:parse(hello(Instance)))
     || Instance <- [<<"%00">>, <<"%7F">>, <<"%C2%80">>, <<"%C2%9F">>]]
        ++ [?_assertMatch({ok, _}, ecm_link_message:parse(hello(Instance)))
            || Instance <- [<<"%20">>, <<"%C2%A0">>, binary:copy(<<"x">>, 255)]].

hello(Instance) ->
    <<"hello version=1 role=ecm max-packet=4096 nonce=000102030405060708090a0b0c0d0e0f instance=",
      Instance/binary>>.

peers_test_() ->
    [?_assertMatch({ok, #{fields := #{<<"peer">> := Peer}}},
                   ecm_link_message:parse(<<"request peer=", Text/binary, " secure=0\n">>))
     || {Text, Peer} <- [{<<"0.0.0.0:0">>, {{0, 0, 0, 0}, 0}},
                         {<<"255.255.255.255:65535">>, {{255, 255, 255, 255}, 65535}},
                         {<<"192.0.2.7:00080">>, {{192, 0, 2, 7}, 80}},
                         {<<"[::]:1">>, {{0, 0, 0, 0, 0, 0, 0, 0}, 1}},
                         {<<"[2001:DB8::7]:1">>, {{16#2001, 16#db8, 0, 0, 0, 0, 0, 7}, 1}},
                         {<<"[::192.0.2.7]:1">>, {{0, 0, 0, 0, 0, 0, 16#c000, 16#207}, 1}}]].

no_peers_test_() ->
    [?_assertEqual({error, 'bad-value'},
                   ecm_link_message:parse(<<"request peer=", Text/binary, " secure=0\n">>))
     || Text <- [<<"1.2.3.4.5:1">>, <<"1.2..4:1">>, <<".1.2.3.4:1">>, <<"1.2.3.4.:1">>,
                 <<"0x1.2.3.4:1">>, <<"1.2.3.4:000080">>, <<"1.2.3.4:1:1">>, <<"[]:1">>,
                 <<"[:]:1">>, <<"[1:2:3:4:5:6:7]:1">>, <<"[1::2::3]:1">>, <<"[::00001]:1">>,
                 <<"[::ffff:192.0.2.07]:1">>, <<"[::1.2.3]:1">>, <<"[::1]1">>, <<"[::1]:1]:1">>]].

who_says_what_where_test_() ->
    [?_assertEqual(Expected, ecm_link_message:comes(Type, Side, Id))
     || {Type, Side, Id, Expected} <-
            [{request, ecm, 1, true}, {request, ejabberd, 1, false}, {request, ecm, 0, false},
             {answer, ejabberd, 1, true}, {answer, ecm, 1, false}, {answer, ejabberd, 0, false},
             {proof, ecm, 0, true}, {proof, ejabberd, 0, false}, {hello, ecm, 1, false},
             {error, ecm, 0, true}, {error, ejabberd, 1, true}, {close, ecm, 0, false}]].

contents() ->
    maps:get(<<"contents">>, vectors()).

vectors() ->
    ecm_vectors:read("typed.json").

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc XML streams over TCP, in any pieces, beside ejabberd's parser (expat).

-module(ecm_stream_tcp_tests).

-include_lib("eunit/include/eunit.hrl").

-import(ecm_pieces, [cut/2, feed/3, heard/1, heard/2]).
-import(proper_types, [elements/1, frequency/1, integer/2, list/1]).

-define(LIMITS, #{max_body => 1000000, max_elements => infinity}).
-define(STREAMS, "http://etherx.jabber.org/streams").
-define(HEADER, "<stream:stream to='a' version='1.0' xmlns='jabber:client' xmlns:stream='" ?STREAMS "'>").
-define(MESSAGE, {element, {xmlel, <<"message">>, [], []}}).

parts_test_() ->
    {setup, fun() -> {ok, _} = application:ensure_all_started(xmpp) end,
     [{lists:flatten(Text), ?_assertEqual(Expected, same_in_any_pieces(Text))}
      || {Text, Expected} <-
             [{"<message/>", [?MESSAGE]},
              {" \n<message/>\t<message></message>\n", [?MESSAGE, ?MESSAGE]},
              {"<message", []},
              {"<a xmlns='urn:a' b='/>'/>", [element("a", [{"xmlns", "urn:a"}, {"b", "/>"}], [])]},
              {"<message a=\"'>\"><b/>x</message>",
               [element("message", [{"a", "'>"}], [{xmlel, <<"b">>, [], []}, {xmlcdata, <<"x">>}])]},
              {"<message><![CDATA[</message>]]]></message>", [element("message", [], [{xmlcdata, <<"</message>]">>}])]},
              {"<stream:error/>", [element("error", [{"xmlns", ?STREAMS}], [])]},
              {"</stream:stream>", [ends]},
              {"<message/></stream:stream > <message/>", [?MESSAGE, ends]},
              {"</stream:other>", [{fault, 'not-xml'}]},
              {"</stream:stream2>", [{fault, 'not-xml'}]},
              {"<message/>hello", [?MESSAGE, {fault, 'not-xml'}]},
              {"<message></iq><message/>", [{fault, 'not-xml'}]},
              {"<message<", [{fault, 'not-xml'}]},
              {"<p:message/>", [{fault, 'not-xml'}]},
              {"<!-- -->", [{fault, 'forbidden-markup'}]},
              {"<message><!-- --></message>", [{fault, 'forbidden-markup'}]},
              {"<message><?x?></message>", [{fault, 'forbidden-markup'}]},
              {"<![CDATA[x]]>", [{fault, 'forbidden-markup'}]},
              {lists:duplicate(210, "<a>"), [{fault, 'too-deep'}]}]]}.

%% What comes behind the header, in all ways to cut it once, and byte by byte.
same_in_any_pieces(Text) ->
    Bytes = iolist_to_binary([?HEADER, Text]),
    [Expected] = lists:usort([heard([Bytes]), heard([<<Byte>> || <<Byte>> <= Bytes])
                              | [heard([binary:part(Bytes, 0, N), binary:part(Bytes, N, byte_size(Bytes) - N)])
                                 || N <- lists:seq(1, byte_size(Bytes) - 1)]]),
    [{begins, _} | Behind] = Expected,
    Behind.

headers_test_() ->
    [{Text, ?_assertEqual(Expected, headed(Text))}
     || {Text, Expected} <-
            [{"<stream:stream xmlns:stream='" ?STREAMS "' xmlns='jabber:client' to='b' xml:lang='de' x:y=''"
              " xmlns:x='urn:x'>",
              {begins, [{<<"to">>, <<"b">>}, {<<"xml:lang">>, <<"de">>}, {<<"xmlns">>, <<"jabber:client">>},
                        {<<"xmlns:stream">>, <<?STREAMS>>}]}},
             {"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\n <s:stream xmlns:s='urn:other'>",
              {begins, [{<<"xmlns">>, <<>>}, {<<"xmlns:stream">>, <<"urn:other">>}]}},
             {"<?xml version='1.0' encoding='UTF-16'?><stream>", {fault, 'other-encoding'}},
             {"<stream:stream>", {fault, 'not-xml'}},
             {"<stream/>", {fault, 'not-xml'}},
             {"<message>", {fault, not_begun}},
             {"<!DOCTYPE a>", {fault, 'forbidden-markup'}},
             {"GET / HTTP/1.1", {fault, 'not-xml'}},
             {"<?xml version='1.0'?>GET", {fault, 'not-xml'}},
             {"</stream:stream>", {fault, 'not-xml'}}]].

headed(Text) ->
    Bytes = list_to_binary(Text),
    [[Whole]] = lists:usort([heard([Bytes]), heard([<<Byte>> || <<Byte>> <= Bytes])]),
    Whole.

what_waits_is_bounded_test() ->
    Limits = #{max_body => 200, max_elements => 3},
    Exceeds = fun(Limit) -> [{fault, {exceeds, Limit}}] end,
    Behind = fun(Text) -> tl(heard([list_to_binary([?HEADER, Text])], Limits)) end,
    ?assertEqual(Exceeds(bytes), Behind(["<message>", lists:duplicate(200, $x)])),
    ?assertEqual(Exceeds(bytes), Behind(["<message>", lists:duplicate(190, $x), "</message>"])),
    ?assertEqual(Exceeds(elements), Behind("<message><a/><a/><a/></message>")),
    ?assertEqual(Exceeds(bytes), heard([list_to_binary(["<a b='", lists:duplicate(201, $x)])], Limits)).

nothing_is_kept_of_a_usual_stream_test() ->
    {[{begins, _}], Begun} = read(?HEADER, ecm_stream_tcp:new()),
    ?assertEqual(0, erts_debug:flat_size(Begun)),
    ?assert(ecm_stream_tcp:has_begun(Begun)),
    {[_, _], Next} = read("<message/> <iq/> ", Begun),
    ?assertEqual(Begun, Next),
    ?assertNot(ecm_stream_tcp:has_begun(ecm_stream_tcp:reset(Next))).

%% The time for each byte does not depend on the size of a piece, nor on the size of an element.
the_time_is_linear_test_() ->
    {timeout, 60, fun() ->
                          Reductions = [work(Size, Piece) / Size
                                        || Size <- [20000, 200000], Piece <- [1, 50, 1000000]],
                          ?assert(lists:max(Reductions) < 60)
                  end}.

work(Size, Piece) ->
    {_, Begun} = read(?HEADER, ecm_stream_tcp:new()),
    Pieces = cut(list_to_binary(["<message>", lists:duplicate(Size, $x), "</message>"]), [Piece]),
    Parent = self(),
    spawn_link(fun() ->
                       {reductions, Before} = process_info(self(), reductions),
                       {[{element, _}], _} = feed(Pieces, ?LIMITS, Begun),
                       {reductions, After} = process_info(self(), reductions),
                       Parent ! {worked, After - Before}
               end),
    receive {worked, Reductions} -> Reductions end.

%% Any stream in any pieces is what expat makes of it.
oracle_test_() ->
    {setup, fun() -> {ok, _} = application:ensure_all_started(xmpp) end,
     {timeout, 120, fun() -> ecm_property:holds({stream(), list(integer(1, 30))}, fun agrees/1, 250, 227) end}}.

agrees({Stream, Sizes}) ->
    Bytes = iolist_to_binary(tuple_to_list(Stream)),
    Whole = heard([Bytes]),
    heard(cut(Bytes, [1])) =:= Whole andalso heard(cut(Bytes, Sizes)) =:= Whole andalso
        agree(fxml_stream:parse_element(Bytes), Whole).

%% What is no XML may also wait for its end.
agree({error, _}, Heard) ->
    lists:last(Heard) =/= ends;
agree(Root, Heard) ->
    case lists:last(Heard) of
        ends ->
            {_, _, Children} = ecm_expat:meaning(Root),
            [Child || Child <- Children, is_tuple(Child)] =:= [ecm_expat:meaning(El) || {element, El} <- Heard];
        {fault, Fault} ->
            lists:member(Fault, ['forbidden-markup', 'too-many-declarations'])
    end.

stream() ->
    {elements(["", "<?xml version='1.0'?>", " \n"]),
     elements(["<stream:stream xmlns='jabber:client'", "<stream:stream xmlns:x='urn:x' xmlns=\"jabber:client\"",
               "<stream:stream xmlns='jabber:client' xmlns:p='urn:p' xmlns:q='urn:q'"]),
     " xmlns:stream='" ?STREAMS "' a='>'>", list(frequency([{2, " \n"}, {5, child(2)}])), "</stream:stream>"}.

child(Depth) ->
    Name = frequency([{6, elements(["message", "iq", "a.b"])}, {1, elements(["x:a", "p:b", "stream:c", "1"])}]),
    proper_types:bind({Name, attributes(), inside(Depth), elements(["", " "])},
                      fun({Made, Attributes, Inside, Space}) ->
                              case Inside of
                                  [] -> ["<", Made, Attributes, Space, "/>"];
                                  _ -> ["<", Made, Attributes, ">", Inside, "</", Made, Space, ">"]
                              end
                      end, false).

attributes() ->
    frequency([{9, elements(["", " b='>'", " b=\"/>'\"", " xmlns='urn:n'", " p:c='1'", " xmlns:p='urn:o' p:c='2'"])},
               {1, elements([" b", " b='<'", " b='1' b='2'", " b=\"", "<"])}]).

inside(0) -> list(text());
inside(Depth) -> list(frequency([{2, text()}, {1, child(Depth - 1)}])).

text() ->
    frequency([{12, elements(["x", " ", "&lt;", "<![CDATA[<a>]]>", "<![CDATA[]]]]>", "'", "\"/", <<"é😀"/utf8>>])},
               {1, elements(["<!-- -->", "&nbsp;", "]]>", "</", <<16#C3>>, "<"])}]).

read(Text, State) ->
    ecm_stream_tcp:read(iolist_to_binary(Text), ?LIMITS, State).

element(Name, Attributes, Children) ->
    {element, {xmlel, list_to_binary(Name),
               [{list_to_binary(Key), list_to_binary(Value)} || {Key, Value} <- Attributes], Children}}.

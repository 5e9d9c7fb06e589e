%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A fuzzer of the parsers of bodies and of streams, and of the serialiser, beside ejabberd's XML parser (`make
%% fuzz-erlang'). Each case is made from its number alone: a valid body, spoiled in a few places.
%%
%% A case fails if something crashes; if the parser reads another meaning; if what is written means
%% something else than what was read, or is longer than allowed; or if it takes too long.

-module(ecm_fuzz).

-export([main/0, tried/1]).

-define(NS, "http://jabber.org/protocol/httpbind").

%% The work for one byte: more than any known body takes (ecm_linear_tests); and the work that any body may
%% take.
-define(REDUCTIONS, 60).
-define(REDUCTIONS_OF_ANY, 20000).

%% Bytes beyond twice the original (ecm_xml_stanza, ecm_xml_serialiser).
-define(GROWTH, 4096).

%% @doc Runs for SECONDS from a random case on, or the case SEED alone. Ends the Erlang machine, with status
%% 1 if a case has failed.
-spec main() -> no_return().
main() ->
    case os:getenv("SEED", "") of
        "" ->
            First = rand:uniform(1000000000),
            Until = erlang:monotonic_time(second) + list_to_integer(os:getenv("SECONDS", "60")),
            io:format("from SEED=~B on~n", [First]),
            halt(go_on(First, First, Until));
        Seed ->
            Status = tried(list_to_integer(Seed)),
            io:format("status ~B~n", [Status]),
            halt(Status)
    end.

go_on(Seed, First, Until) ->
    case {tried(Seed), erlang:monotonic_time(second) < Until} of
        {0, true} -> go_on(Seed + 1, First, Until);
        {0, false} -> io:format("~B bodies, and nothing found~n", [Seed - First + 1]), 0;
        {1, _} -> 1
    end.

%% @doc Runs the case of this number. Prints its failure.
-spec tried(Seed :: integer()) -> Status :: 0 | 1.
tried(Seed) ->
    _ = rand:seed(exsss, Seed),
    Bodies = known(),
    Body = spoiled(rand:uniform(4) - 1, element(rand:uniform(tuple_size(Bodies)), Bodies)),
    try failure(Body) of
        none -> 0;
        Failure -> failed(Seed, Failure, Body)
    catch
        Class:Reason:Stack -> failed(Seed, {Class, Reason, Stack}, Body)
    end.

failed(Seed, Failure, Body) ->
    io:format("SEED=~B: ~0p~n~0p~n", [Seed, Failure, Body]),
    1.

failure(Body) ->
    {Reductions, Result} = ecm_hostile:work(Body),
    first([{slow, fun() -> Reductions > ?REDUCTIONS * byte_size(Body) + ?REDUCTIONS_OF_ANY end},
           {long, fun() -> is_integer(Result) andalso Result > 2 * byte_size(Body) + ?GROWTH end},
           {read_otherwise, fun() -> not ecm_expat:agrees(Body) end},
           {written_otherwise, fun() -> not is_written(Body) end},
           {streamed_otherwise, fun() -> not is_streamed(Body) end}]).

first([{Name, Has} | Others]) ->
    case Has() of
        true -> Name;
        false -> first(Others)
    end;
first([]) -> none.

is_written(Body) ->
    case ecm_bodies:parse(Body) of
        {ok, #{els := Els}} ->
            {ok, _, Meanings} = ecm_expat:read(Body),
            [ecm_expat:meaning_of(ecm_xml_stanza:encode(El)) || El <- Els] =:= Meanings;
        {error, _} ->
            true
    end.

%% The body as an element of a stream over TCP, in any pieces: what comes of it does not depend on these, and only
%% XML comes to the end of the stream, with the meaning that it has for expat.
is_streamed(Body) ->
    Bytes = iolist_to_binary(["<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
                              Body, "</stream:stream>"]),
    Whole = ecm_pieces:heard([Bytes]),
    Whole =:= ecm_pieces:heard(ecm_pieces:cut(Bytes, [rand:uniform(60) || _ <- lists:seq(1, 5)]))
        andalso (lists:last(Whole) =/= ends orelse has_meaning(Bytes, [El || {element, El} <- Whole])).

has_meaning(Bytes, Els) ->
    element(1, fxml_stream:parse_element(Bytes)) =:= xmlel
        andalso ecm_expat:stanzas(Bytes) =:= lists:map(fun ecm_expat:meaning/1, Els).

%% Bodies.

%% Made once.
known() ->
    case get(?MODULE) of
        undefined ->
            {ok, _} = application:ensure_all_started(xmpp),
            put(?MODULE, list_to_tuple(bodies())),
            known();
        Bodies ->
            Bodies
    end.

bodies() ->
    [iolist_to_binary(Body) || Body <- written()]
        ++ [Make(2000) || {_, Make} <- ecm_hostile:shapes()].

written() ->
    [["<body rid='7' sid='a' xmlns='" ?NS "'/>"],
     ["<?xml version='1.0' encoding='utf-8'?>\n<body rid='7' to='a' xml:lang='en' wait='60' hold='1' "
      "ver='1.6' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh' xmlns='" ?NS "'></body>\n"],
     [16#EF, 16#BB, 16#BF, "<b:body xmlns:b='" ?NS "' xmlns:c='jabber:client' xmlns='urn:x' rid='7' "
      "s='&#x61;&lt;'><c:message to='b' c:d='e'><c:body>Hello</c:body><x/></c:message></b:body>"],
     ["<body rid='7' xmlns='" ?NS "'><message xmlns='jabber:client' to='b\303\274' type='chat'>"
      "<body>Hello &amp; <![CDATA[<&]]]]>&#13;\r\n]]&gt;</body><x xmlns='urn:x' xmlns:p='urn:p' "
      "p:a=\"'\" b='&quot;\n'><p:y><y xmlns=''/></p:y></x></message> <presence/></body>"],
     ["<body rid='7' xmlns:p='jabber:iq:private' xmlns='" ?NS "'><iq type='set'><p:query xmlns:q='u'>"
      "<q:a q:b=''><p:c/><d/></q:a></p:query></iq><p:\303\266/></body>"]].

%% Spoiled in so many places.

spoiled(0, Body) -> Body;
spoiled(Times, Body) -> spoiled(Times - 1, spoiled(Body)).

spoiled(Body) ->
    At = rand:uniform(byte_size(Body) + 1) - 1,
    <<Before:At/binary, After/binary>> = Body,
    Size = min(byte_size(After), rand:uniform(40)),
    <<Part:Size/binary, Rest/binary>> = After,
    iolist_to_binary(case rand:uniform(7) of
                         1 -> [Before, Rest];
                         2 -> [Before, Part, Part, Rest];
                         3 -> [Before, lists:duplicate(rand:uniform(300), Part), Rest];
                         4 -> [Before, token(), After];
                         5 -> [Before, token(), Rest];
                         6 -> [Before, rand:uniform(256) - 1, After];
                         7 -> [Before, moved(Body), After]
                     end).

moved(Body) ->
    At = rand:uniform(byte_size(Body) + 1) - 1,
    binary:part(Body, At, min(byte_size(Body) - At, rand:uniform(60))).

token() ->
    Tokens = ["<", ">", "/>", "</", "=", "'", "\"", "&", ";", ":", " ", "\r", "\n", "\t", "]]>", "<![CDATA[",
              "<!--", "-->", "<?", "?>", "<!DOCTYPE a>", "&lt;", "&#10;", "&#xD;", "&#0;", "&#x110000;",
              "&#xD800;", "xmlns=''", " xmlns='urn:x'", " xmlns:p='urn:x'", " xmlns:xml='u'", "p:", "b:",
              " p:a='1'", " a='1'", "<p:a/>", "<a>", "</a>", "<body>", "xml:", "xmlns:", [0], [255],
              [16#C3, 16#BC], [16#EF, 16#BB, 16#BF], [16#EF, 16#BF, 16#BE], [16#ED, 16#A0, 16#BD],
              " xmlns='http://www.w3.org/2000/xmlns/'", "http://www.w3.org/XML/1998/namespace",
              "<?xml version='1.0'?>", " encoding='latin1'", " xmlns='jabber:client'",
              " xmlns='" ?NS "'", " rid='7'", " pause='x'"],
    lists:nth(rand:uniform(length(Tokens)), Tokens).

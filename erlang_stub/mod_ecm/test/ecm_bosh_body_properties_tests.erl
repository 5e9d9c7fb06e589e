%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Properties of any body, with bodies that PropEr generates, the same in each run. The output of a
%% failure is the smallest such body.

-module(ecm_bosh_body_properties_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [elements/1, exactly/1, integer/2, list/1, oneof/1, vector/2]).
-import(ecm_bodies, [map/2]).

-define(FAULTS, ['no-start-tag', 'not-xml', 'not-body', 'text-between-stanzas', 'too-many-declarations',
                 'forbidden-markup', 'missing-rid', 'bad-rid', 'bad-ack', 'bad-wait', 'bad-hold',
                 'bad-pause', 'bad-ver', 'bad-type', 'bad-restart', 'too-deep', 'other-encoding']).

properties_test_() ->
    [{Name, {timeout, 600, fun() -> ecm_property:holds(Generator, Test, Count, 124) end}}
     || {Name, Generator, Test, Count} <-
            [{"any bytes are a body or not", ecm_bodies:any(), fun any_content/1, 5000},
             {"a body is read as by the parser", ecm_bodies:any(), fun read_as_by_parser/1, 10000},
             {"a body with stanzas is, too", ecm_bodies:any_full(), fun read_as_by_parser/1, 200},
             {"of these many are bodies, and many are not", exactly(ok), fun many_bodies/1, 1},
             {"a body may end anywhere", ecm_bodies:prefixed(), fun may_end_anywhere/1, 500},
             {"what is written is read", {attributes(), list(element())}, fun written_is_read/1,
              5000},
             {"a stanza needs no declaration around it", ecm_bodies:prefixed(), fun stands_alone/1,
              1000}]].

%% The properties.

any_content(Bytes) ->
    is_content(ecm_bodies:parse(Bytes)).

is_content({ok, #{rid := Rid, els := Els}}) -> Rid > 0 andalso is_list(Els);
is_content({error, Fault}) -> lists:member(Fault, ?FAULTS).

read_as_by_parser(Bytes) ->
    ecm_expat:agrees(Bytes).

%% Otherwise the property before would say little.
many_bodies(ok) ->
    lists:all(fun({Count, Generator}) ->
                      {ok, Bodies} = proper_gen:pick(vector(Count, Generator), 10, {1, 2, 4}),
                      Read = [Body || Bytes <- Bodies, {ok, Body} <- [ecm_bodies:parse(Bytes)]],
                      length(Read) > Count div 10 andalso length(Read) < Count * 9 div 10
              end, [{1000, ecm_bodies:any()}, {200, ecm_bodies:any_full()}]).

%% Only white space is missing where it is read nevertheless.
may_end_anywhere(Bytes) ->
    lists:all(fun(Size) ->
                      <<Cut:Size/binary, Rest/binary>> = Bytes,
                      Read = ecm_bodies:parse(Cut),
                      is_content(Read) andalso (element(1, Read) =:= error orelse is_rest(Bytes, Rest))
              end, lists:seq(0, byte_size(Bytes))).

is_rest(Bytes, Rest) ->
    element(1, ecm_bodies:parse(Bytes)) =:= error orelse string:trim(Rest) =:= <<>>.

written_is_read({Attributes, Els}) ->
    Texts = [{Name, Text} || {Name, Text, _, _} <- Attributes],
    Written = ecm_bosh_body:write([{<<"rid">>, <<"7">>} | Texts], lists:map(fun ecm_xml_stanza:encode/1, Els)),
    Expected = maps:from_list([{Key, Value} || {_, _, Key, Value} <- Attributes]),
    ecm_bodies:parse(iolist_to_binary(Written)) =:= {ok, Expected#{rid => 7, els => Els}}.

stands_alone(Bytes) ->
    {ok, #{els := Els}} = ecm_bodies:parse(Bytes),
    lists:all(fun is_alone/1, Els).

%% It and all in it, as ejabberd passes on what is in a stanza.
is_alone({xmlel, Name, _, Children} = El) ->
    Read = fxml_stream:parse_element(fxml:element_to_binary(El)),
    is_tuple(Read) andalso element(1, Read) =:= xmlel andalso is_plain(Name)
        andalso lists:all(fun is_alone/1, Children);
is_alone({xmlcdata, _}) ->
    true.

is_plain(<<"xml:", _/binary>>) -> true;
is_plain(Name) -> binary:match(Name, <<":">>) =:= nomatch.

%% Generators.

%% Each attribute at most once, with its text, its key and what it means.
attributes() ->
    map(list(oneof([text(<<"sid">>, sid), text(<<"to">>, to), text(<<"from">>, from),
                    text(<<"key">>, key), text(<<"xml:lang">>, lang),
                    text(<<"xmpp:version">>, version),
                    exactly({<<"xmpp:restart">>, <<"true">>, restart, true}),
                    exactly({<<"type">>, <<"terminate">>, type, terminate}),
                    number(<<"wait">>, wait), number(<<"ack">>, ack)])),
        fun(Attributes) -> lists:ukeysort(1, Attributes) end).

text(Name, Key) ->
    map(characters(), fun(Text) -> {Name, Text, Key, Text} end).

number(Name, Key) ->
    map(integer(0, 16#1FFFFFFFFFFFFF),
        fun(Number) -> {Name, integer_to_binary(Number), Key, Number} end).

%% In one to four bytes of UTF-8 each.
characters() ->
    map(list(elements("abc'\"<>&; /" ++ [16#7F, 16#FC, 16#20AC, 16#1F600])),
        fun unicode:characters_to_binary/1).

%% As ejabberd sends it, and a client could.
element() ->
    map({elements([<<"iq">>, <<"message">>]), elements([[], [{<<"xmlns">>, <<"urn:x">>}]]),
         elements([[], [{<<"id">>, <<"1">>}]]),
         elements([[], [{xmlel, <<"a">>, [{<<"xmlns">>, <<"urn:y">>}], [{xmlcdata, <<"<">>}]}]])},
        fun({Name, Namespace, Attributes, Children}) ->
                {xmlel, Name, Namespace ++ Attributes, Children}
        end).

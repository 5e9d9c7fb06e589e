%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_xml_elements_tests).

-include_lib("eunit/include/eunit.hrl").

%% The number of elements together, and that of the outermost element that has most.
counts_test_() ->
    [{Content, [?_assertEqual({Scope, Count}, {Scope, count([Content, Tail], Scope)})
                || {Scope, Count} <- [{all, All}, {each, Each}], Tail <- ["", "</body>", " </body > "]]}
     || {Content, All, Each} <-
            [{"", 0, 0},
             {"text", 0, 0},
             {">", 0, 0},
             {"/>", 0, 0},
             {"<a/>", 1, 1},
             {"<a></a>", 1, 1},
             {" <a/>\n<b/> ", 2, 1},
             {"<a><b/></a><c><d/><e>x</e></c>", 5, 3},
             {"<a><b><c><d/></c></b></a>", 4, 4},
             {"<a x='>'><b y=\"/>\"/></a><c/>", 3, 2},
             {"<a x='\"' y=\"'>\"/><b/>", 2, 1},
             {"<a><![CDATA[<b><c>]]></a>", 1, 1},
             {"<a><![CDATA[]]]]><b/></a>", 2, 2},
             {"<a:b c:d='e' /><f></f >", 2, 1}]].

%% The least limit that is not exceeded, or 0 if there is no element at all.
count(Text, Scope) ->
    Bytes = iolist_to_binary(Text),
    hd([Most || Most <- lists:seq(0, 100), not ecm_xml_elements:exceed(Bytes, Most, Scope)]).

%% What comes behind the first one too many does not matter.
it_does_not_read_on_test() ->
    Short = iolist_to_binary(lists:duplicate(33, "<a>")),
    Long = <<Short/binary, 0:80000000>>,
    Reductions = fun(Bytes) ->
                         {reductions, Before} = process_info(self(), reductions),
                         ?assert(ecm_xml_elements:exceed(Bytes, 32, all)),
                         {reductions, After} = process_info(self(), reductions),
                         After - Before
                 end,
    ?assert(Reductions(Long) < 2 * Reductions(Short) + 1000).

%% It counts what the parser finds, and ends with any other bytes, too.
it_agrees_with_the_parser_test_() ->
    {timeout, 600,
     fun() -> ecm_property:holds(ecm_bodies:any_full(), fun agrees_with_the_parser/1, 3000, 20) end}.

agrees_with_the_parser(Bytes) ->
    case ecm_bosh_body:head(Bytes) of
        {ok, _, Content} -> agrees(ecm_bosh_body:els(Content), Content);
        {error, _} -> is_boolean(ecm_xml_elements:exceed(Bytes, 3, all))
    end.

agrees({ok, Els}, Content) ->
    Counts = [elements(El) || El <- Els],
    exceeds_from(lists:sum(Counts), all, Content)
        andalso exceeds_from(lists:max([0 | Counts]), each, Content);
agrees({error, _}, Content) ->
    is_boolean(ecm_bosh_body:has_more_elements(Content, 3, each)).

exceeds_from(Count, Scope, Content) ->
    not ecm_bosh_body:has_more_elements(Content, Count, Scope)
        andalso (Count =:= 0 orelse ecm_bosh_body:has_more_elements(Content, Count - 1, Scope)).

elements({xmlel, _, _, Children}) -> 1 + lists:sum([elements(Child) || Child <- Children]);
elements({xmlcdata, _}) -> 0.

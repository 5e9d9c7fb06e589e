%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Dependencies between the modules: prefixes are folders with an order, and calls make no circle.

-module(ecm_architecture_tests).

-include_lib("eunit/include/eunit.hrl").

%% The other folders that the modules of a folder may depend on. Links and BOSH do not know each other, as
%% ecm/link and ecm/http.
-define(MAY_KNOW,
        #{xml => [],
          peer => [],
          intern => [],
          ets => [],
          supervision => [],
          command => [],
          sid => [],
          sm => [ets],
          tally => [],
          link => [peer, supervision, tally, ets],
          bosh => [xml, intern],
          stats => [bosh],
          c2s => [bosh, link, sid, sm, xml, peer, intern, stats, tally],
          stream => [c2s, link, xml, peer, intern, stats],
          router => [c2s, bosh, link, sid, peer, stats],
          evacuation => [c2s, link, command],
          report => [c2s, link, sid, stats, command, peer],
          listener => [sup, router, stream, report, c2s, bosh, link, sid, peer, intern],
          sup => [router, evacuation, c2s, link, supervision, stats],
          restart => [c2s, bosh, link, sid, xml, command],
          mod_ecm => [restart, sup, listener, evacuation, report, router, c2s, link, sid, stats]}).

%% The tests read the object code of all modules, which takes its time beside other work.
modules_know_each_other_as_they_may_test_() ->
    [{Name, {timeout, 60, Test}}
     || {Name, Test} <- [{"calls make no circle", fun calls_make_no_circle/0},
                         {"folders", fun each_folder_knows_only_what_it_may/0}]].

calls_make_no_circle() ->
    Graph = digraph:new(),
    Sources = sources(),
    Edges = [{Module, Called} || {Module, File} <- Sources, Called <- own(called(File), Sources)],
    [digraph:add_vertex(Graph, Module) || {Module, _} <- Sources],
    [digraph:add_edge(Graph, Module, Called) || {Module, Called} <- Edges, Module =/= Called],
    ?assert(length(Edges) > 50),
    ?assertEqual([], digraph_utils:cyclic_strong_components(Graph)),
    true = digraph:delete(Graph).

%% In calls, and in types.
each_folder_knows_only_what_it_may() ->
    Sources = sources(),
    ?assertEqual([], [{Module, Known}
                      || {Module, File} <- Sources, Known <- own(called(File) ++ types(File), Sources),
                         not may_know(folder(Module), folder(Known))]).

may_know(Folder, Folder) -> true;
may_know(Folder, Other) -> lists:member(Other, map_get(Folder, ?MAY_KNOW)).

folder(mod_ecm) ->
    mod_ecm;
folder(ejabberd_sm_ecm) ->
    sm;
folder(Module) ->
    [<<"ecm">>, Folder | _] = binary:split(atom_to_binary(Module), <<"_">>, [global]),
    binary_to_atom(Folder).

%% The modules of src/ with their object code, which is beside that of the tests.
sources() ->
    Beams = filelib:wildcard(filename:join(filename:dirname(code:which(?MODULE)), "*.beam")),
    [{Module, File} || File <- Beams, Module <- [list_to_atom(filename:basename(File, ".beam"))],
                       is_source(Module)].

is_source(Module) ->
    Source = proplists:get_value(source, Module:module_info(compile)),
    filename:basename(filename:dirname(Source)) =:= "src".

called(File) ->
    {ok, {_, [{imports, Imports}]}} = beam_lib:chunks(File, [imports]),
    [Module || {Module, _, _} <- Imports].

types(File) ->
    {ok, {_, [{abstract_code, {_, Forms}}]}} = beam_lib:chunks(File, [abstract_code]),
    remote_types(Forms).

remote_types({remote_type, _, [{atom, _, Module} | Rest]}) -> [Module | remote_types(Rest)];
remote_types(Form) when is_tuple(Form) -> remote_types(tuple_to_list(Form));
remote_types([Form | Forms]) -> remote_types(Form) ++ remote_types(Forms);
remote_types(_) -> [].

own(Modules, Sources) ->
    [Module || Module <- lists:usort(Modules), lists:keymember(Module, 1, Sources)].

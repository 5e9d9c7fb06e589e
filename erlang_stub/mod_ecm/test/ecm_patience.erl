%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: runs EUnit tests with more time than the five seconds that EUnit gives a test. Those that start
%% processes, or wait for them, need it on a machine that is busy with other work.

-module(ecm_patience).

-export([test/1]).

%% Seconds for each test that does not say how many it needs.
-define(SECONDS, 60).

%% @doc Runs all tests of these modules, as eunit:test/2 does.
test(Modules) ->
    eunit:test([{atom_to_list(Module), tests(Module)} || Module <- Modules], [verbose]).

tests(Module) ->
    [patient(Test) || {Name, 0} <- Module:module_info(exports),
                      Test <- test(Module, lists:reverse(atom_to_list(Name)))].

test(Module, "_tset_" ++ _ = Reversed) -> [{generator, Module, name(Reversed)}];
test(Module, "tset_" ++ _ = Reversed) -> [{Module, name(Reversed)}];
test(_, _) -> [].

name(Reversed) ->
    list_to_existing_atom(lists:reverse(Reversed)).

%% Returns tests with more time, in the form that EUnit takes.
patient({timeout, _, _} = Test) -> Test;
patient({with, _, _} = Test) -> Test;
patient({generator, Module, Name}) -> {generator, fun() -> patient(Module:Name()) end};
patient({generator, Generator}) -> {generator, fun() -> patient(Generator()) end};
patient(Test) when is_function(Test, 0) -> {timeout, ?SECONDS, Test};
patient(Instantiator) when is_function(Instantiator, 1) -> fun(Made) -> patient(Instantiator(Made)) end;
patient({Line, _} = Test) when is_integer(Line) -> {timeout, ?SECONDS, Test};
patient({Module, Name} = Test) when is_atom(Module), is_atom(Name) -> {timeout, ?SECONDS, Test};
patient(Tests) when is_list(Tests) -> [patient(Test) || Test <- Tests];
patient(Test) when is_tuple(Test) -> setelement(tuple_size(Test), Test, patient(element(tuple_size(Test), Test)));
patient(Test) -> Test.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc PropEr properties as EUnit tests: the same inputs in each run, and quiet.

-module(ecm_property).

-export([holds/4]).

-include_lib("eunit/include/eunit.hrl").

%% @doc Checks a property with `Count' inputs. Prints a counterexample after shrinking it.
-spec holds(Generator :: term(), fun((term()) -> boolean()), Count :: pos_integer(),
            Seed :: integer()) -> ok.
holds(Generator, Test, Count, Seed) ->
    _ = rand:seed(exsss, Seed),
    Property = proper:forall(Generator, fun(Input) -> passes(Test, Input) end),
    Found = proper:counterexample(Property, [quiet, {numtests, Count}]),
    io:format("~0p", [Found]),
    ?assertEqual(true, Found).

%% An exception is a failure like any other. PropEr 1.2 itself crashes on one, because it asks for the stack
%% in a way that Erlang has removed.
-spec passes(fun((term()) -> boolean()), term()) -> boolean().
passes(Test, Input) ->
    try Test(Input)
    catch _:_ -> false
    end.

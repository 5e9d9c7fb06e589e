%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc For the tests: the vectors that both ends of a link have to pass. They are in the folder
%% tests/vectors of the whole project, or in the one that the variable ECM_VECTORS names.

-module(ecm_vectors).

-export([bytes/1, read/1]).

%% @doc Returns what a file of vectors holds. Objects are maps.
read(Name) ->
    {ok, Json} = file:read_file(filename:join(os:getenv("ECM_VECTORS", beside_the_source()), Name)),
    decode(Json).

%% Erlang has its own from OTP 27 on, and ejabberd then needs no other.
decode(Json) ->
    case code:ensure_loaded(json) of
        {module, json} -> json:decode(Json);
        {error, _} -> jiffy:decode(Json, [return_maps])
    end.

beside_the_source() ->
    Source = proplists:get_value(source, ?MODULE:module_info(compile)),
    filename:join([filename:dirname(Source), "..", "..", "..", "tests", "vectors"]).

%% @doc Returns the bytes that a string of typed.json stands for, one for each character.
bytes(String) ->
    list_to_binary(unicode:characters_to_list(String)).

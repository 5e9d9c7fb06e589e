%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Terms that many sessions hold, once in memory. For terms of which there are few, and which
%% stay: they are never given back.

-module(ecm_intern).

-export([term/1]).

%% @doc Returns the same term; whoever holds what is returned holds no copy.
-spec term(Term) -> Term.
term(Term) ->
    Name = {?MODULE, erlang:phash2(Term)},
    case persistent_term:get(Name, none) of
        Term ->
            persistent_term:get(Name);
        none ->
            persistent_term:put(Name, Term),
            persistent_term:get(Name);
        _ ->
            Term  % another one has the same hash
    end.

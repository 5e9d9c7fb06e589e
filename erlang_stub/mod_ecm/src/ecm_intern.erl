%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Interned terms: one copy in memory for all sessions. Only for few different terms that stay, because
%% they are never released.

-module(ecm_intern).

-export([term/1]).

%% @doc Returns the shared copy of a term.
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

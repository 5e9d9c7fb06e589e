%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_intern_tests).

-include_lib("eunit/include/eunit.hrl").

a_term_is_there_once_test() ->
    Term = #{list => lists:seq(1, 100)},
    First = ecm_intern:term(Term),
    Second = ecm_intern:term(#{list => lists:seq(1, 100)}),
    ?assertEqual(Term, Second),
    ?assert(erts_debug:same(First, Second)),
    ?assertNot(erts_debug:same(Term, Second)).

two_terms_with_one_hash_are_two_test() ->
    Term = make_ref(),
    persistent_term:put({ecm_intern, erlang:phash2(Term)}, other),
    ?assertEqual(Term, ecm_intern:term(Term)).

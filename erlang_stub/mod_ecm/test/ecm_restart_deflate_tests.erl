%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_restart_deflate_tests).

-include_lib("eunit/include/eunit.hrl").

sessions_are_as_they_were_test() ->
    Sample = sample(),
    [begin
         ?assertEqual(Bytes, ecm_restart_deflate:unpack(ecm_restart_deflate:pack(Bytes, none), none)),
         ?assertEqual(Bytes, ecm_restart_deflate:unpack(ecm_restart_deflate:pack(Bytes, Sample), Sample))
     end || Bytes <- [<<>>, <<"x">>, Sample, <<Sample/binary, "more">>, binary:copy(Sample, 1000),
                      crypto:strong_rand_bytes(500000)]].

one_that_is_like_the_sample_takes_little_test() ->
    Sample = sample(),
    Packed = ecm_restart_deflate:pack(<<Sample/binary, "with more">>, Sample),
    ?assert(byte_size(Packed) < byte_size(Sample) div 20).

the_sample_is_known_test() ->
    Sample = sample(),
    ?assertEqual(Sample, ecm_restart_deflate:sample(ecm_restart_deflate:pack(Sample, none))),
    ?assertEqual(none, ecm_restart_deflate:sample(ecm_restart_deflate:pack(Sample, Sample))).

%% It was damaged, and the next one that is plain is another one.
another_sample_is_an_error_test() ->
    Packed = ecm_restart_deflate:pack(<<"something">>, sample()),
    [?assertError(_, ecm_restart_deflate:unpack(Packed, Other)) || Other <- [none, <<"another">>]].

sample() ->
    << <<(erlang:phash2(N)):32>> || N <- lists:seq(1, 1000) >>.

%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_fuzz_tests).

-include_lib("eunit/include/eunit.hrl").

%% The first cases of `make fuzz-erlang'.
cases_test_() ->
    {timeout, 600, fun() -> [?assertEqual(0, ecm_fuzz:tried(Seed))
                            || Seed <- lists:seq(1, 500)]
                  end}.

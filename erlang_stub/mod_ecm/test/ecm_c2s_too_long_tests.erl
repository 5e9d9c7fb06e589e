%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Stanzas that are too long for their clients: whoever sends many of them cannot fill the log.

-module(ecm_c2s_too_long_tests).

-include_lib("eunit/include/eunit.hrl").

-define(ENVELOPE, <<"<message to='juliet@chat.example/balcony' from='romeo@chat.example/orchard'/>">>).

the_first_is_a_line_and_all_others_are_one_test_() ->
    {setup, fun start/0, fun(Process) -> ecm_user:stop(Process) end,
     {timeout, 60,
      fun() ->
              ecm_log:start(),
              [note(Bytes) || Bytes <- lists:seq(2000, 2999)],
              ?assertMatch([{warning, "ECM session: a stanza of 2000 bytes is too long for its client, which gets "
                                      "<message to='juliet@chat.example/balcony'" ++ _}], lines()),
              put_back(61),
              ?assertMatch([{warning, "ECM session: 999 more stanzas were too long for their clients in 60 seconds, "
                                      "the last one had 2999 bytes: <message to='juliet@" ++ _}], lines()),
              put_back(61),
              ?assertEqual([], lines()),
              note(3000),
              ?assertMatch([{warning, "ECM session: a stanza of 3000 bytes" ++ _}], lines())
      end}}.

a_long_envelope_is_cut_test_() ->
    {setup, fun start/0, fun(Process) -> ecm_user:stop(Process) end,
     fun() ->
             ecm_log:start(),
             ecm_c2s_too_long:note(binary:copy(<<"x">>, 100000), 100000, 1000),
             [{warning, Line}] = lines(),
             ?assert(length(Line) < 1000)
     end}.

%% Other tests may have left it with the supervisor.
start() ->
    Process = case ecm_c2s_too_long:start_link() of
                  {ok, Started} -> true = unlink(Started), Started;
                  {error, {already_started, Before}} -> Before
              end,
    _ = sys:replace_state(Process, fun(_) -> ecm_tally:new() end),
    Process.

note(Bytes) ->
    ecm_c2s_too_long:note(?ENVELOPE, Bytes, 1000).

%% Lets the interval begin so many seconds earlier, and be over.
put_back(Seconds) ->
    _ = sys:replace_state(ecm_c2s_too_long, fun({Since, Times, Last}) -> {Since - 1000 * Seconds, Times, Last} end),
    ecm_c2s_too_long ! tick.

lines() ->
    _ = sys:get_state(ecm_c2s_too_long),
    ecm_log:lines().

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The commands where they do nothing. All else is tried with a real ejabberd.

-module(ecm_restart_tests).

-include_lib("eunit/include/eunit.hrl").

systemd_would_kill_a_node_that_restarts_test() ->
    true = os:putenv("NOTIFY_SOCKET", "/run/systemd/notify"),
    {error, Text} = ecm_restart:ecm_restart(),
    true = os:unsetenv("NOTIFY_SOCKET"),
    ?assertNotEqual(nomatch, string:find(Text, "systemctl start ejabberd")).

nothing_waits_to_be_taken_up_test() ->
    ?assertEqual(ok, ecm_restart:take_up()).

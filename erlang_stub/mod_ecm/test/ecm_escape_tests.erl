%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_escape_tests).

-include_lib("eunit/include/eunit.hrl").

escape_test_() ->
    [?_assertEqual(Escaped, lists:flatten(ecm_escape:escape(Bytes)))
     || {Bytes, Escaped} <- [{<<>>, ""},
                             {<<"web1:4711 ~">>, "web1:4711 ~"},
                             {<<"\"\\">>, "\\\"\\\\"},
                             {<<0, $\r, $\n, 127, 255>>, "\\x00\\x0d\\x0a\\x7f\\xff"}]].

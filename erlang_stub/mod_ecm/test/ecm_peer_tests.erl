%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_peer_tests).

-include_lib("eunit/include/eunit.hrl").

name_test_() ->
    [?_assertEqual(Name, unicode:characters_to_list(ecm_peer:name(Peer)))
     || {Peer, Name} <- [{{{192, 0, 2, 7}, 51234}, "192.0.2.7:51234"},
                         {{{16#2001, 16#db8, 0, 0, 0, 0, 0, 1}, 5290}, "[2001:db8::1]:5290"},
                         {{local, <<>>}, "a UNIX socket"}]].

escape_test_() ->
    [?_assertEqual(Escaped, lists:flatten(ecm_peer:escape(Bytes)))
     || {Bytes, Escaped} <- [{<<>>, ""},
                             {<<"web1:4711 ~">>, "web1:4711 ~"},
                             {<<"\"\\">>, "\\\"\\\\"},
                             {<<0, $\r, $\n, 127, 255>>, "\\x00\\x0d\\x0a\\x7f\\xff"}]].

is_local_test_() ->
    [?_assertEqual(Local, ecm_peer:is_local(Peer))
     || {Peer, Local} <- [{{local, <<"/run/ecm.sock">>}, true},
                          {{{127, 0, 0, 1}, 5290}, true},
                          {{{127, 255, 0, 9}, 5290}, true},
                          {{{0, 0, 0, 0, 0, 0, 0, 1}, 5290}, true},
                          {{{0, 0, 0, 0}, 5290}, false},
                          {{{0, 0, 0, 0, 0, 0, 0, 0}, 5290}, false},
                          {{{192, 0, 2, 7}, 5290}, false}]].

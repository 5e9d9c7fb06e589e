%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_link_socket_file_tests).

-include_lib("eunit/include/eunit.hrl").
-include_lib("kernel/include/file.hrl").

%% YAML takes 0660 for the number 660.
a_mode_is_octal_test_() ->
    [?_assertEqual({Digits, Mode}, {Digits, ecm_link_socket_file:mode(Digits)})
     || {Digits, Mode} <- [{<<"0660">>, 8#660}, {<<"666">>, 8#666}, {660, 8#660}, {777, 8#777},
                           {<<"668">>, error}, {<<"66">>, error}, {<<"02660">>, error}, {7, error},
                           {-660, error}, {<<"rw-rw----">>, error}]].

a_socket_has_its_mode_test() ->
    ecm_scratch:with_file("", fun(Path) ->
                                      ?assertEqual(ok, ecm_link_socket_file:permit(Path, 8#606, undefined)),
                                      ?assertMatch({8#606, _}, rights(Path))
                              end).

%% Only root may name any group.
a_socket_has_its_group_test_() ->
    [?_test(ecm_scratch:with_file("", fun(Path) -> in_group(Path, Group) end))
     || Group <- [<<"daemon">>, <<"1">>], os:cmd("id -u") =:= "0\n"].

in_group(Path, Group) ->
    ?assertEqual(ok, ecm_link_socket_file:permit(Path, 8#660, Group)),
    ?assertEqual({8#660, 1}, rights(Path)).

rights(Path) ->
    {ok, #file_info{mode = Mode, gid = Group}} = file:read_file_info(Path),
    {Mode band 8#777, Group}.

what_cannot_be_is_told_test_() ->
    [?_assertEqual(Said, unicode:characters_to_list(Text))
     || {{error, Text}, Said} <-
            [{ecm_link_socket_file:permit(<<"/nowhere/socket">>, 8#660, <<"no-such-group">>),
              "'socket_group': there is no group no-such-group in /etc/group"},
             {ecm_link_socket_file:permit(<<"/nowhere/socket">>, 8#660, undefined),
              "cannot change the rights of /nowhere/socket: no such file or directory"},
             {ecm_link_socket_file:permit(<<"/nowhere/socket">>, 8#660, <<"1">>),
              "cannot change the rights of /nowhere/socket: no such file or directory;"
              " ejabberd must be a member of the group"}]].

%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_link_secret_file_tests).

-include_lib("eunit/include/eunit.hrl").
-include_lib("kernel/include/file.hrl").

the_white_space_at_its_end_does_not_count_test_() ->
    [?_assertMatch({ok, Secret, _}, ecm_scratch:with_file(Content, fun ecm_link_secret_file:read/1))
     || {Content, Secret} <- [{"0123456789abcdef", <<"0123456789abcdef">>},
                              {"0123456789abcdef \t\r\n\v\f\n", <<"0123456789abcdef">>},
                              {" 123456789 \n bcdef\n", <<" 123456789 \n bcdef">>},
                              {[lists:duplicate(15, 255), 133], <<-1:120, 133>>}]].

a_short_one_is_none_test_() ->
    [?_assertEqual({short, Size}, ecm_scratch:with_file(Content, fun short/1))
     || {Content, Size} <- [{"0123456789abcde", 15}, {"0123456789abcde\n", 15}, {"", 0}]].

short(Path) ->
    {error, Text} = ecm_link_secret_file:read(Path),
    Said = unicode:characters_to_list(Text),
    {ok, [Size], ""} = io_lib:fread("the secret in " ++ Path ++ " has ~d bytes, "
                                    "it needs at least 16", Said),
    {short, Size}.

a_file_that_is_not_there_is_made_once_test() ->
    ecm_scratch:with_folder(fun is_made/1).

is_made(Folder) ->
    Path = filename:join(Folder, "secret"),
    {ok, Secret, made} = ecm_link_secret_file:read(Path),
    ?assertEqual(32, byte_size(base64:decode(Secret))),
    ?assertEqual({ok, Secret, kept}, ecm_link_secret_file:read(Path)),
    ?assertEqual({ok, <<Secret/binary, "\n">>}, file:read_file(Path)),
    {ok, #file_info{mode = Mode}} = file:read_file_info(Path),
    ?assertEqual(8#640, Mode band 8#777),
    ?assertEqual({ok, ["secret"]}, file:list_dir(Folder)).

%% Those that come at the same time have the same one.
it_is_made_once_by_many_test() ->
    ecm_scratch:with_folder(fun is_made_once/1).

is_made_once(Folder) ->
    Path = filename:join(Folder, "secret"),
    Self = self(),
    Readers = [spawn_link(fun() -> Self ! {self(), ecm_link_secret_file:read(Path)} end)
               || _ <- lists:seq(1, 20)],
    Read = [receive {Reader, {ok, Secret, _}} -> Secret end || Reader <- Readers],
    ?assertMatch([_], lists:usort(Read)),
    ?assertEqual({ok, ["secret"]}, file:list_dir(Folder)).

one_that_cannot_be_made_or_read_test_() ->
    [?_assertEqual({Path, {error, Text}}, {Path, failed(Path)})
     || {Path, Text} <-
            [{"/nowhere/secret", "cannot make /nowhere/secret: no such file or directory"},
             {"/tmp", "cannot read /tmp: illegal operation on a directory"}]].

failed(Path) ->
    {error, Text} = ecm_link_secret_file:read(Path),
    {error, unicode:characters_to_list(Text)}.

one_that_others_can_get_at_is_told_of_test_() ->
    [?_assertEqual({Mode, State}, {Mode, state(Mode)})
     || {Mode, State} <- [{8#600, kept}, {8#640, kept}, {8#660, kept}, {8#644, {open, 8#644}},
                          {8#602, {open, 8#602}}]].

state(Mode) ->
    ecm_scratch:with_file("0123456789abcdef",
                          fun(Path) ->
                                  ok = file:change_mode(Path, Mode),
                                  {ok, _, State} = ecm_link_secret_file:read(Path),
                                  State
                          end).

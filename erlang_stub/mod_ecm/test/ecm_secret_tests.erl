%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_secret_tests).

-include_lib("eunit/include/eunit.hrl").

a_nonce_is_32_digits_test() ->
    ?assertMatch({match, _}, re:run(ecm_secret:nonce(), "^[0-9a-f]{32}\\z")).

a_nonce_does_not_come_again_test() ->
    ?assertNotEqual(ecm_secret:nonce(), ecm_secret:nonce()).

the_white_space_at_its_end_does_not_count_test_() ->
    [?_assertEqual({ok, Secret}, ecm_scratch:with_file(Content, fun ecm_secret:read/1))
     || {Content, Secret} <- [{"0123456789abcdef", <<"0123456789abcdef">>},
                              {"0123456789abcdef \t\r\n\v\f\n", <<"0123456789abcdef">>},
                              {" 123456789 \n bcdef\n", <<" 123456789 \n bcdef">>},
                              {[lists:duplicate(15, 255), 133], <<-1:120, 133>>}]].

a_short_one_is_none_test_() ->
    [?_assertEqual({short, Size}, ecm_scratch:with_file(Content, fun short/1))
     || {Content, Size} <- [{"0123456789abcde", 15}, {"0123456789abcde\n", 15}, {"", 0}]].

short(Path) ->
    {error, Text} = ecm_secret:read(Path),
    Said = unicode:characters_to_list(Text),
    {ok, [Size], ""} = io_lib:fread("the secret in " ++ Path ++ " has ~d bytes, "
                                    "it needs at least 16", Said),
    {short, Size}.

a_file_that_is_not_there_test() ->
    {error, Text} = ecm_secret:read("/nowhere/secret"),
    ?assertEqual("cannot read /nowhere/secret: no such file or directory",
                 unicode:characters_to_list(Text)).

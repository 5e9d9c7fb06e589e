%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a session on another node of a cluster sends to a link, if it runs another release.

-module(ecm_link_releases_tests).

-include_lib("eunit/include/eunit.hrl").

a_map_behind_an_answer_is_ignored_test() ->
    {{Peer, _}, _} = Opened = ecm_link_pair:open(#{request => ecm_link_pair:gives(self())}),
    Writer = asked(Opened),
    Writer ! {answer, 7, 200, <<"<body/>">>, #{new => 1}},
    ?assertEqual({7, <<"<body/>">>}, ecm_link_pair:receive_content(Peer)),
    ecm_link_pair:close(Opened).

%% And the link goes on.
what_is_not_known_is_dropped_and_logged_test() ->
    ecm_log:start(),
    {{Peer, _}, _} = Opened = ecm_link_pair:open(#{request => ecm_link_pair:gives(self())}),
    Writer = asked(Opened),
    [Writer ! Message || Message <- [{new, 1}, {answer, 7, 200, <<"<body/>">>, new}, new]],
    ok = ecm_link_writer:answer(Writer, 7, 200, <<"<body/>">>),
    ?assertEqual({7, <<"<body/>">>}, ecm_link_pair:receive_content(Peer)),
    ?assertMatch([{match, _}], [re:run(Line, "dropped an answer of 5 elements")
                                || {warning, Line} <- ecm_log:lines()]),
    ecm_link_pair:close(Opened).

asked(Opened) ->
    ecm_link_pair:send(Opened, 7, <<"request">>),
    receive {request, _, {Writer, 7, _}} -> Writer end.

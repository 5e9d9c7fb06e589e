%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc When packets are acknowledged.

-module(ecm_link_receipt_tests).

-include_lib("eunit/include/eunit.hrl").

%% The bytes and the number of packets after each read, and what is acknowledged then.
acknowledgements_test_() ->
    [?_assertEqual([Said || {_, _, Said} <- Steps], said(Steps))
     || Steps <- [[{100, 1, none}, {100, 127, none}, {100, 128, 128}, {100, 129, none}],
                  [{tick, 0, none}, {10, 1, none}, {tick, 1, 1}, {tick, 1, none}],
                  [{65535, 1, none}, {1, 1, 1}, {65535, 2, none}],
                  %% A long packet counts when it is complete.
                  [{65536, 0, none}, {65536, 0, none}, {10, 1, 1}],
                  [{10, 1000, 1000}, {10, 1001, none}]]].

said(Steps) ->
    {Said, _} = lists:mapfoldl(fun step/2, ecm_link_receipt:new(0), Steps),
    Said.

step({tick, Count, _}, Receipt) -> ecm_link_receipt:tick(Count, Receipt);
step({Bytes, Count, _}, Receipt) -> ecm_link_receipt:received(Bytes, Count, Receipt).

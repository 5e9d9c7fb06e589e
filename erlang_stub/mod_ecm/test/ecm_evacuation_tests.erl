%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that empties a node, without sessions.

-module(ecm_evacuation_tests).

-include_lib("eunit/include/eunit.hrl").

%% Places in the state.
-define(RUN, 2).
-define(TIMER, 5).
-define(WORKERS, 6).
-define(RELEASER, 7).
-define(IS_DRAINING, 8).

evacuation_test_() ->
    {setup, fun prepare/0, fun restore/1, [{"begins anew", fun begun_anew/0},
                                             {"is not over while sessions move", fun over_later/0},
                                             {"closes streams", fun streams_closed/0},
                                             {"is stopped while it closes them", fun stopped_while_closing/0}]}.

prepare() ->
    ok = ecm_services:start(),
    ecm_config:start([{hosts, global, []}]).

restore(Config) ->
    ecm_config:stop(Config),
    ecm_services:stop().

%% The end of what an earlier one, which was stopped, has begun last is not the end of this one.
begun_anew() ->
    Earlier = make_ref(),
    {ok, Idle} = ecm_evacuation:init([]),
    Stopped = setelement(?RELEASER, Idle, {self(), Earlier}),
    {reply, ok, Begun} = ecm_evacuation:handle_call({start, #{node() => 0}, runs}, {self(), make_ref()}, Stopped),
    ?assertEqual({noreply, Begun}, ecm_evacuation:handle_info({'DOWN', Earlier, process, self(), normal}, Begun)).

%% No node is left, and one session is on its way. Whoever is told that it is over finds each session in one place.
over_later() ->
    Worker = make_ref(),
    {ok, Idle} = ecm_evacuation:init([]),
    {reply, ok, Begun} = ecm_evacuation:handle_call({start, #{there => 0}, runs}, {self(), make_ref()}, Idle),
    New = ecm_evacuation_run:new(#{there => 0}, 1, 0),
    {[_], Run} = ecm_evacuation_run:launch(1000, ecm_evacuation_run:begun([self()], 0, New)),
    Moving = setelement(?WORKERS, setelement(?RUN, Begun, Run), #{Worker => self()}),
    {noreply, Lost} = ecm_evacuation:handle_info({nodedown, there}, Moving),
    Waiting = ticked(Lost),
    ?assertMatch({reply, {running, [], #{to_go := 1}}, _},
                 ecm_evacuation:handle_call(status, {self(), make_ref()}, Waiting)),
    Ended = {'DOWN', Worker, process, self(), {moved, {error, {lost, noconnection}}}},
    {noreply, Stays} = ecm_evacuation:handle_info(Ended, Waiting),
    ?assertMatch({reply, {over, {failed, no_node}, #{moved := 0, to_go := 1}, _}, _},
                 ecm_evacuation:handle_call(status, {self(), make_ref()}, ticked(Stays))).

ticked(State) ->
    {noreply, Ticked} = ecm_evacuation:handle_info({timeout, element(?TIMER, State), tick}, State),
    Ticked.

%% Nothing is to move. One stream is opened late, one does not go.
streams_closed() ->
    Table = ecm_link_stream_table:new(),
    Late = fun() -> stream(4, Table, fun() -> ok end) end,
    [stream(Id, Table, Then) || {Id, Then} <- [{1, fun() -> ok end}, {2, Late}]],
    stuck(3, Table),
    Released = released(),
    {Releaser, Monitor} = element(?RELEASER, Released),
    ?assertMatch({reply, {running, _, #{streams := Streams}}, _} when Streams > 0,
                 ecm_evacuation:handle_call(status, {self(), make_ref()}, Released)),
    {noreply, Closed} = ecm_evacuation:handle_info(receive {'DOWN', Monitor, process, Releaser, _} = Down -> Down end,
                                                   Released),
    Again = ticked(setelement(?IS_DRAINING, Closed, true)),  % for sessions that can move now
    {Next, Last} = element(?RELEASER, Again),
    {noreply, Over} = ecm_evacuation:handle_info(receive {'DOWN', Last, process, Next, _} = End -> End end, Again),
    ?assertMatch({reply, {over, emptied, #{streams := 1}, #{closed := 3}}, _},
                 ecm_evacuation:handle_call(status, {self(), make_ref()}, Over)),
    ok = ecm_link_stream_table:delete(Table).

stopped_while_closing() ->
    Table = ecm_link_stream_table:new(),
    [stuck(Id, Table) || Id <- lists:seq(1, 100 * erlang:system_info(schedulers_online))],
    Released = released(),
    {_, Monitor} = element(?RELEASER, Released),
    ?assertMatch({reply, {over, stopped, _, #{closed := 0}}, _},
                 ecm_evacuation:handle_call(stop, {self(), make_ref()}, Released)),
    ?assertEqual(killed, receive {'DOWN', Monitor, process, _, Reason} -> Reason end),
    ok = ecm_link_stream_table:delete(Table).

released() ->
    {ok, Idle} = ecm_evacuation:init([]),
    {reply, ok, Begun} = ecm_evacuation:handle_call({start, #{there => 0}, runs}, {self(), make_ref()}, Idle),
    setelement(?IS_DRAINING, ticked(setelement(?IS_DRAINING, Begun, true)), false).  % there are no links

%% A stream, which has gone when it is told to leave.
stream(Id, Table, Then) ->
    added(Id, Table, fun() ->
                             receive {ecm_stream, leave} -> ok end,
                             Then(),
                             {ok, _} = ecm_link_stream_table:take(Id, Table)
                     end).

stuck(Id, Table) ->
    added(Id, Table, fun() -> receive never -> ok end end).

added(Id, Table, Session) ->
    true = ecm_link_stream_table:begin_one(Id, Table),
    true = ecm_link_stream_table:add(Id, spawn_link(Session), Table).

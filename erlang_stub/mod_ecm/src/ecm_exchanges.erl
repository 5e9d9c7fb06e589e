%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The exchanges in flight on a link: which process answers on which connection. Pure.
%%
%% An entry is there from the request until the process has ended, of which the monitor tells. A
%% client may send its next request, under the same connection ID, before the process that has
%% answered the one before is gone: then the connection is the newer one's.

-module(ecm_exchanges).

-export([add/4, ended/2, find/2, new/0, size/1]).
-export_type([exchanges/0]).

-record(exchanges, {monitors = #{} :: #{reference() => ecm_packet:id()},
                    connections = #{} :: #{ecm_packet:id() => {reference(), pid()}}}).

-opaque exchanges() :: #exchanges{}.

-spec new() -> exchanges().
new() ->
    #exchanges{}.

%% @doc Takes up a process with its monitor.
-spec add(ecm_packet:id(), pid(), Monitor :: reference(), exchanges()) -> exchanges().
add(Id, Pid, Monitor, #exchanges{monitors = Monitors, connections = Connections}) ->
    #exchanges{monitors = Monitors#{Monitor => Id},
               connections = Connections#{Id => {Monitor, Pid}}}.

%% @doc Returns the process whose answer the connection waits for.
-spec find(ecm_packet:id(), exchanges()) -> {ok, pid()} | error.
find(Id, #exchanges{connections = Connections}) ->
    case Connections of
        #{Id := {_, Pid}} -> {ok, Pid};
        #{} -> error
    end.

%% @doc Takes out the process that has this monitor. With it comes the connection that it was to
%% answer on, or `none' where a newer exchange has that, or no process here has the monitor.
-spec ended(Monitor :: reference(), exchanges()) -> {ecm_packet:id() | none, exchanges()}.
ended(Monitor, #exchanges{monitors = Monitors, connections = Connections} = Exchanges) ->
    case maps:take(Monitor, Monitors) of
        {Id, Rest} when element(1, map_get(Id, Connections)) =:= Monitor ->
            {Id, #exchanges{monitors = Rest, connections = maps:remove(Id, Connections)}};
        {_, Rest} ->
            {none, Exchanges#exchanges{monitors = Rest}};
        error ->
            {none, Exchanges}
    end.

%% @doc Returns how many processes have not ended.
-spec size(exchanges()) -> non_neg_integer().
size(#exchanges{monitors = Monitors}) ->
    map_size(Monitors).

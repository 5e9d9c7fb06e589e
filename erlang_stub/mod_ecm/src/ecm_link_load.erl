%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The load of this node, which ECM compares with that of others before it sends a new client here; and
%% what else it wants to know of a node, beside others.

-module(ecm_link_load).

-export([fields/1, load/0, load/3]).

%% @doc Returns the fields of a pong. Nodes of one cluster have the same name for it.
-spec fields(Cluster :: binary()) -> [{Key :: binary(), Value :: binary()}].
fields(Cluster) ->
    [{<<"load">>, integer_to_binary(load())}, {<<"cluster">>, Cluster}].

%% @doc Returns the load of this node. It takes a microsecond.
-spec load() -> non_neg_integer().
load() ->
    load(erlang:system_info(process_count), erlang:statistics(total_run_queue_lengths),
         erlang:system_info(schedulers_online)).

%% @doc The number of processes, of which each session is one; and as many times more as processes wait for
%% each scheduler. The runtime wakes some at the same moment, so that fewer than one say nothing.
-spec load(Processes :: pos_integer(), Waiting :: non_neg_integer(), Schedulers :: pos_integer()) ->
    non_neg_integer().
load(Processes, Waiting, Schedulers) ->
    Processes * (1 + Waiting div Schedulers).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc How many sessions of one address have not logged in, and how many come in a second. Pure.
%%
%% An address is an IPv4 address, or the 64 bits of an IPv6 address that name a network (RFC 4291): who
%% has one address of these has them all. Only addresses are here that have such sessions, or had more
%% in the last seconds than they may have in the long run.

-module(ecm_c2s_newcomers).

-export([enter/4, leave/3, network/1, new/0, restore/4, size/1, tidy/2]).
-export_type([limits/0, network/0, newcomers/0]).

%% Addresses that are known at the same time: some megabytes. Each has a session, or had one in the last
%% seconds; beyond it the node has more to fear than that somebody is refused.
-define(MOST, 65536).

%% Seconds for which an address may be as fast as it likes, after it was silent: after a restart the
%% people of an office come all at once.
-define(BURST, 10).

-type network() :: inet:ip4_address() | {v6, 0..65535, 0..65535, 0..65535, 0..65535}.

%% Sessions at a time, and in a second.
-type limits() :: #{max_newcomers := pos_integer(), newcomer_rate := pos_integer()}.

%% `there' are the sessions; `left' is how many more may come at once, as it was at the time `at', in
%% milliseconds.
-record(newcomer, {there = 0 :: non_neg_integer(),
                   left :: float(),
                   at :: integer(),
                   rate :: pos_integer()}).

-opaque newcomers() :: #{network() => #newcomer{}}.

-spec new() -> newcomers().
new() -> #{}.

-spec size(newcomers()) -> non_neg_integer().
size(Newcomers) -> map_size(Newcomers).

%% @doc Returns what an address is counted as.
-spec network(inet:ip_address()) -> network().
network({_, _, _, _} = Address) -> Address;
network({0, 0, 0, 0, 0, 16#FFFF, High, Low}) -> {High bsr 8, High band 255, Low bsr 8, Low band 255};
network({A, B, C, D, _, _, _, _}) -> {v6, A, B, C, D}.

%% @doc A session begins, if it may.
-spec enter(network(), limits(), Now :: integer(), newcomers()) -> {ok, newcomers()} | refused.
enter(Network, Limits, Now, Newcomers) ->
    #{max_newcomers := Most, newcomer_rate := Rate} = Limits,
    case find(Network, Rate, Now, Newcomers) of
        #newcomer{there = There, left = Left} = Newcomer when There < Most, Left >= 1.0 ->
            {ok, Newcomers#{Network => Newcomer#newcomer{there = There + 1, left = Left - 1.0}}};
        _ ->
            refused
    end.

%% @doc Counts a session that has entered before, whatever the limits.
-spec restore(network(), Rate :: pos_integer(), Now :: integer(), newcomers()) -> newcomers().
restore(Network, Rate, Now, Newcomers) ->
    New = #newcomer{left = burst(Rate), at = Now, rate = Rate},
    #newcomer{there = There} = Newcomer = maps:get(Network, Newcomers, New),
    Newcomers#{Network => Newcomer#newcomer{there = There + 1}}.

-spec find(network(), pos_integer(), integer(), newcomers()) -> #newcomer{} | full.
find(Network, Rate, Now, Newcomers) ->
    case Newcomers of
        #{Network := Newcomer} -> refilled(Now, Newcomer#newcomer{rate = Rate});
        #{} when map_size(Newcomers) >= ?MOST -> full;
        #{} -> #newcomer{left = burst(Rate), at = Now, rate = Rate}
    end.

-spec burst(pos_integer()) -> float().
burst(Rate) -> float(Rate * ?BURST).

-spec refilled(integer(), #newcomer{}) -> #newcomer{}.
refilled(Now, #newcomer{left = Left, at = At, rate = Rate} = Newcomer) ->
    Newcomer#newcomer{left = min(burst(Rate), Left + (Now - At) * Rate / 1000), at = Now}.

%% @doc A session has logged in, or has ended.
-spec leave(network(), Now :: integer(), newcomers()) -> newcomers().
leave(Network, Now, Newcomers) ->
    #{Network := #newcomer{there = There} = Newcomer} = Newcomers,
    keep(Network, refilled(Now, Newcomer#newcomer{there = There - 1}), Newcomers).

-spec keep(network(), #newcomer{}, newcomers()) -> newcomers().
keep(Network, Newcomer, Newcomers) ->
    case is_forgotten(Newcomer) of
        true -> maps:remove(Network, Newcomers);
        false -> Newcomers#{Network => Newcomer}
    end.

-spec is_forgotten(#newcomer{}) -> boolean().
is_forgotten(#newcomer{there = There, left = Left, rate = Rate}) ->
    There =:= 0 andalso Left >= burst(Rate).

%% @doc Forgets those of which there is nothing to know any more.
-spec tidy(Now :: integer(), newcomers()) -> newcomers().
tidy(Now, Newcomers) ->
    maps:filter(fun(_, Newcomer) -> not is_forgotten(refilled(Now, Newcomer)) end, Newcomers).

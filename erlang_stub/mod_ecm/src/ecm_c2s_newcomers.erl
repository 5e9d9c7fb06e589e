%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The rules of admission control: sessions of an address that have not logged in, at a time and per
%% second. Pure.
%%
%% An address is an IPv4 address, or the 64 bits of an IPv6 address that name a network (RFC 4291): who has
%% one address of it has all. Only addresses are here that have such sessions, or whose token bucket is not
%% full again.

-module(ecm_c2s_newcomers).

-export([enter/4, leave/3, name/1, network/1, new/0, restore/4, size/1, tidy/2]).
-export_type([limits/0, network/0, newcomers/0]).

%% Addresses that are known at a time: some megabytes. Each has a session, or had one within seconds. With
%% more, the node has bigger problems than refused newcomers.
-define(MAX_ADDRESSES, 65536).

%% Seconds of the rate that an address may use at once after it was silent: after a restart, all people of
%% an office come together.
-define(BURST, 10).

-type network() :: inet:ip4_address() | {v6, 0..65535, 0..65535, 0..65535, 0..65535}.

%% Sessions at a time, and per second.
-type limits() :: #{max_newcomers := pos_integer(), newcomer_rate := pos_integer()}.

%% `sessions' have not logged in. `tokens' is the number of sessions that could begin at once at the time
%% `at', in milliseconds.
-record(newcomer, {sessions = 0 :: non_neg_integer(),
                   tokens :: float(),
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

%% @doc Returns the name of such an address in the log.
-spec name(network()) -> string().
name({v6, A, B, C, D}) -> inet:ntoa({A, B, C, D, 0, 0, 0, 0}) ++ "/64";
name(Address) -> inet:ntoa(Address).

%% @doc Counts a new session, unless a limit forbids it.
-spec enter(network(), limits(), Now :: integer(), newcomers()) -> {ok, newcomers()} | refused.
enter(Network, Limits, Now, Newcomers) ->
    #{max_newcomers := Most, newcomer_rate := Rate} = Limits,
    case find(Network, Rate, Now, Newcomers) of
        #newcomer{sessions = Sessions, tokens = Tokens} = Newcomer when Sessions < Most, Tokens >= 1.0 ->
            {ok, Newcomers#{Network => Newcomer#newcomer{sessions = Sessions + 1, tokens = Tokens - 1.0}}};
        _ ->
            refused
    end.

%% @doc Counts a session that has entered before, whatever the limits.
-spec restore(network(), Rate :: pos_integer(), Now :: integer(), newcomers()) -> newcomers().
restore(Network, Rate, Now, Newcomers) ->
    New = #newcomer{tokens = burst(Rate), at = Now, rate = Rate},
    #newcomer{sessions = Sessions} = Newcomer = maps:get(Network, Newcomers, New),
    Newcomers#{Network => Newcomer#newcomer{sessions = Sessions + 1}}.

-spec find(network(), pos_integer(), integer(), newcomers()) -> #newcomer{} | full.
find(Network, Rate, Now, Newcomers) ->
    case Newcomers of
        #{Network := Newcomer} -> refilled(Now, Newcomer#newcomer{rate = Rate});
        #{} when map_size(Newcomers) >= ?MAX_ADDRESSES -> full;
        #{} -> #newcomer{tokens = burst(Rate), at = Now, rate = Rate}
    end.

-spec burst(pos_integer()) -> float().
burst(Rate) -> float(Rate * ?BURST).

-spec refilled(integer(), #newcomer{}) -> #newcomer{}.
refilled(Now, #newcomer{tokens = Tokens, at = At, rate = Rate} = Newcomer) ->
    Newcomer#newcomer{tokens = min(burst(Rate), Tokens + (Now - At) * Rate / 1000), at = Now}.

%% @doc Notes that a session has logged in, or has ended.
-spec leave(network(), Now :: integer(), newcomers()) -> newcomers().
leave(Network, Now, Newcomers) ->
    #{Network := #newcomer{sessions = Sessions} = Newcomer} = Newcomers,
    keep(Network, refilled(Now, Newcomer#newcomer{sessions = Sessions - 1}), Newcomers).

-spec keep(network(), #newcomer{}, newcomers()) -> newcomers().
keep(Network, Newcomer, Newcomers) ->
    case is_forgotten(Newcomer) of
        true -> maps:remove(Network, Newcomers);
        false -> Newcomers#{Network => Newcomer}
    end.

-spec is_forgotten(#newcomer{}) -> boolean().
is_forgotten(#newcomer{sessions = Sessions, tokens = Tokens, rate = Rate}) ->
    Sessions =:= 0 andalso Tokens >= burst(Rate).

%% @doc Removes addresses without sessions whose bucket is full again.
-spec tidy(Now :: integer(), newcomers()) -> newcomers().
tidy(Now, Newcomers) ->
    maps:filter(fun(_, Newcomer) -> not is_forgotten(refilled(Now, Newcomer)) end, Newcomers).

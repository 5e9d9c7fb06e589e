%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The key that signs SIDs: random, made once, and shared by all nodes of a cluster in a table. It
%% lives as long as one of them runs, as sessions do.
%%
%% The Erlang cookie would not be a good key: each client has a SID, and could test guesses of the cookie on
%% it offline. A cookie that Erlang generates has 36 random bits, and opens the cluster.

-module(ecm_sid_key).

-export([get/0, start/0]).

-record(ecm_sid_key, {name :: sid, key :: ecm_sid:key()}).

%% @doc Makes the table, and the key if no other node has it. Idempotent.
-spec start() -> ok.
start() ->
    {atomic, ok} = ejabberd_mnesia:create(?MODULE, ecm_sid_key,
                                          [{ram_copies, [node()]},
                                           {attributes, record_info(fields, ecm_sid_key)}]),
    {atomic, ok} = mnesia:transaction(fun make/0),
    ok.

-spec make() -> ok.
make() ->
    case mnesia:wread({ecm_sid_key, sid}) of
        [] -> mnesia:write(#ecm_sid_key{name = sid, key = ecm_sid:key()});
        [_] -> ok
    end.

%% @doc Returns the key. Do not keep it: when a node joins a cluster, it changes. This is called for each
%% request, so it reads the node's own copy of the table without Mnesia.
-spec get() -> ecm_sid:key().
get() ->
    ets:lookup_element(ecm_sid_key, sid, #ecm_sid_key.key).

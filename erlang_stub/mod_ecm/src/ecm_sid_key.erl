%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The key that signs SIDs: random, made once, and shared by all nodes of a cluster in a table. It
%% lives as long as one of them runs, as sessions do.
%%
%% The Erlang cookie would not be a good key: each client has a SID, and could test guesses of the cookie on
%% it offline. A cookie that Erlang generates has 36 random bits, and opens the cluster.

%% The nodes of a cluster may run different releases of mod_ecm. The name of a row is its version: `sid' is the
%% key of release 1. A release with another form adds a row of another name, and leaves this one to the others. The
%% attributes never change, because a table that is transformed is so on all nodes.

-module(ecm_sid_key).

-export([get/0, restore/1, start/0]).

-include_lib("ejabberd/include/logger.hrl").

-record(ecm_sid_key, {name :: sid, key :: ecm_sid:key()}).

%% @doc Makes the table, and the key if no other node has it. Idempotent.
-spec start() -> ok.
start() ->
    {atomic, ok} = ejabberd_mnesia:create(?MODULE, ecm_sid_key,
                                          [{ram_copies, [node()]},
                                           {attributes, record_info(fields, ecm_sid_key)}]),
    {atomic, ok} = mnesia:transaction(fun make/0),
    log_unknown([Name || Name <- mnesia:dirty_all_keys(ecm_sid_key), Name =/= sid]).

-spec log_unknown(Names :: [term()]) -> ok.
log_unknown([]) ->
    ok;
log_unknown(Names) ->
    ?WARNING_MSG("mod_ecm: another node of the cluster signs SIDs with a key that this release does not know (~0P): "
                 "its sessions are not found over this node. Update mod_ecm on this node", [Names, 20]).

-spec make() -> ok.
make() ->
    case mnesia:wread({ecm_sid_key, sid}) of
        [] -> mnesia:write(#ecm_sid_key{name = sid, key = ecm_sid:key()});
        [_] -> ok
    end.

%% @doc Has SIDs of before a restart be valid again, which were signed with this key. Not if another node of the cluster
%% has kept the key.
-spec restore(ecm_sid:key()) -> ok | {error, other_key}.
restore(Key) ->
    case {?MODULE:get(), mnesia:table_info(ecm_sid_key, where_to_write)} of
        {Key, _} -> ok;
        {_, [Node]} when Node =:= node() -> mnesia:dirty_write(#ecm_sid_key{name = sid, key = Key});
        _ -> {error, other_key}
    end.

%% @doc Returns the key. Do not keep it: when a node joins a cluster, it changes. This is called for each
%% request, so it reads the node's own copy of the table without Mnesia.
-spec get() -> ecm_sid:key().
get() ->
    ets:lookup_element(ecm_sid_key, sid, #ecm_sid_key.key).

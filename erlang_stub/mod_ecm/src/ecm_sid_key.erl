%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The key with which SIDs are signed: random, made once, and known to all nodes of a cluster,
%% as it is in a table of theirs. It lasts as long as one of them runs, as sessions do.
%%
%% The Erlang cookie would be at hand and is no key: every client holds a SID, and could try cookies
%% on it at home. Those that Erlang makes by itself have 36 random bits, and open the cluster.

-module(ecm_sid_key).

-export([get/0, start/0]).

-record(ecm_sid_key, {name :: sid, key :: ecm_sid:key()}).

%% @doc Makes the table, and the key if no other node has it.
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

%% @doc Returns the key. Not to be kept: when a node joins a cluster, it is another one. Asked for at
%% each request, and so of the node's own copy of the table, without mnesia.
-spec get() -> ecm_sid:key().
get() ->
    ets:lookup_element(ecm_sid_key, sid, #ecm_sid_key.key).

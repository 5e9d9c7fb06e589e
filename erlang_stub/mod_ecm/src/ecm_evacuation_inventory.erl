%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What is on this node: the sessions of mod_ecm, which can move to other nodes; its streams, without which a
%% session can move; and what cannot.

-module(ecm_evacuation_inventory).

-export([other_nodes/0, rest/0, sessions/0]).
-export_type([rest/0]).

-include_lib("ejabberd/include/ejabberd_sm.hrl").

%% What ends with this node: sessions of clients that connect to ejabberd itself, by the kind of their connection, and
%% rooms. The streams of ECMs are closed.
-type rest() :: #{rooms := non_neg_integer(), streams := non_neg_integer(),
                  sessions := [{Kind :: atom(), pos_integer()}]}.

%% @doc Returns the sessions of mod_ecm on this node that have no stream: over BOSH, also those whose clients have not
%% logged in yet; and those whose clients may come back to them (XEP-0198).
-spec sessions() -> [pid()].
sessions() ->
    Streams = maps:from_keys(ecm_link_stream_table:sessions(), stream),
    [Session || Session <- logged_in() ++ ecm_c2s_admission:newcomers(),
                not is_map_key(Session, Streams), ecm_c2s_process:is_session(Session)].

-spec logged_in() -> [pid()].
logged_in() ->
    [Session || #session{sid = {_, Session}} <- ejabberd_sm:dirty_get_my_sessions_list()].

%% @doc Returns what does not move.
-spec rest() -> rest().
rest() ->
    Kinds = [proplists:get_value(conn, Info, other)
             || #session{sid = {_, Session}, info = Info} <- ejabberd_sm:dirty_get_my_sessions_list(),
                not ecm_c2s_process:is_session(Session)],
    #{rooms => rooms(), streams => ecm_link_stream_table:count(),
      sessions => [{Kind, length([K || K <- Kinds, K =:= Kind])} || Kind <- lists:usort(Kinds)]}.

-spec rooms() -> non_neg_integer().
rooms() ->
    length([Room || Host <- ejabberd_option:hosts(), gen_mod:is_loaded(Host, mod_muc),
                    Service <- gen_mod:get_module_opt_hosts(Host, mod_muc),
                    {_, _, Room} <- mod_muc:get_online_rooms(Service), node(Room) =:= node()]).

%% @doc Returns the other nodes of the cluster.
-spec other_nodes() -> [node()].
other_nodes() ->
    ejabberd_cluster:get_nodes() -- [node()].

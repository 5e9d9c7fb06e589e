%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What is on this node: the sessions of mod_ecm over BOSH, which can move to other nodes, its streams, whose clients
%% go there, and what cannot.

-module(ecm_evacuation_inventory).

-export([other_nodes/0, rest/0, sessions/0]).
-export_type([rest/0]).

-include_lib("ejabberd/include/ejabberd_sm.hrl").

%% What ends with this node: sessions of clients that connect to ejabberd itself, by the kind of their connection, and
%% rooms. The streams of ECMs are closed.
-type rest() :: #{rooms := non_neg_integer(), streams := non_neg_integer(),
                  sessions := [{Kind :: atom(), pos_integer()}]}.

%% @doc Returns the sessions of mod_ecm over BOSH on this node, also those whose clients have not logged in yet.
-spec sessions() -> [pid()].
sessions() ->
    Newcomers = ecm_c2s_admission:newcomers() -- ecm_link_stream_table:sessions(),
    [Session || {Session, true} <- logged_in()] ++ lists:filter(fun ecm_c2s_process:is_session/1, Newcomers).

%% All sessions that have logged in, and whether they are ours.
-spec logged_in() -> [{pid(), boolean()}].
logged_in() ->
    [{Session, is_ours(Row)} || #session{sid = {_, Session}} = Row <- ejabberd_sm:dirty_get_my_sessions_list()].

%% Those of ejabberd's own mod_bosh have the same kind of connection.
-spec is_ours(#session{}) -> boolean().
is_ours(#session{sid = {_, Session}} = Row) ->
    kind(Row) =:= http_bind andalso ecm_c2s_process:is_session(Session).

-spec kind(#session{}) -> atom().
kind(#session{info = Info}) ->
    proplists:get_value(conn, Info, other).

%% @doc Returns what does not move.
-spec rest() -> rest().
rest() ->
    Kinds = [kind(Row) || #session{sid = {_, Session}} = Row <- ejabberd_sm:dirty_get_my_sessions_list(),
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

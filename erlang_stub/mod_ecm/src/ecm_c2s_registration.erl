%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The row of a session in ejabberd's table of sessions (ejabberd_sm), by which stanzas find its process, when
%% the session changes its process.
%%
%% The functions of ejabberd_sm for a session that begins or ends do more: they have the client's other sessions
%% of the same resource ended, store messages, tell contacts. So this writes to the table as they do, and to the
%% caches that they keep.

-module(ecm_c2s_registration).

-export([announce/1, insert/2, move/3, remove/2, restore/2, row/1, withdraw/2]).
-export_type([row/0]).

-include_lib("ejabberd/include/ejabberd_sm.hrl").

%% A row of ejabberd_sm without the process: `none' is in its place. None if the client has not logged in.
-type row() :: #session{} | none.

%% @doc Returns the row of the session with this state.
-spec row(State :: map()) -> row().
row(#{sid := {Time, _} = Sid, jid := Jid}) ->
    {User, Host, Resource} = jid:tolower(Jid),
    case find(Sid, {User, Host, Resource}) of
        {ok, Row} -> Row#session{sid = {Time, none}};
        error -> none
    end;
row(_) -> none.

-spec find(ejabberd_sm:sid(), {binary(), binary(), binary()}) -> {ok, #session{}} | error.
find(Sid, {User, Host, _} = Usr) ->
    case [Row || #session{sid = Of, usr = For} = Row <- sessions(User, Host), Of =:= Sid, For =:= Usr] of
        [Row | _] -> {ok, Row};
        [] -> error
    end.

-spec sessions(binary(), binary()) -> [#session{}].
sessions(User, Host) ->
    case (backend(Host)):get_sessions(User, Host) of
        {ok, Rows} -> Rows;
        {error, _} -> []
    end.

-spec backend(Host :: binary()) -> module().
backend(Host) ->
    list_to_existing_atom("ejabberd_sm_" ++ atom_to_list(ejabberd_option:sm_db_type(Host))).

%% @doc Writes a row for this process.
-spec insert(row(), pid()) -> ok.
insert(none, _) -> ok;
insert(Row, Process) -> write(for_process(Process, Row)).

-spec for_process(pid(), #session{}) -> #session{}.
for_process(Process, #session{sid = {Time, _}} = Row) -> Row#session{sid = {Time, Process}}.

%% @doc Gives the row to another process. At no moment do stanzas find none. While they find both, ejabberd_sm takes
%% one of the rows of a resource, and a message to the user finds them beside those of the other resources, by their
%% priority. Stanzas to the resource go to one of both processes, and there they wait, or are passed on.
-spec move(row(), From :: pid(), To :: pid()) -> ok.
move(none, _, _) -> ok;
move(Row, From, To) ->
    write(for_process(To, Row)),
    delete(for_process(From, Row)).

%% @doc Writes the row for this process again if it is gone.
-spec restore(row(), pid()) -> ok.
restore(none, _) -> ok;
restore(Row, Process) ->
    #session{sid = Sid, usr = Usr} = Own = for_process(Process, Row),
    case find(Sid, Usr) of
        error -> write(Own);
        {ok, _} -> ok
    end.

%% @doc Removes the row of this process. Nobody is told: the session goes on elsewhere, or later.
-spec remove(row(), pid()) -> ok.
remove(none, _) -> ok;
remove(Row, Process) -> delete(for_process(Process, Row)).

%% @doc Has the modules of this node know the session of the calling process, as if it had begun here: mod_ping.
%% That of anonymous users is not told of a new user.
-spec announce(row()) -> ok.
announce(Row) -> run(sm_register_connection_hook, self(), Row).

%% @doc Has the modules of this node forget the session, which goes on on another one.
-spec withdraw(row(), pid()) -> ok.
withdraw(Row, Process) -> run(sm_remove_connection_hook, Process, Row).

-spec run(Hook :: atom(), pid(), row()) -> ok.
run(_, _, none) ->
    ok;
run(Hook, Process, #session{sid = {Time, _}, usr = {User, Host, Resource}, info = Info}) ->
    ejabberd_hooks:run(Hook, Host, [{Time, Process}, jid:make(User, Host, Resource),
                                    lists:keydelete(auth_module, 1, Info)]).

-spec write(#session{}) -> ok.
write(#session{usr = {_, Host, _}} = Row) -> change(backend(Host), set_session, Row).

-spec delete(#session{}) -> ok.
delete(#session{usr = {_, Host, _}} = Row) -> change(backend(Host), delete_session, Row).

%% On all nodes, before it returns: ejabberd_sm writes to Mnesia without waiting for the others. What is not in
%% Mnesia says which node a row is of, namely that which writes it.
-spec change(Backend :: module(), set_session | delete_session, #session{}) -> ok.
change(ejabberd_sm_mnesia, set_session, Row) ->
    ok = mnesia:activity(sync_dirty, fun mnesia:write/3, [session, Row, write], mnesia);
change(ejabberd_sm_mnesia, delete_session, #session{sid = Sid}) ->
    ok = mnesia:activity(sync_dirty, fun mnesia:delete/3, [session, Sid, write], mnesia);
change(ejabberd_sm_ecm, Function, Row) ->
    ok = ejabberd_sm_ecm:Function(sync_dirty, Row);
change(Backend, Function, #session{sid = {_, Process}, usr = {User, Host, _}} = Row) ->
    ok = erpc:call(node(Process), Backend, Function, [Row]),
    forget(is_cached(Backend, Host), Backend, User, Host).

-spec is_cached(module(), binary()) -> boolean().
is_cached(Backend, Host) ->
    case erlang:function_exported(Backend, use_cache, 1) of
        true -> Backend:use_cache(Host);
        false -> ejabberd_option:sm_use_cache(Host)
    end.

-spec forget(IsCached :: boolean(), module(), binary(), binary()) -> ok.
forget(false, _, _, _) -> ok;
forget(true, Backend, User, Host) ->
    Nodes = case erlang:function_exported(Backend, cache_nodes, 1) of
                true -> Backend:cache_nodes(Host);
                false -> ejabberd_cluster:get_nodes()
            end,
    _ = ets_cache:delete(?SM_CACHE, {User, Host}, Nodes),
    ok.

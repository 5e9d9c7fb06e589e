%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Whether a session may go on after a restart: nobody may be logged in who could not log in now, nor with what
%% ejabberd does not do any more.

-module(ecm_restart_check).

-export([check/2, mark/2, salt/0]).
-export_type([mark/0, reason/0]).

-include_lib("ejabberd/include/ejabberd_sm.hrl").

%% Bytes. Too few to guess a password by it: many passwords have the same mark.
-define(MARK_SIZE, 4).
-define(SALT_SIZE, 16).

%% Says whether the password of an account is what it was. `none' if ejabberd does not know it (LDAP, a script,
%% tokens).
-type mark() :: binary() | none.

%% `module' keeps something for the session, and does not run any more.
-type reason() :: host | account | password | access | conflict | {module, module()}.

%% What a module keeps in the state of a session, or in its row in the table of sessions, if it has something to do
%% for it.
-define(KEPT, [{mod_stream_mgmt, fun is_managed/2}, {mod_client_state, fun is_inactive/2},
               {mod_privacy, fun has_list/2}, {mod_carboncopy, fun has_carbons/2}, {mod_push, fun is_pushed/2}]).

%% @doc Returns what the marks of one file begin with.
-spec salt() -> binary().
salt() ->
    crypto:strong_rand_bytes(?SALT_SIZE).

%% @doc Returns the mark of the account of a session with this state.
-spec mark(Salt :: binary(), State :: map()) -> mark().
mark(Salt, #{user := User, lserver := Host}) ->
    case ejabberd_auth:get_password(User, Host) of
        false -> none;
        Password -> binary:part(crypto:hash(sha256, [Salt, term_to_binary(Password)]), 0, ?MARK_SIZE)
    end.

%% @doc Returns why a session may not go on, whose account had this mark.
-spec check(ecm_c2s_frozen:frozen(), {Salt :: binary(), mark()}) -> ok | {error, reason()}.
check(#{state := State, row := Row}, Marked) ->
    first([fun() -> host(State) end,
           fun() -> account(State, Marked) end,
           fun() -> access(State) end,
           fun() -> conflict(State) end,
           fun() -> modules(State, Row) end]).

-spec first([fun(() -> ok | {error, reason()})]) -> ok | {error, reason()}.
first([]) -> ok;
first([Check | Checks]) ->
    case Check() of
        ok -> first(Checks);
        {error, Reason} -> {error, Reason}
    end.

-spec sure(boolean(), reason()) -> ok | {error, reason()}.
sure(true, _) -> ok;
sure(false, Reason) -> {error, Reason}.

-spec host(map()) -> ok | {error, reason()}.
host(#{lserver := Host}) ->
    sure(lists:member(Host, ejabberd_option:hosts()), host).

%% An anonymous user has no account, and may go on as long as there are such users.
-spec account(map(), {binary(), mark()}) -> ok | {error, reason()}.
account(#{auth_module := Module, user := User, lserver := Host} = State, {Salt, Mark}) ->
    case lists:member(Module, ejabberd_auth:auth_modules(Host)) of
        true when Module =:= ejabberd_auth_anonymous -> ok;
        true ->
            case ejabberd_auth:user_exists(User, Host) of
                true -> sure(mark(Salt, State) =:= Mark, password);
                _ -> {error, account}
            end;
        false -> {error, account}
    end.

%% As ejabberd_c2s asks where a resource is bound.
-spec access(map()) -> ok | {error, reason()}.
access(#{access := Access, jid := Jid, lserver := Host, ip := Client}) ->
    sure(acl:match_rule(Host, Access, #{usr => jid:split(Jid), ip => Client}) =:= allow, access).

%% The user has logged in anew meanwhile.
-spec conflict(map()) -> ok | {error, reason()}.
conflict(#{user := User, server := Host, resource := Resource}) ->
    sure(ejabberd_sm:get_session_sids(User, Host, Resource) =:= [], conflict).

-spec modules(map(), ecm_c2s_registration:row()) -> ok | {error, reason()}.
modules(#{lserver := Host} = State, Row) ->
    case [Module || {Module, Keeps} <- ?KEPT, Keeps(State, Row), not gen_mod:is_loaded(Host, Module)] of
        [] -> ok;
        [Module | _] -> {error, {module, Module}}
    end.

-spec is_managed(map(), ecm_c2s_registration:row()) -> boolean().
is_managed(State, _) -> not lists:member(maps:get(mgmt_state, State, disabled), [disabled, inactive]).

-spec is_inactive(map(), ecm_c2s_registration:row()) -> boolean().
is_inactive(State, _) -> maps:get(csi_state, State, active) =:= inactive.

-spec has_list(map(), ecm_c2s_registration:row()) -> boolean().
has_list(State, _) -> maps:get(privacy_active_list, State, none) =/= none.

-spec is_pushed(map(), ecm_c2s_registration:row()) -> boolean().
is_pushed(State, _) -> maps:get(push_enabled, State, false).

-spec has_carbons(map(), ecm_c2s_registration:row()) -> boolean().
has_carbons(_, #session{info = Info}) -> lists:keymember(carboncopy, 1, Info);
has_carbons(_, none) -> false.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Moves a session of this node to another node of the cluster, as ecm_c2s_transfer has it.
%%
%% First the new process is made. Then the row in ejabberd's table of sessions names it, and all nodes know the new
%% place of the SID. When nobody sends to the old process any more, the new one gets what the old one has got, and
%% begins; only then the old one has lost the session. Until then it goes on if anything fails.

-module(ecm_c2s_move).

-export([can_take/1, move/2, offer/0, take/2]).
-export_type([error/0]).

%% Milliseconds for an answer of the other node.
-define(TIMEOUT, 10000).

%% `draining': the other node is emptied itself, or stops, or has no listener of mod_ecm.
-type error() :: ecm_c2s_transfer:error() | no_mod_ecm | draining | {lost, term()}.

%% @doc Returns whether a node takes sessions of this one, and how many sessions it has.
-spec can_take(node()) -> {ok, Sessions :: non_neg_integer()} | {error, error()}.
can_take(Node) ->
    Own = ecm_c2s_frozen:version(),
    case call(Node, ?MODULE, offer, []) of
        {ok, {Own, Sessions}} -> {ok, Sessions};
        {ok, {Other, _}} -> {error, {version, Own, Other}};
        {ok, Reason} -> {error, Reason};
        {error, _} -> {error, no_mod_ecm}
    end.

%% @private The same, as this node says it.
-spec offer() -> {{Format :: pos_integer(), Ejabberd :: binary()}, non_neg_integer()} | no_mod_ecm | draining.
offer() ->
    case {whereis(ecm_c2s_place), whereis(ecm_link_gate)} of
        {undefined, _} -> no_mod_ecm;
        {_, undefined} -> draining;
        {_, _} -> {ecm_c2s_frozen:version(), length(ejabberd_sm:dirty_get_my_sessions_list())}
    end.

%% @private Takes a session of another node, as ecm_c2s_transfer:prepare/2.
-spec take(ecm_c2s_frozen:frozen(), Controller :: pid()) -> {ok, ecm_c2s_place:place()} | {error, error()}.
take(Frozen, Controller) ->
    case whereis(ecm_link_gate) of
        undefined -> {error, draining};
        _ -> ecm_c2s_transfer:prepare(Frozen, Controller)
    end.

%% @doc Moves a session. If that fails, it goes on where it is. `busy' if it has something to do now; `lost' if the other
%% node has failed, or its new process.
-spec move(pid(), node()) -> ok | {error, error()}.
move(Session, Node) ->
    case ecm_c2s_transfer:freeze(Session) of
        {ok, Frozen} -> prepared(call(Node, ?MODULE, take, [Frozen, self()]), Frozen, Session);
        {error, Reason} -> {error, Reason}
    end.

-spec prepared({ok, term()} | {error, term()}, ecm_c2s_frozen:frozen(), pid()) -> ok | {error, error()}.
prepared({ok, {ok, {New, Nonce}}}, #{row := Row} = Frozen, Old) ->
    ok = ecm_c2s_registration:move(Row, Old, New),
    ok = ecm_c2s_place:put_everywhere(ecm_c2s_frozen:name(Frozen), New, Nonce),
    case started(ecm_c2s_transfer:drain(Old), New) of
        ok ->
            _ = ecm_c2s_transfer:forward(Old, New, Nonce),
            ecm_c2s_registration:withdraw(Row, Old);
        {error, Reason} ->
            undo(Frozen, Old, New, Reason)
    end;
prepared({ok, {error, Reason}}, _, Old) ->
    _ = ecm_c2s_transfer:resume(Old),
    {error, Reason};
prepared({error, Reason}, _, Old) ->
    _ = ecm_c2s_transfer:resume(Old),
    {error, {lost, Reason}}.

%% An old process that was killed meanwhile has its session live on. One that does not answer may have got something.
-spec started({ok, ecm_c2s_transfer:late()} | {error, error()}, New :: pid()) -> ok | {error, error()}.
started({ok, Late}, New) -> ecm_c2s_transfer:start(New, Late);
started({error, ended}, New) -> ecm_c2s_transfer:start(New, []);
started({error, Reason}, _) -> {error, Reason}.

%% The new process has not begun. The session is under its place before, or its name if it had not moved.
-spec undo(ecm_c2s_frozen:frozen(), pid(), pid(), error()) -> {error, error()}.
undo(#{row := Row, session := #{nonce := Nonce}} = Frozen, Old, New, Reason) ->
    true = exit(New, kill),
    ok = ecm_c2s_place:put_everywhere(ecm_c2s_frozen:name(Frozen), Old, Nonce),
    ok = ecm_c2s_registration:move(Row, New, Old),
    _ = ecm_c2s_transfer:resume(Old),
    {error, {lost, Reason}}.

-spec call(node(), module(), atom(), [term()]) -> {ok, term()} | {error, term()}.
call(Node, Module, Function, Arguments) ->
    try {ok, erpc:call(Node, Module, Function, Arguments, ?TIMEOUT)}
    catch _:Reason -> {error, Reason}
    end.

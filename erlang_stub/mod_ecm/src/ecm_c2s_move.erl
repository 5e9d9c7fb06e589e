%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Moves a session of this node to another node of the cluster, as ecm_c2s_transfer has it.
%%
%% First the new process is made. Then the row in ejabberd's table of sessions names it, and all nodes know the new
%% place of the SID. When nobody sends to the old process any more, that has the new one begin, with what it has got
%% itself. Until then it goes on if anything fails, and gets what the new one has got meanwhile.

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
-spec take(ecm_c2s_frozen:frozen(), ecm_c2s_transfer:parties()) -> {ok, ecm_c2s_place:place()} | {error, error()}.
take(Frozen, Parties) ->
    case whereis(ecm_link_gate) of
        undefined -> {error, draining};
        _ -> ecm_c2s_transfer:prepare(Frozen, Parties)
    end.

%% @doc Moves a session. If that fails, it goes on where it is. `busy' if it has something to do now; `lost' if the
%% other node has failed, or its new process. With `{lost, unknown}' the session has ended, because the node was lost in
%% the moment in which it was to begin there.
-spec move(pid(), node()) -> ok | {error, error()}.
move(Session, Node) ->
    case ecm_c2s_transfer:freeze(Session) of
        {ok, Frozen} ->
            Parties = #{old => Session, controller => self()},
            prepared(call(Node, ?MODULE, take, [Frozen, Parties]), Frozen, Session);
        {error, Reason} ->
            {error, Reason}
    end.

-spec prepared({ok, term()} | {error, term()}, ecm_c2s_frozen:frozen(), pid()) -> ok | {error, error()}.
prepared({ok, {ok, {New, _} = Place}}, #{row := Row} = Frozen, Old) ->
    ok = ecm_c2s_registration:move(Row, Old, New),
    ok = ecm_c2s_place:put_everywhere(ecm_c2s_frozen:next(Frozen), Place),
    case handed_over(ecm_c2s_transfer:hand_over(Old, Place), New) of
        ok -> ecm_c2s_registration:withdraw(Row, Old);
        {error, not_begun} -> undo(Frozen, Old, New);
        {error, Reason} -> {error, {lost, Reason}}
    end;
prepared({ok, {error, Reason}}, _, Old) ->
    _ = ecm_c2s_transfer:resume(Old),
    {error, Reason};
prepared({error, Reason}, _, Old) ->
    _ = ecm_c2s_transfer:resume(Old),
    {error, {lost, Reason}}.

%% An old process that was killed meanwhile has its session live on.
-spec handed_over(ok | {error, error()}, New :: pid()) -> ok | {error, error()}.
handed_over({error, ended}, New) -> ecm_c2s_transfer:start(New, []);
handed_over(Outcome, _) -> Outcome.

%% The session is under its place before, or its name if it had not moved. When nobody sends to the new process any
%% more, the old one gets what that has got.
-spec undo(ecm_c2s_frozen:frozen(), pid(), pid()) -> {error, error()}.
undo(#{row := Row, session := #{nonce := Nonce}} = Frozen, Old, New) ->
    ok = ecm_c2s_registration:move(Row, New, Old),
    ok = ecm_c2s_place:put_everywhere(ecm_c2s_frozen:undone(Frozen), {Old, Nonce}),
    GivenBack = case ecm_c2s_transfer:give_back(New) of
                    {ok, Late} -> Late;
                    {error, _} -> []  % it passes it on itself, or has ended
                end,
    _ = ecm_c2s_transfer:resume(Old, GivenBack),
    {error, {lost, not_begun}}.

-spec call(node(), module(), atom(), [term()]) -> {ok, term()} | {error, term()}.
call(Node, Module, Function, Arguments) ->
    try {ok, erpc:call(Node, Module, Function, Arguments, ?TIMEOUT)}
    catch _:Reason -> {error, Reason}
    end.

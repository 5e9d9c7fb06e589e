%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A process that does nothing but be there while this node takes requests. Each link watches it, and drains
%% once it has been shut down: ECM sends its requests elsewhere, or has them wait. So nobody needs to know all links,
%% and a link that begins later learns it as well.
%%
%% Its parent is ejabberd's own supervisor, which ends only with ejabberd. Below another one it would be shut down
%% when its neighbours fail too often.

-module(ecm_link_gate).
-behaviour(gen_server).

-export([close/0, open/0, start/0, start_link/0, start_soon/0]).
-export([handle_call/3, handle_cast/2, init/1]).

-define(PARENT, ejabberd_sup).

%% @doc Starts it, unless it is there or has been closed. Listeners can call this, but modules cannot: their parent
%% is still starting then.
-spec start() -> ok.
start() ->
    case supervisor:start_child(?PARENT, #{id => ?MODULE, start => {?MODULE, start_link, []}}) of
        {ok, _} -> ok;
        {error, {already_started, _}} -> ok;
        {error, already_present} -> ok
    end.

%% @doc The same for modules: it is started once ejabberd has started, or at once. A listener whose module is upgraded
%% from a release without gates is not started again, and its links would drain.
-spec start_soon() -> ok.
start_soon() ->
    _ = spawn(fun start/0),
    ok.

%% @doc Has all links drain. Idempotent.
-spec close() -> ok.
close() ->
    _ = supervisor:terminate_child(?PARENT, ?MODULE),
    ok.

%% @doc Takes requests again. Links that have drained end, because there is no way back (protocol.md): ECM opens
%% others.
-spec open() -> ok.
open() ->
    _ = supervisor:restart_child(?PARENT, ?MODULE),
    lists:foreach(fun(Writer) -> exit(Writer, {shutdown, over}) end, ecm_link_table:owners()).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @private
-spec init([]) -> {ok, none}.
init([]) ->
    {ok, none}.

%% @private
-spec handle_call(term(), gen_server:from(), none) -> {reply, {error, badarg}, none}.
handle_call(_, _, none) ->
    {reply, {error, badarg}, none}.

%% @private
-spec handle_cast(term(), none) -> {noreply, none}.
handle_cast(_, none) ->
    {noreply, none}.

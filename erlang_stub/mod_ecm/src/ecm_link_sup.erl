%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The supervisor of the writers of links (ecm_link_writer_loop).
%%
%% A writer may outlive the connection of its link, and so the process that reads it, which ejabberd has
%% started for that connection. Nothing is started again: what a link has in flight ends with its writer.
%%
%% It is no child of ecm_sup, which ends when its children fail too often: links would end with it. Its parent
%% is ejabberd's own supervisor, beside that of the readers. That one takes children only when it has
%% started, so modules cannot call start/0, but listeners and links can.

-module(ecm_link_sup).
-behaviour(supervisor).

-export([start/0, start_link/0, start_writer/1]).
-export([init/1]).

%% @doc Starts the supervisor unless it runs.
-spec start() -> ok.
start() ->
    ecm_supervision:ensure(?MODULE, ejabberd_sup).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

%% @doc Starts a writer: calls ecm_link_writer_loop:start_link with these arguments. A listener of release 1, under
%% which new code is loaded, has not started this supervisor.
-spec start_writer(Arguments :: [term()]) -> {ok, pid(), Info :: term()} | {error, term()}.
start_writer(Arguments) ->
    ok = start(),
    supervisor:start_child(?MODULE, Arguments).

%% @private
-spec init([]) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init([]) ->
    ok = ecm_link_tokens:new_table(),
    {ok, {#{strategy => simple_one_for_one},
          [#{id => ecm_link_writer, start => {ecm_link_writer_loop, start_link, []}, restart => temporary,
             shutdown => brutal_kill}]}}.

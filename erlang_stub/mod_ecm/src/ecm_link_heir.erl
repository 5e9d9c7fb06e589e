%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that tells the sessions when a link has ended, however it did: with a link all
%% clients have gone that were on it.
%%
%% A link that is killed can tell nobody. So this process inherits the table of the requests that
%% wait (ecm_link_table), which the runtime gives to it when the link ends.

-module(ecm_link_heir).
-behaviour(gen_server).

-export([start/0, watch/4]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).

%% Where it is told that a client has gone (ecm_router:gone/3).
-type gone() :: fun((pid(), ecm_c2s:exchange(), ecm_c2s:departure()) -> any()).

%% @doc Starts it on this node, if it is not there.
-spec start() -> pid().
start() ->
    case gen_server:start({local, ?MODULE}, ?MODULE, [], []) of
        {ok, Heir} -> Heir;
        {error, {already_started, Heir}} -> Heir
    end.

%% @doc Lets it inherit the table of the calling link, whose exchanges have this writer and limit.
-spec watch(ecm_link_table:in_flight(), Writer :: pid(), Limit :: pos_integer(), gone()) -> ok.
watch(InFlight, Writer, Limit, Gone) ->
    ecm_link_table:leave_to(start(), {Writer, Limit, Gone}, InFlight).

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

%% @private
-spec handle_info(term(), none) -> {noreply, none}.
handle_info({'ETS-TRANSFER', Table, _, {Writer, Limit, Gone}}, none) ->
    lists:foreach(fun({Id, Session}) -> Gone(Session, {Writer, Id, Limit}, gone) end,
                  ecm_link_table:all(Table)),
    ecm_link_table:delete(Table),
    {noreply, none};
handle_info(_, none) ->
    {noreply, none}.

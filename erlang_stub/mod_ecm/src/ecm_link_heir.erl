%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process that tells the sessions when a link has ended, however it ended: the clients on it
%% are gone.
%%
%% A writer that is killed cannot tell anybody. So this process is the heir of its tables, that of requests in
%% flight (ecm_link_table) and that of streams (ecm_link_stream_table): the runtime hands them over when the
%% writer ends.

-module(ecm_link_heir).
-behaviour(gen_server).

-export([start_link/0, watch/5]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).
-export_type([gone/0]).

%% The function to call for a client that is gone (ecm_router:gone/3).
-type gone() :: fun((pid(), ecm_link_writer:exchange(), ecm_link:departure()) -> any()).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Names this process as the heir of the calling writer's tables. The link's exchanges have this writer
%% and limit. While there is no heir, nothing is named: the next one asks each writer for it.
-spec watch(ecm_link_table:in_flight(), ecm_link_stream_table:streams(), Writer :: pid(), Limit :: pos_integer(),
            gone()) -> ok.
watch(InFlight, Streams, Writer, Limit, Gone) ->
    case whereis(?MODULE) of
        undefined ->
            ok;
        Heir ->
            ecm_link_table:leave_to(Heir, {Writer, Limit, Gone}, InFlight),
            ecm_link_stream_table:leave_to(Heir, streams, Streams)
    end.

%% @private The links that are there had an heir that was killed. The writer of each is asked to name this one.
-spec init([]) -> {ok, none}.
init([]) ->
    lists:foreach(fun(Writer) -> Writer ! new_heir end, ecm_link_table:owners()),
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
handle_info({'ETS-TRANSFER', Table, _, streams}, none) ->
    lists:foreach(fun(Session) -> ecm_link_stream:tell({closed, gone}, Session) end,
                  ecm_link_stream_table:inherit(Table)),
    ecm_link_stream_table:delete(Table),
    {noreply, none};
handle_info(_, none) ->
    {noreply, none}.

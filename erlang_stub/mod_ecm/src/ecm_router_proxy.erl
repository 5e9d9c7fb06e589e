%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process of a node through which the other nodes of a cluster reach its sessions.
%%
%% Only the node of a session knows whether it is alive: requests for one that has ended are answered here.
%% The requests of a link keep their order.

-module(ecm_router_proxy).
-behaviour(gen_server).

-export([gone/3, request/4, start_link/0]).
-export([handle_call/3, handle_cast/2, init/1]).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Passes a request to a session of another node; see ecm_c2s:request/4.
-spec request(pid(), ecm_sid:nonce(), ecm_c2s_session:request(), ecm_link_writer:exchange()) -> ok.
request(Session, Nonce, Request, Exchange) ->
    gen_server:cast({?MODULE, node(Session)}, {request, Session, Nonce, Request, Exchange}).

%% @doc Tells a session of another node that a client is gone; see ecm_c2s:gone/3.
-spec gone(pid(), ecm_link_writer:exchange(), ecm_link:departure()) -> ok.
gone(Session, Exchange, Departure) ->
    gen_server:cast({?MODULE, node(Session)}, {gone, Session, Exchange, Departure}).

%% @private
-spec init([]) -> {ok, none}.
init([]) ->
    {ok, none}.

%% @private
-spec handle_call(term(), gen_server:from(), none) -> {reply, {error, badarg}, none}.
handle_call(_, _, none) ->
    {reply, {error, badarg}, none}.

%% @private
-spec handle_cast(tuple(), none) -> {noreply, none}.
handle_cast({request, Session, Nonce, Request, Exchange}, none) ->
    case is_process_alive(Session) of
        true -> ecm_c2s:request(Session, Nonce, Request, Exchange);
        false -> ecm_c2s_farewell:answer(Session, Nonce, Exchange)
    end,
    {noreply, none};
handle_cast({gone, Session, Exchange, Departure}, none) ->
    ecm_c2s:gone(Session, Exchange, Departure),
    {noreply, none}.

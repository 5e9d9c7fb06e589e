%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process of a node through which the other nodes of a cluster reach its sessions.
%%
%% Only the node of a session knows whether it is alive: requests for one that has ended are answered here.
%% The requests of a link keep their order.
%%
%% The other node may run the next release of mod_ecm, or the last. Nodes send each other what both know. What
%% the next release has to say in addition is in a map behind the rest of a message: `#{}' in this release, which
%% ignores it. What is not understood is logged; and answered, if it is a request.

-module(ecm_router_proxy).
-behaviour(gen_server).

-export([gone/3, request/4, start_link/0]).
-export([handle_call/3, handle_cast/2, init/1]).

-include_lib("ejabberd/include/logger.hrl").

%% Service Unavailable (RFC 9110, section 15.6.4): the client may repeat its request.
-define(TRY_AGAIN, 503).

%% Milliseconds between two log lines about messages that are not understood.
-define(LOG_INTERVAL, 60000).

%% The time of the last such line.
-type state() :: none | integer().

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
-spec init([]) -> {ok, state()}.
init([]) ->
    {ok, none}.

%% @private
-spec handle_call(term(), gen_server:from(), state()) -> {reply, {error, badarg}, state()}.
handle_call(_, _, Logged) ->
    {reply, {error, badarg}, Logged}.

%% @private
-spec handle_cast(term(), state()) -> {noreply, state()}.
handle_cast({request, Session, Nonce, Request, Exchange}, Logged) ->
    handle_cast({request, Session, Nonce, Request, Exchange, #{}}, Logged);
handle_cast({request, Session, Nonce, Request, {Writer, _, _} = Exchange, #{}}, Logged) ->
    case ecm_c2s_session:is_request(Request) of
        true ->
            to_session(Session, Nonce, Request, Exchange),
            {noreply, Logged};
        false ->
            refuse(Exchange),
            {noreply, log(node(Writer), Request, Logged)}
    end;
handle_cast({gone, Session, Exchange, Departure}, Logged) ->
    handle_cast({gone, Session, Exchange, Departure, #{}}, Logged);
handle_cast({gone, Session, Exchange, Departure, #{}}, Logged)
  when Departure =:= gone; Departure =:= half_closed ->
    ecm_c2s:gone(Session, Exchange, Departure),
    {noreply, Logged};
handle_cast(Message, Logged) ->
    {noreply, log(unknown, Message, Logged)}.

-spec to_session(pid(), ecm_sid:nonce(), ecm_c2s_session:request(), ecm_link_writer:exchange()) -> ok.
to_session(Session, Nonce, Request, Exchange) ->
    case is_process_alive(Session) of
        true -> ecm_c2s:request(Session, Nonce, Request, Exchange);
        false -> to_place({Session, Nonce}, ecm_c2s_place:left(Session, Nonce), Request, Exchange)
    end.

%% The session may have moved on, and the node that has sent this did not know.
-spec to_place(ecm_c2s_place:place(), {ok, ecm_c2s_place:place()} | error, ecm_c2s_session:request(),
               ecm_link_writer:exchange()) -> ok.
to_place({Session, Nonce}, error, _, Exchange) ->
    ecm_c2s_farewell:answer(Session, Nonce, Exchange);
to_place({Session, _}, {ok, {Process, Nonce}}, Request, {Writer, Id, _} = Exchange) ->
    ecm_link_writer:moved(Writer, Id, Session, Process),
    request(Process, Nonce, Request, Exchange).

-spec refuse(ecm_link_writer:exchange()) -> ok.
refuse({Writer, Id, _}) ->
    {_, Body} = ecm_bosh_answer:refusal(<<"internal-server-error">>, true),
    ecm_link_writer:answer(Writer, Id, ?TRY_AGAIN, Body).

%% Says nothing of the content, which may be a password.
-spec log(node() | unknown, term(), state()) -> state().
log(Node, Message, Logged) ->
    Now = erlang:monotonic_time(millisecond),
    case Logged =:= none orelse Now - Logged >= ?LOG_INTERVAL of
        true ->
            ?ERROR_MSG("mod_ecm got a message for a session of this node that its release does not know (from "
                       "node ~ts: ~ts). Requests like it are answered 503: update mod_ecm on this node",
                       [Node, form(Message)]),
            Now;
        false ->
            Logged
    end.

-spec form(term()) -> iolist().
form(Message) when is_tuple(Message), is_atom(element(1, Message)) ->
    io_lib:format("'~ts' with ~B elements", [element(1, Message), tuple_size(Message)]);
form(Message) when is_tuple(Message) ->
    io_lib:format("~B elements", [tuple_size(Message)]);
form(_) ->
    "no tuple".

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The way of a request: to its session, or to a new one; or back, if there is none.
%%
%% All of a session's requests on a link go to its process in the order in which they came.

-module(ecm_router).

-export([gone/3, refuse/2, refuse_rest/0, route/5]).
-export_type([options/0]).

%% `key' is that of the SIDs. A body has at most `max_size' bytes.
-type options() :: #{key := fun(() -> ecm_sid:key()), max_size := pos_integer() | infinity,
                     newcomers := ecm_c2s_newcomers:limits(), c2s := ecm_c2s:options()}.

%% Bytes in which a start tag is that is worth to be searched. Browsers' are shorter than 500.
-define(START, 4096).

%% Service Unavailable (RFC 9110, section 15.6.4).
-define(TRY_AGAIN, 503).

%% @doc Hands a request to its session, and notes in `InFlight' which that is. Never waits.
%%
%% One that is too long is no less a request of its session, which has to end with it: the client is
%% told that it has.
-spec route(ecm_link_connection:body(), ecm_c2s:exchange(), Client :: ecm_peer:peer(),
            ecm_link_table:in_flight(), options()) -> any().
route({truncated, First}, Exchange, _, InFlight, Options) ->
    violation(<<"policy-violation">>, First, Exchange, InFlight, Options);
route(Body, Exchange, _, InFlight, #{max_size := MaxSize} = Options)
  when byte_size(Body) > MaxSize ->
    violation(<<"policy-violation">>, Body, Exchange, InFlight, Options);
route(Body, Exchange, Client, InFlight, #{key := Key} = Options) ->
    case ecm_bosh_body:head(Body) of
        {ok, #{sid := Sid} = Head, Content} ->
            to_session(ecm_sid:find(Key(), Sid), request(Head, Content, Body), Exchange, InFlight);
        {ok, #{fault := _} = Head, _} ->
            refuse(Exchange, <<"bad-request">>, is_map_key(ver, Head));
        {ok, Head, Content} ->
            start(fun() -> open(Head, Content, Exchange, Client, InFlight, Options) end, Exchange);
        {error, _} ->
            violation(<<"bad-request">>, Body, Exchange, InFlight, Options)
    end.

-spec request(ecm_bosh_body:head(), ecm_bosh_body:content(), binary()) -> ecm_c2s:request().
request(#{fault := _}, _, _) -> {violates, <<"bad-request">>};
request(Head, Content, Body) -> {maps:remove(sid, Head), Content, byte_size(Body)}.

-spec violation(Condition :: binary(), binary(), ecm_c2s:exchange(), ecm_link_table:in_flight(),
                options()) -> ok.
violation(Condition, Bytes, Exchange, InFlight, #{key := Key}) ->
    case sid(Bytes) of
        {ok, Sid} ->
            to_session(ecm_sid:find(Key(), Sid), {violates, Condition}, Exchange, InFlight);
        none ->
            refuse(Exchange, Condition)
    end.

%% Also that of a start tag that cannot be read, or has no end: the SID is signed, so whoever has
%% written it there has it from the session. Without it a session would live on whose client is told
%% that it does not.
-spec sid(binary()) -> {ok, binary()} | none.
sid(Bytes) ->
    case ecm_bosh_body:head(Bytes) of
        {ok, #{sid := Sid}, _} -> {ok, Sid};
        {ok, _, _} -> none;
        {error, _} -> stray_sid(binary:part(Bytes, 0, min(?START, byte_size(Bytes))))
    end.

-spec stray_sid(binary()) -> {ok, binary()} | none.
stray_sid(Start) ->
    case re:run(Start, "\\ssid\\s*=\\s*[\"']([0-9A-Za-z_-]+)[\"']", [{capture, [1], binary}]) of
        {match, [Sid]} -> {ok, Sid};
        nomatch -> none
    end.

-spec to_session({ok, pid(), ecm_sid:nonce()} | error, ecm_c2s:request(), ecm_c2s:exchange(),
                 ecm_link_table:in_flight()) -> ok.
to_session({ok, Session, Nonce}, Request, {_, Id, _} = Exchange, InFlight) ->
    case ecm_link_table:is_dead(Session) of
        true ->
            ended(Session, Nonce, Exchange);
        false ->
            ecm_link_table:add(Id, Session, InFlight),
            (way(Session)):request(Session, Nonce, Request, Exchange)
    end;
to_session(error, _, Exchange, _) ->
    refuse(Exchange, <<"item-not-found">>).

%% Another node has what is to be said of its sessions, if it is there.
-spec ended(pid(), ecm_sid:nonce(), ecm_c2s:exchange()) -> ok.
ended(Session, Nonce, Exchange) when node(Session) =:= node() ->
    ecm_c2s_farewell:answer(Session, Nonce, Exchange);
ended(_, _, Exchange) ->
    refuse(Exchange, <<"item-not-found">>).

%% @doc Tells a session that the client has gone that waited for an answer, or may have.
-spec gone(pid(), ecm_c2s:exchange(), ecm_c2s:departure()) -> ok.
gone(Session, Exchange, Departure) ->
    (way(Session)):gone(Session, Exchange, Departure).

-spec way(pid()) -> ecm_c2s | ecm_router_proxy.
way(Session) when node(Session) =:= node() -> ecm_c2s;
way(_) -> ecm_router_proxy.

%% The link must not wait, and must not fail where there are too many processes.
-spec start(fun(() -> ok), ecm_c2s:exchange()) -> any().
start(Open, Exchange) ->
    try
        spawn(Open)
    catch
        error:system_limit -> refuse(Exchange, <<"internal-server-error">>)
    end.

%% It is noted that this process is to answer, for the case that it cannot start another.
-spec open(ecm_bosh_body:head(), ecm_bosh_body:content(), ecm_c2s:exchange(), ecm_peer:peer(),
           ecm_link_table:in_flight(), options()) -> ok.
open(Head, Content, {_, Id, _} = Exchange, Client, InFlight, #{newcomers := Limits} = Options) ->
    ecm_link_table:add(Id, self(), InFlight),
    case ecm_c2s_admission:enter(Client, Limits) of
        ok -> entered(Head, ecm_bosh_body:els(Content), Exchange, Client, InFlight, Options);
        refused -> turn_away(Exchange)
    end.

-spec entered(ecm_bosh_body:head(), {ok, [ecm_bosh_body:xmlel()]} | {error, term()}, ecm_c2s:exchange(),
              ecm_peer:peer(), ecm_link_table:in_flight(), options()) -> ok.
entered(Head, {ok, Els}, {_, Id, _} = Exchange, Client, InFlight, #{key := Key, c2s := Options}) ->
    Session = ecm_c2s:start(Client, Options),
    ecm_c2s_admission:stay(Session, Client),
    ecm_link_table:add(Id, Session, InFlight),
    ecm_c2s:open(Session, Head#{els => Els}, Exchange, Key(), Options);
entered(Head, {error, _}, Exchange, _, _, _) ->
    refuse(Exchange, <<"bad-request">>, is_map_key(ver, Head)).

%% Clients repeat their request after a status like this one, with pauses. On a plain link there is
%% only the body.
-spec turn_away(ecm_c2s:exchange()) -> ok.
turn_away({Writer, Id, _}) ->
    {_, Body} = ecm_bosh_answer:content(ecm_bosh_answer:terminate(<<"policy-violation">>, [], true)),
    ecm_link_writer:answer(Writer, Id, ?TRY_AGAIN, Body).

%% @doc Answers a request that belongs to no session, with a condition of XEP-0124, section 17.2. It
%% is not known whether the client has sent `ver': so there are the status that it would get without
%% (17.1) and the body that it would get with it, but for item-not-found, which is nobody's fault
%% and has to end the session cleanly.
-spec refuse(ecm_c2s:exchange(), Condition :: binary()) -> ok.
refuse(Exchange, Condition) ->
    refuse(Exchange, Condition, Condition =:= <<"item-not-found">>).

-spec refuse(ecm_c2s:exchange(), Condition :: binary(), KnowsConditions :: boolean()) -> ok.
refuse({Writer, Id, _}, Condition, KnowsConditions) ->
    {Status, Body} = ecm_bosh_answer:content(ecm_bosh_answer:terminate(Condition, [], KnowsConditions)),
    ecm_link_writer:answer(Writer, Id, Status, Body).

%% @doc Answers the requests that came to the calling session in its last moment.
-spec refuse_rest() -> ok.
refuse_rest() ->
    receive
        {ecm, {request, Nonce, _, Exchange}} ->
            ecm_c2s_farewell:answer(self(), Nonce, Exchange),
            refuse_rest()
    after 0 ->
        ok
    end.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Routes each request to its session, or to a new one. A request without a session is refused.
%%
%% The requests of a session on one link reach its process in the order in which they came.

-module(ecm_router).

-export([gone/3, route/6]).
-export_type([options/0]).

%% `key' is that of the SIDs. A body has at most `max_size' bytes. `c2s' has the options of sessions, by
%% whether their client's connection is encrypted. ECM reaches the nodes in `reaches' itself.
-type options() :: #{key := fun(() -> ecm_sid:key()), max_size := pos_integer() | infinity,
                     newcomers := ecm_c2s_newcomers:limits(),
                     logins := ecm_c2s_logins:limits(),
                     reaches => [Name :: binary()],
                     c2s := #{Secure :: boolean() => ecm_c2s_session:options()}}.

%% The request that begins a session, whose content has not been read.
-type new() :: ecm_bosh_window:request().

%% Bytes at the beginning of a body that are searched for a SID. Start tags of browsers are below 500.
-define(MAX_START, 4096).

%% Service Unavailable (RFC 9110, section 15.6.4).
-define(TRY_AGAIN, 503).

%% @doc Passes a request to its session, and notes the session in `InFlight'. Never waits.
%%
%% A request that is too long still belongs to its session, and ends it, as its client is told. `Secure' is
%% what ECM says of the client's connection; it matters where a session begins, and if ECM is full, none begins.
%% Returns `elsewhere' for a request that it has not passed on, because ECM reaches the node of its session.
-spec route(ecm_link_clients:body(), ecm_link_writer:exchange(), Client :: ecm_peer:peer(),
            Secure :: boolean(), ecm_link_table:in_flight(), options()) -> {elsewhere, Name :: binary()} | any().
route({reaching, Names, Body}, Exchange, Client, Secure, InFlight, Options) ->
    route(Body, Exchange, Client, Secure, InFlight, Options#{reaches => Names});
route({truncated, First}, Exchange, _, _, InFlight, Options) ->
    violation(<<"policy-violation">>, First, Exchange, InFlight, Options);
route({full, Body}, Exchange, Client, Secure, InFlight, Options) ->
    case begins_a_session(ecm_bosh_body:head(Body)) of
        true -> turn_away(Exchange);
        false -> route(Body, Exchange, Client, Secure, InFlight, Options)
    end;
route(Body, Exchange, _, _, InFlight, #{max_size := MaxSize} = Options)
  when byte_size(Body) > MaxSize ->
    violation(<<"policy-violation">>, Body, Exchange, InFlight, Options);
route(Body, Exchange, Client, Secure, InFlight, #{key := Key} = Options) ->
    case ecm_bosh_body:head(Body) of
        {ok, #{sid := Sid} = Head, Content} ->
            to_session(ecm_sid:find(Key(), Sid), request(Head, Content, Body), Exchange, InFlight, Options);
        {ok, #{fault := _} = Head, _} ->
            refuse(Exchange, <<"bad-request">>, is_map_key(ver, Head));
        {ok, _, _} ->
            newcomer(binary:copy(Body), Exchange, Client, InFlight, choose(Secure, Options));
        {error, _} ->
            violation(<<"bad-request">>, Body, Exchange, InFlight, Options)
    end.

-spec begins_a_session({ok, ecm_bosh_body:head(), ecm_bosh_body:content()} | {error, term()}) -> boolean().
begins_a_session({ok, Head, _}) -> not is_map_key(sid, Head) andalso not is_map_key(fault, Head);
begins_a_session({error, _}) -> false.

-spec request(ecm_bosh_body:head(), ecm_bosh_body:content(), binary()) -> ecm_c2s_session:request().
request(#{fault := _}, _, _) -> {violates, <<"bad-request">>};
request(Head, Content, Body) -> {maps:remove(sid, Head), Content, byte_size(Body)}.

-spec violation(Condition :: binary(), binary(), ecm_link_writer:exchange(), ecm_link_table:in_flight(),
                options()) -> {elsewhere, Name :: binary()} | ok.
violation(Condition, Bytes, Exchange, InFlight, #{key := Key} = Options) ->
    case sid(Bytes) of
        {ok, Sid} ->
            to_session(ecm_sid:find(Key(), Sid), {violates, Condition}, Exchange, InFlight, Options);
        none ->
            ecm_stats:count({error, stray(Condition), other}),
            refuse(Exchange, Condition)
    end.

-spec stray(Condition :: binary()) -> too_long | bad_request.
stray(<<"policy-violation">>) -> too_long;
stray(_) -> bad_request.

%% Finds the SID even in a start tag that is malformed or has no end: it is signed, so the sender has it from
%% the session. Otherwise a session would live on after its client was told that it has ended.
-spec sid(binary()) -> {ok, binary()} | none.
sid(Bytes) ->
    case ecm_bosh_body:head(Bytes) of
        {ok, #{sid := Sid}, _} -> {ok, Sid};
        {ok, _, _} -> none;
        {error, _} -> stray_sid(binary:part(Bytes, 0, min(?MAX_START, byte_size(Bytes))))
    end.

-spec stray_sid(binary()) -> {ok, binary()} | none.
stray_sid(Start) ->
    case re:run(Start, "\\ssid\\s*=\\s*[\"']([0-9A-Za-z_-]+)[\"']", [{capture, [1], binary}]) of
        {match, [Sid]} -> {ok, Sid};
        nomatch -> none
    end.

-spec to_session({ok, pid(), ecm_sid:nonce()} | error, ecm_c2s_session:request(), ecm_link_writer:exchange(),
                 ecm_link_table:in_flight(), options()) -> {elsewhere, Name :: binary()} | ok.
to_session({ok, Session, Nonce}, Request, Exchange, InFlight, Options) ->
    case node(Session) =:= node() andalso is_process_alive(Session) of
        true -> pass(Session, Nonce, Request, Exchange, InFlight);
        false -> to_place(ecm_c2s_place:find(Session, Nonce), Request, Exchange, InFlight, Options)
    end;
to_session(error, _, Exchange, _, _) ->
    ecm_stats:count({error, unknown_sid, other}),
    refuse(Exchange, <<"item-not-found">>).

%% The process of the SID is not one of this node that is alive. The session may have moved. ECM may reach a
%% node that this one has lost.
-spec to_place(ecm_c2s_place:place(), ecm_c2s_session:request(), ecm_link_writer:exchange(),
               ecm_link_table:in_flight(), options()) -> {elsewhere, Name :: binary()} | ok.
to_place({Session, Nonce}, Request, Exchange, InFlight, Options) ->
    Name = atom_to_binary(node(Session)),
    case node(Session) =/= node() andalso lists:member(Name, maps:get(reaches, Options, [])) of
        true -> {elsewhere, Name};
        false -> to_process(Session, Nonce, Request, Exchange, InFlight)
    end.

-spec to_process(pid(), ecm_sid:nonce(), ecm_c2s_session:request(), ecm_link_writer:exchange(),
                 ecm_link_table:in_flight()) -> ok.
to_process(Session, Nonce, Request, Exchange, InFlight) ->
    case ecm_link_table:is_dead(Session) of
        true -> ended(Session, Nonce, Exchange);
        false -> pass(Session, Nonce, Request, Exchange, InFlight)
    end.

-spec pass(pid(), ecm_sid:nonce(), ecm_c2s_session:request(), ecm_link_writer:exchange(),
           ecm_link_table:in_flight()) -> ok.
pass(Session, Nonce, Request, {_, Id, _} = Exchange, InFlight) ->
    ecm_link_table:add(Id, Session, InFlight),
    (handler(Session)):request(Session, Nonce, Request, Exchange).

%% Each node has the farewells of its own sessions, as long as it runs.
-spec ended(pid(), ecm_sid:nonce(), ecm_link_writer:exchange()) -> ok.
ended(Session, Nonce, Exchange) when node(Session) =:= node() ->
    ecm_stats:count({error, unknown_sid, other}),
    ecm_c2s_farewell:answer(Session, Nonce, Exchange);
ended(_, _, Exchange) ->
    refuse(Exchange, <<"item-not-found">>).

%% @doc Tells a session that a client which waited for an answer is gone, or may be.
-spec gone(pid(), ecm_link_writer:exchange(), ecm_link:departure()) -> ok.
gone(Session, Exchange, Departure) ->
    (handler(Session)):gone(Session, Exchange, Departure).

-spec handler(pid()) -> ecm_c2s | ecm_router_proxy.
handler(Session) when node(Session) =:= node() -> ecm_c2s;
handler(_) -> ecm_router_proxy.

%% Those of a session that is to begin.
-type chosen() :: #{key := fun(() -> ecm_sid:key()), newcomers := ecm_c2s_newcomers:limits(),
                    logins := ecm_c2s_logins:limits(), c2s := ecm_c2s_session:options(), atom() => term()}.

-spec choose(Secure :: boolean(), options()) -> chosen().
choose(Secure, #{c2s := Options} = All) -> All#{c2s := map_get(Secure, Options)}.

%% Has a session begin when it is its turn.
-spec newcomer(binary(), ecm_link_writer:exchange(), ecm_peer:peer(), ecm_link_table:in_flight(), chosen()) ->
    any().
newcomer(Body, {Writer, Id, _} = Exchange, Client, InFlight, #{logins := Limits} = Options) ->
    Start = fun(Turn) -> turn(Turn, Body, Exchange, Client, InFlight, Options) end,
    Newcomer = #{key => {Writer, Id}, from => Client, bytes => byte_size(Body), start => Start},
    Hears = fun(Pid) -> ecm_link_table:add(Id, Pid, InFlight) end,
    case ecm_c2s_logins:await_turn(Newcomer, Limits, Hears) of
        ok -> ok;
        error -> start(fun() -> begin_at_once(Body, Exchange, Client, InFlight, Options) end, Exchange)
    end.

%% The link must not wait, and must not fail when there are too many processes. A process for a moment has no
%% supervisor: if it fails, the link's table still names it, and the link drops its request.
-spec start(fun(() -> ok), ecm_link_writer:exchange()) -> any().
start(Open, Exchange) ->
    try
        spawn(Open)
    catch
        error:system_limit -> refuse(Exchange, <<"internal-server-error">>)
    end.

%% The table names the process that is to begin the session until there is one, in case there never is. If it does not
%% know the request any more, the client has gone while it waited.
-spec turn(begins | refused, binary(), ecm_link_writer:exchange(), ecm_peer:peer(), ecm_link_table:in_flight(),
           chosen()) -> any().
turn(begins, Body, {_, Id, _} = Exchange, Client, InFlight, Options) ->
    ecm_link_table:pass_on(Id, self(), InFlight) andalso open(Body, Exchange, Client, InFlight, Options);
turn(refused, _, Exchange, _, _, _) ->
    turn_away(Exchange).

-spec begin_at_once(binary(), ecm_link_writer:exchange(), ecm_peer:peer(), ecm_link_table:in_flight(),
                    chosen()) -> ok.
begin_at_once(Body, {_, Id, _} = Exchange, Client, InFlight, Options) ->
    ecm_link_table:add(Id, self(), InFlight),
    open(Body, Exchange, Client, InFlight, Options).

-spec open(binary(), ecm_link_writer:exchange(), ecm_peer:peer(), ecm_link_table:in_flight(), chosen()) -> ok.
open(Body, Exchange, Client, InFlight, #{newcomers := Limits} = Options) ->
    {ok, Head, Content} = ecm_bosh_body:head(Body),
    New = Head#{els => {unread, Content}, bytes => byte_size(Body)},
    case ecm_c2s_admission:enter(Client, Limits) of
        ok -> entered(read(New, Options), Exchange, Client, InFlight, Options);
        refused -> turn_away(Exchange)
    end.

%% Reads the stanzas, if there are no more than may be.
-spec read(new(), chosen()) -> {ok, ecm_bosh_body:body()} | {error, Condition :: binary(), new()}.
read(New, #{c2s := #{session := #{newcomer_limits := Limits}}}) ->
    case ecm_bosh_oversize:check(New, Limits) of
        #{els := {unread, Content}} -> with_els(ecm_bosh_body:els(Content), New);
        #{els := {exceeds, Limit}} ->
            ecm_c2s_admission:exceeded(Limit),
            {error, <<"policy-violation">>, New}
    end.

-spec with_els({ok, [ecm_bosh_body:xmlel()]} | {error, term()}, new()) ->
    {ok, ecm_bosh_body:body()} | {error, Condition :: binary(), new()}.
with_els({ok, Els}, New) -> {ok, New#{els := Els}};
with_els({error, _}, New) -> {error, <<"bad-request">>, New}.

-spec entered({ok, ecm_bosh_body:body()} | {error, Condition :: binary(), new()},
              ecm_link_writer:exchange(), ecm_peer:peer(), ecm_link_table:in_flight(), chosen()) -> ok.
entered({ok, Body}, {_, Id, _} = Exchange, Client, InFlight, #{key := Key, c2s := Options}) ->
    Session = ecm_c2s:start(Client, Options),
    ecm_c2s_admission:stay(Session, Client),
    ecm_c2s_logins:passed_on(Session),
    ecm_link_table:add(Id, Session, InFlight),
    ecm_c2s:open(Session, Body, Exchange, Key(), Options);
entered({error, Condition, New}, Exchange, _, _, _) ->
    refuse(Exchange, Condition, is_map_key(ver, New)).

%% Clients repeat a request after this status, with pauses. A plain link carries only the body.
-spec turn_away(ecm_link_writer:exchange()) -> ok.
turn_away({Writer, Id, _}) ->
    {_, Body} = ecm_bosh_answer:refusal(<<"policy-violation">>, true),
    ecm_link_writer:answer(Writer, Id, ?TRY_AGAIN, Body).

-spec refuse(ecm_link_writer:exchange(), Condition :: binary()) -> ok.
refuse(Exchange, Condition) ->
    answer(Exchange, ecm_bosh_answer:refusal(Condition)).

-spec refuse(ecm_link_writer:exchange(), Condition :: binary(), KnowsConditions :: boolean()) -> ok.
refuse(Exchange, Condition, KnowsConditions) ->
    answer(Exchange, ecm_bosh_answer:refusal(Condition, KnowsConditions)).

-spec answer(ecm_link_writer:exchange(), {ecm_bosh_answer:status(), Body :: binary()}) -> ok.
answer({Writer, Id, _}, {Status, Body}) ->
    ecm_link_writer:answer(Writer, Id, Status, Body).

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What still comes to the process of a session that goes on in another one, or later: it is passed on, or routed.
%% The process is no session of ejabberd any more, or has not become one.

-module(ecm_c2s_forward).

-export([for_session/3, pass_on/3, route/1, take/0, taken_back/2, told/2]).
-export([pass/4, route_rest/0]).
-export_type([late/0]).

%% Milliseconds for which a process passes on what still comes.
-define(LINGER, 5000).

%% Service Unavailable (RFC 9110, section 15.6.4): clients repeat a request after that.
-define(TRY_AGAIN, 503).

%% Milliseconds in which stanzas may still come to a process that has left the table of sessions, as ejabberd_c2s has
%% them.
-define(LATE, 100).

%% Messages that have come to a process, the oldest first.
-type late() :: [term()].

%% Why a question of a controller (ecm_c2s_transfer) cannot be answered.
-type reason() :: busy | moved | not_begun | ended.

%% @doc Takes all messages that are here.
-spec take() -> late().
take() ->
    receive
        {ecm_c2s_transfer, Controller, Ref, _} when is_pid(Controller) ->
            refuse(Controller, Ref, busy),
            take();
        Message -> [Message | take()]
    after 0 ->
        []
    end.

-spec refuse(pid(), reference(), reason()) -> any().
refuse(Controller, Ref, Reason) -> Controller ! {Ref, {error, Reason}}.

%% @doc Returns those of the messages that are for the session, which had another nonce in the other process.
-spec for_session(late(), Before :: ecm_sid:nonce(), ecm_sid:nonce()) -> late().
for_session(Late, Before, Nonce) ->
    [renamed(Before, Nonce, Message) || Message <- Late, is_for_session(Message)].

-spec renamed(ecm_sid:nonce(), ecm_sid:nonce(), Message) -> Message when Message :: term().
renamed(Before, Nonce, {ecm, {request, Before, Request, Exchange}}) -> {ecm, {request, Nonce, Request, Exchange}};
renamed(_, _, Message) -> Message.

%% The others are of the process itself: of its timers, monitors and links, and those that it has sent.
-spec is_for_session(term()) -> boolean().
is_for_session({timeout, _, _}) -> false;
is_for_session({'DOWN', _, _, _, _}) -> false;
is_for_session({system, _, _}) -> false;
is_for_session({'EXIT', _, _}) -> false;
is_for_session({ecm_c2s_transfer, too_late}) -> false;
is_for_session({ecm, Message}) -> is_tuple(Message);
is_for_session(_) -> true.

%% @doc Tells the writer of a request's link who answers, if this is one.
-spec told(Message :: term(), pid()) -> any().
told({ecm, {request, _, _, {Writer, Id, _}}}, To) -> ecm_link_writer:moved(Writer, Id, self(), To);
told(_, _) -> ok.

%% @doc Takes what has come to the calling process, which has this nonce, for another one.
-spec taken_back(ecm_c2s_place:place(), Own :: ecm_sid:nonce()) -> late().
taken_back({To, Nonce}, Own) ->
    Late = take(),
    lists:foreach(fun(Message) -> told(Message, To) end, Late),
    for_session(Late, Own, Nonce).

%% @doc Passes on for a while what comes, and ends. The requests of a client have the nonce of this process.
-spec pass_on(ecm_c2s_place:place(), Own :: ecm_sid:nonce(), moved | not_begun) -> no_return().
pass_on(To, Own, Reason) ->
    Due = erlang:start_timer(?LINGER, self(), ?MODULE),
    _ = erase(),
    proc_lib:hibernate(?MODULE, pass, [To, Own, Due, Reason]).

%% @private
-spec pass(ecm_c2s_place:place(), Own :: ecm_sid:nonce(), Timer :: reference(), moved | not_begun) -> ok.
pass(To, Own, Timer, Reason) ->
    receive
        {timeout, Timer, _} -> ok;
        Message ->
            pass_message(Message, To, Own, Reason),
            pass(To, Own, Timer, Reason)
    end.

-spec pass_message(term(), ecm_c2s_place:place(), ecm_sid:nonce(), moved | not_begun) -> any().
pass_message({ecm, {request, Other, _, Exchange}}, _, Own, _) when Other =/= Own ->
    ecm_c2s_farewell:answer(self(), Other, Exchange);
pass_message({ecm_c2s_transfer, Controller, Ref, _}, _, _, Reason) ->
    refuse(Controller, Ref, Reason);
pass_message(Message, {To, Nonce}, Own, _) ->
    told(Message, To),
    [To ! Passed || Passed <- for_session([Message], Own, Nonce)].

%% @doc Routes these messages and what still comes, and ends. The client of a request repeats it, and finds the session
%% then.
-spec route(late()) -> no_return().
route(Late) ->
    lists:foreach(fun route_anew/1, Late),
    _ = erase(),
    self() ! ?MODULE,  % without a message it would not go on
    proc_lib:hibernate(?MODULE, route_rest, []).

%% @private
-spec route_rest() -> ok.
route_rest() ->
    receive
        Message ->
            route_anew(Message),
            route_rest()
    after ?LATE ->
        ok
    end.

-spec route_anew(term()) -> any().
route_anew({route, Packet}) -> ejabberd_router:route(Packet);
route_anew({ecm, {request, _, _, {Writer, Id, _}}}) ->
    {_, Body} = ecm_bosh_answer:recoverable(),  % a plain link carries only that
    ecm_link_writer:answer(Writer, Id, ?TRY_AGAIN, Body);
route_anew({ecm_c2s_transfer, Controller, Ref, _}) -> refuse(Controller, Ref, ended);
route_anew(_) -> ok.

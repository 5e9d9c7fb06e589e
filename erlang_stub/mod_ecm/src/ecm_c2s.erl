%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A session as ejabberd and the router see it: the hooks of ejabberd's c2s processes, and the messages
%% to a session.
%%
%% A session is one process, ejabberd's own c2s process:
%%
%%     ecm_router --> {ecm, Message} --> handle_info/2 --> ecm_c2s_session --> stanzas to the process
%%     ecm_link_writer <-------- answers ----------------- ecm_c2s_session <-- stanzas of the process

-module(ecm_c2s).

-export([add_hooks/0, gone/3, open/5, request/4, start/2]).
-export([auth_result/3, handle_info/2, host_up/1, opened/1, stopping/0]).

%% The state of ejabberd_c2s.
-type state() :: map().

%% From the router.

%% @doc Starts the process of a session.
-spec start(Client :: ecm_peer:peer(), ecm_c2s_session:options()) -> pid().
start(Client, #{c2s := Opts}) ->
    ecm_c2s_socket:start(ecm_peer:address(Client), Opts).

%% @doc Begins the session, with the body that asks for it.
-spec open(pid(), ecm_bosh_body:body(), ecm_link_writer:exchange(), ecm_sid:key(),
           ecm_c2s_session:options()) -> ok.
open(Session, Body, Exchange, Key, Options) ->
    ok = ejabberd_c2s:accept(Session),
    Session ! {ecm, {open, Body, Exchange, Key, Options}},
    ok.

%% @doc Passes on a request.
-spec request(pid(), ecm_sid:nonce(), ecm_c2s_session:request(), ecm_link_writer:exchange()) -> ok.
request(Session, Nonce, Request, Exchange) ->
    Session ! {ecm, {request, Nonce, Request, Exchange}},
    ok.

%% @doc Tells that the client of a request is gone: nothing can be sent to it there any more. Or that the
%% client has half-closed its connection: nothing that waits is sent to it there.
-spec gone(pid(), ecm_link_writer:exchange(), ecm_link:departure()) -> ok.
gone(Session, Exchange, Departure) ->
    Session ! {ecm, {Departure, Exchange}},
    ok.

%% From ejabberd's hooks.

%% @doc Adds the hooks of the node, and of hosts that are yet to come. Idempotent, as host_up/1 is.
-spec add_hooks() -> ok.
add_hooks() ->
    ejabberd_hooks:add(host_up, ?MODULE, host_up, 50),
    ejabberd_hooks:add(ejabberd_stopping, ?MODULE, stopping, 50),
    ok.

%% @private ejabberd stops. No new sessions begin, and those that are there end.
-spec stopping() -> ok.
stopping() ->
    ecm_link_gate:close(),
    ecm_c2s_stop:end_all().

%% @doc Adds the hooks of a host: before those of mod_stream_mgmt and others.
-spec host_up(Host :: binary()) -> ok.
host_up(Host) ->
    ejabberd_hooks:add(c2s_handle_info, Host, ?MODULE, handle_info, 10),
    ejabberd_hooks:add(c2s_auth_result, Host, ?MODULE, auth_result, 50),
    ejabberd_hooks:add(c2s_session_opened, Host, ?MODULE, opened, 95),
    ejabberd_hooks:add(c2s_session_resumed, Host, ?MODULE, opened, 95),
    ecm_c2s_end:host_up(Host),
    ecm_c2s_offline:host_up(Host),
    ecm_c2s_unacked:host_up(Host),
    ecm_c2s_sasl2:host_up(Host).

%% @private The messages to the process of any session of ejabberd. This takes those of ours.
-spec handle_info(state(), term()) -> state() | {stop, state()}.
handle_info(#{server := Server, lang := Lang} = State, {ecm, restart}) ->
    ecm_c2s_session:restart_stream(Server, Lang),
    {stop, State};
handle_info(State, {ecm, Message}) ->
    handled(Message, ecm_c2s_process:kind(), State);
handle_info(State, {ecm_stream, Event}) ->
    handled(Event, ecm_c2s_process:kind(), State);
handle_info(State, {timeout, Key, ecm}) ->
    Kind = ecm_c2s_process:kind(),
    Kind:timeout(Key),
    Kind:maybe_hibernate(State),
    {stop, State};
handle_info(State, {ecm_c2s_transfer, Controller, Ref, Question}) ->
    {stop, ecm_c2s_transfer:handle({Controller, Ref, Question}, State)};
handle_info(State, {ecm_inspect, From, Ref}) ->
    inspected(ecm_c2s_process:is_session(), From, Ref, State);
handle_info(State, {'EXIT', _, Reason}) ->
    signalled(ecm_c2s_process:is_session(), Reason, State);
handle_info(State, ecm_fetch) ->
    {stop, ecm_c2s_offline:fetch(State)};
handle_info(State, {'$gen_event', {xmlstreamstart, _, _}}) ->
    ignore_restart(ecm_c2s_process:is_session(), State);
handle_info(#{stream_state := disconnected} = State, {route, Packet}) ->
    after_close(Packet, ecm_c2s_process:is_session(), State);
handle_info(State, _) ->
    _ = ecm_c2s_process:is_session() andalso (ecm_c2s_process:kind()):schedule_flush(),
    State.

-spec handled(Message :: term(), ecm_c2s_process:kind(), state()) -> {stop, state()}.
handled(Message, Kind, State) ->
    Kind:handle(Message),
    Kind:maybe_hibernate(State),
    {stop, State}.

%% Nobody else sends such a message, so that no other session of ejabberd should know it.
-spec inspected(IsSession :: boolean(), pid(), reference(), state()) -> {stop, state()}.
inspected(false, From, Ref, State) ->
    From ! {Ref, none},
    {stop, State};
inspected(true, From, Ref, State) ->
    Kind = ecm_c2s_process:kind(),
    From ! {Ref, ecm_c2s_facts:of_session(Kind:facts(), State)},
    Kind:maybe_hibernate(State),
    {stop, State}.

%% A session that has begun traps exits: whoever ends it, short of killing it, leaves it the time to send on what
%% it has.
-spec signalled(IsSession :: boolean(), Reason :: term(), state()) -> state() | {stop, state()}.
signalled(false, _, State) ->
    State;
signalled(true, normal, State) ->
    {stop, State};
signalled(true, _, State) ->
    ejabberd_c2s:stop_async(self()),
    {stop, State}.

%% The stanza came before the session was removed from those of the user. It goes where what waits goes.
-spec after_close(tuple(), IsSession :: boolean(), state()) -> state() | {stop, state()}.
after_close(Packet, true, State)
  when not is_map_key(mgmt_state, State); map_get(mgmt_state, State) =:= inactive ->
    (ecm_c2s_process:kind()):keep(Packet),
    {stop, State};
after_close(_, _, State) -> State.

%% The client asks for a restart in a state of the stream in which there is nothing to restart.
-spec ignore_restart(IsSession :: boolean(), state()) -> state() | {stop, state()}.
ignore_restart(false, State) -> State;
ignore_restart(true, State) -> {stop, State}.

%% @private The client of any session of ejabberd has tried to log in.
-spec auth_result(state(), true | {false, term()}, User :: binary()) -> state().
auth_result(State, true, _) ->
    _ = ecm_c2s_process:is_session() andalso logged_in(),
    State;
auth_result(State, _, _) ->
    _ = ecm_c2s_process:is_session() andalso login_failed(),
    State.

-spec login_failed() -> ok.
login_failed() ->
    ecm_stats:count(logins_failed),
    ecm_stats:error(auth, (ecm_c2s_process:kind()):client()).

-spec logged_in() -> ok.
logged_in() ->
    (ecm_c2s_process:kind()):logged_in(),
    ecm_stats:count(logins_ok),
    ecm_c2s_admission:leave().

%% @private The client of any session of ejabberd has a resource: nothing of its login is left to do.
-spec opened(state()) -> state().
opened(State) ->
    case ecm_c2s_process:is_session() of
        true ->
            ecm_stats:count(online),
            ecm_c2s_logins:done(),
            ok = ecm_c2s_socket:unwatch(State),
            (ecm_c2s_process:kind()):opened(State);
        false ->
            State
    end.

%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc For the tests: a session of ejabberd_bosh, in the state in which a user is logged in. Its
%% code is ejabberd's own; there is nothing around it.

-module(ecm_session).

-export([ask/2, loop/2, send/2, start/1, stop/1, timers/1]).

%% The record `state' of ejabberd_bosh.
-record(state, {host, sid, el_ibuf, el_obuf, shaper_state, c2s_pid, xmpp_ver, inactivity_timer,
                wait_timer, wait_timeout, inactivity_timeout, prev_rid, prev_key, prev_poll,
                max_concat, responses, receivers, shaped_receivers, ip, max_requests}).

%% @doc Starts a session that has answered the request with `Rid', and holds the next one for an
%% hour.
start(Rid) ->
    Queue = p1_queue:new(),
    State = #state{host = <<"chat.example">>, sid = <<"session">>, el_ibuf = Queue,
                   el_obuf = Queue, shaper_state = none, xmpp_ver = <<"1.0">>,
                   wait_timeout = 3600, inactivity_timeout = 3600, prev_rid = Rid,
                   prev_key = <<>>, max_concat = unlimited, responses = gb_trees:empty(),
                   receivers = gb_trees:empty(), shaped_receivers = Queue, max_requests = 2},
    proc_lib:spawn(?MODULE, loop, [active, State]).

%% @private
loop(Name, State) ->
    p1_fsm:enter_loop(ejabberd_bosh, [], Name, State).

stop(Session) ->
    exit(Session, kill).

%% @doc Gives it a request without stanzas, and returns those in its answer.
ask(Session, Rid) ->
    {body, _, _, Stanzas, _} =
        p1_fsm:sync_send_event(Session, {body, <<>>, [{rid, Rid}], [], 100}, infinity),
    Stanzas.

%% @doc A stanza for the client.
send(Session, Stanza) ->
    ok = p1_fsm:sync_send_all_state_event(Session, {send_xml, Stanza}).

%% @doc Returns which timers run: those of the time the client wants to wait, and of inactivity.
timers(Session) ->
    State = state(Session),
    {is_timer(State#state.wait_timer), is_timer(State#state.inactivity_timer)}.

is_timer(undefined) -> false;
is_timer(Timer) -> is_integer(erlang:read_timer(Timer)).

state(Session) ->
    lists:nth(3, sys:get_state(Session)).

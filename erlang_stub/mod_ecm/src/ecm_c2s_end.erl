%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The end of a session in ejabberd: hooks that send each stanza on which the session still has, in the
%% order in which it has got them.
%%
%% 1. What the client has sent is sent, since it may have been told that it has arrived: a request may be
%%    answered before the process has handled its stanzas, which go through the mailbox (received/3, leaving/2).
%% 2. ejabberd_sm forgets the session. In this moment, what the client may not have received is routed, and
%%    then what is in the mailbox (forgotten/3): a moment later others would overtake it. Meanwhile those who store
%%    messages for the user wait, and the user's next session (ecm_c2s_offline).
%% 3. What has come late is routed, and clients are told (terminated/2). Nobody waits for it: ejabberd waits a tenth
%%    of a second for more in between.

-module(ecm_c2s_end).

-export([because/1, host_up/1, online/2]).
-export([forgotten/3, leaving/2, received/3, terminated/2]).

%% The state of ejabberd_c2s.
-type state() :: map().

-define(CLIENT, <<"jabber:client">>).

%% The places of the hooks: before and after that of ejabberd_c2s, and after that of mod_stream_mgmt.
-define(BEFORE, 95).
-define(AFTER, 110).

%% Why the session ends, in the dictionary of its process.
-define(BECAUSE, ecm_c2s_end_because).

%% @doc Adds the hooks of a host. Idempotent.
-spec host_up(Host :: binary()) -> ok.
host_up(Host) ->
    ejabberd_hooks:add(c2s_handle_recv, Host, ?MODULE, received, 60),
    ejabberd_hooks:add(c2s_terminated, Host, ?MODULE, leaving, ?BEFORE),
    ejabberd_hooks:add(c2s_terminated, Host, ?MODULE, terminated, ?AFTER),
    ejabberd_hooks:add(sm_remove_connection_hook, Host, ?MODULE, forgotten, 50),
    ok.

%% @private A stanza of the client has its turn. After the end of the stream ejabberd drops it.
%%
%% Once the session goes on in another process (XEP-0198), the client has been told what has arrived, and sends the
%% rest again: this is what was still on its way, and is dropped.
-spec received(state(), ecm_bosh_body:xmlel(), Decoded :: term()) -> state().
received(#{mgmt_state := resumed} = State, _, _) ->
    case ecm_c2s_process:is_session() of
        true -> State#{stream_state := disconnected};
        false -> State
    end;
received(#{stream_state := disconnected} = State, Element, _) ->
    _ = ecm_c2s_process:is_session() andalso not ecm_c2s_stream:has_failed() andalso send(Element, State),
    State;
received(State, _, _) ->
    State.

%% @private The session ends, and is still known.
-spec leaving(state(), Reason :: term()) -> state().
leaving(#{jid := _} = State, _) ->
    _ = ecm_c2s_process:is_session() andalso leave(State),
    State;
leaving(State, _) ->
    State.

-spec leave(state()) -> ok.
leave(#{jid := Jid} = State) ->
    _ = ecm_c2s_stream:has_failed() orelse send_rest(State),
    put(?MODULE, ecm_c2s_undelivered:stanzas((ecm_c2s_process:kind()):undelivered(), State)),
    ecm_c2s_offline:ends(Jid).

-spec send_rest(state()) -> ok.
send_rest(State) ->
    receive
        {'$gen_event', {xmlstreamelement, Element}} ->
            send(Element, State),
            send_rest(State)
    after 0 ->
        ok
    end.

%% Only messages matter once the session ends.
-spec send(ecm_bosh_body:xmlel(), state()) -> any().
send({xmlel, <<"message">>, _, _} = Element, #{jid := Jid} = State) ->
    try xmpp:decode(Element, ?CLIENT, [ignore_els]) of
        Message -> ejabberd_c2s:handle_authenticated_packet(addressed(Message, Jid), State)
    catch
        error:{xmpp_codec, _} -> ok
    end;
send(_, _) ->
    ok.

-spec addressed(Message, jid:jid()) -> Message when Message :: tuple().
addressed(Message, Jid) ->
    case xmpp:get_to(Message) of
        undefined -> xmpp:set_from_to(Message, Jid, jid:remove_resource(Jid));
        To -> xmpp:set_from_to(Message, Jid, To)
    end.

%% @private ejabberd_sm has forgotten a session of the calling process, or another one.
-spec forgotten({erlang:timestamp(), pid()}, jid:jid(), Info :: list()) -> ok.
forgotten({_, Process}, Jid, _) when Process =:= self() ->
    route(erase(?MODULE)),
    ecm_c2s_offline:ended(Jid);
forgotten(_, _, _) ->
    ok.

-spec route([ecm_bosh_outbox:el()] | undefined) -> ok.
route(undefined) ->
    ok;
route(Elements) ->
    ecm_c2s_undelivered:route(Elements),
    route_rest().

-spec route_rest() -> ok.
route_rest() ->
    receive
        {route, Stanza} ->
            ecm_c2s_offline:route(Stanza),
            route_rest()
    after 0 ->
        ok
    end.

%% @doc Notes why the session ends, for the numbers of the node. What is known first counts.
-spec because(ecm_stats:reason() | unknown) -> ok.
because(unknown) ->
    ok;
because(Reason) ->
    _ = get(?BECAUSE) =:= undefined andalso put(?BECAUSE, Reason),
    ok.

%% What ejabberd says of a stream that has ended: this side has ended it, or the client, or its connection. It notes
%% that in the state; the process itself stops for no reason of its own then.
-spec reason(state(), Stopped :: term()) -> ecm_stats:reason().
reason(State, Stopped) ->
    reason(maps:get(stop_reason, State, Stopped)).

-spec reason(term()) -> ecm_stats:reason().
reason({stream, {out, Error}}) -> by_error(element(2, Error));
reason({stream, {in, _}}) -> stream_error;
reason({stream, _}) -> terminate;
reason({socket, _}) -> closed;
reason(_) -> other.

-spec by_error(term()) -> ecm_stats:reason().
by_error(conflict) -> replaced;
by_error('system-shutdown') -> shutdown;
by_error('policy-violation') -> policy;
by_error('connection-timeout') -> inactivity;  % to resume its stream, or to log in
by_error(_) -> stream_error.

%% @doc Counts a session that is on this node from now on, or not any more, if its client has logged in.
-spec online(1 | -1, state()) -> ok.
online(By, #{resource := _}) -> ecm_stats:count(online, By);
online(_, _) -> ok.

-spec count(state(), Reason :: term()) -> ok.
count(State, Reason) ->
    ok = online(-1, State),
    case get(?BECAUSE) of
        undefined -> ecm_stats:ended(reason(State, Reason));
        Noted -> ecm_stats:ended(Noted)
    end.

%% @private The session is over for ejabberd.
-spec terminated(state(), Reason :: term()) -> state().
terminated(State, Reason) ->
    case ecm_c2s_process:is_session() of
        true ->
            count(State, Reason),
            ecm_c2s_stop:leave(State),
            route(erase(?MODULE)),
            route_rest(),
            _ = [ecm_c2s_offline:ended(Jid) || #{jid := Jid} <- [State]],
            (ecm_c2s_process:kind()):finish();
        false ->
            ok
    end,
    State.

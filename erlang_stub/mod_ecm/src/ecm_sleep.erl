%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc How the process of a session sleeps: it hibernates, with its state packed (ecm_pack). Awake,
%% a session has its whole state, so that nothing but this module knows of that.
%%
%% Most of what a session is woken for needs no state of ejabberd_c2s: an empty poll, or the end of
%% one. It is dealt with half asleep, and only what is left wakes the session up.

-module(ecm_sleep).

-export([sleep/2, wake/2]).

%% @doc Hibernates until there is a message, and goes on as p1_server would have. Does not return,
%% unless the process is `unfit' to sleep, as it has no session yet, or `busy'. `Limits' are options
%% of p1_server.
%%
%% What p1_server has taken from the mailbox and not dealt with yet would be lost, as well as its
%% debug options and its time-out, which the process has until the session is established. The seed
%% of random numbers goes, too; there is another one when one is needed.
-spec sleep(map(), Limits :: [{max_queue, pos_integer()}]) -> unfit | busy | no_return().
sleep(#{stream_state := established, stream_timeout := infinity} = State, Limits) ->
    case get('$internal_queue_len') =:= 0 andalso has_no_message() of
        true ->
            _ = erase(rand_seed),
            hibernate(packed(State, erase(?MODULE)), proplists:get_value(max_queue, Limits));
        false ->
            busy
    end;
sleep(_, _) ->
    unfit.

-spec has_no_message() -> boolean().
has_no_message() ->
    process_info(self(), message_queue_len) =:= {message_queue_len, 0}.

-spec hibernate(ecm_pack:packed(), pos_integer() | undefined) -> no_return().
hibernate(Packed, MaxQueue) ->
    proc_lib:hibernate(?MODULE, wake, [Packed, MaxQueue]).

%% What is as it was when the session woke up is not packed again.
-spec packed(map(), {map(), ecm_pack:packed()} | undefined) -> ecm_pack:packed().
packed(State, {State, Packed}) -> Packed;
packed(State, _) -> ecm_pack:pack(State).

%% @private The limits are in a record of p1_server.
-spec wake(ecm_pack:packed(), MaxQueue :: pos_integer() | undefined) -> no_return().
wake(Packed, MaxQueue) ->
    ecm_c2s:doze(),
    case has_no_message() of
        true ->
            hibernate(Packed, MaxQueue);
        false ->
            State = ecm_pack:unpack(Packed),
            put(?MODULE, {State, Packed}),
            p1_server:wake_hib(self(), self(), State, xmpp_stream_in, [], {limits, MaxQueue})
    end.

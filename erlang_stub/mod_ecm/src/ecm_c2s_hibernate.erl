%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc How the process of a session sleeps: it hibernates, with its state packed (ecm_c2s_pack), and
%% what is in its dictionary in fewer words. Awake, a session has all of it as it was.
%%
%% Most of what a session is woken for needs no state of ejabberd_c2s: an empty poll, or the end of
%% one. It is dealt with half asleep, and only what is left wakes the session up.

-module(ecm_c2s_hibernate).

-export([sleep/2, wake/1]).
-export_type([asleep/0]).

%% What the process of each session was started with, in the words of proc_lib.
-define(INITIAL_CALL, {xmpp_stream_in, init, 1}).

%% In this order: the packed state, how many messages may wait, the dictionary, and the session as
%% ecm_c2s has it. A tuple takes half of what a list of the same would.
-type asleep() :: tuple().

%% The dictionary without the session: of what is usual in it, only the process that has started
%% this one is not the same for all.
-type dictionary() :: pid() | [{term(), term()}].

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

%% A dictionary takes memory of its own, so there is none.
-spec hibernate(ecm_c2s_pack:packed(), pos_integer() | undefined) -> no_return().
hibernate(Packed, MaxQueue) ->
    Session = ecm_c2s:asleep(),
    Asleep = list_to_tuple([Packed, MaxQueue, short(lists:sort(erase())) | Session]),
    proc_lib:hibernate(?MODULE, wake, [Asleep]).

-spec short([{term(), term()}]) -> dictionary().
short([{'$ancestors', [Parent]}, {'$initial_call', ?INITIAL_CALL}, {'$internal_queue_len', 0}])
  when is_pid(Parent) ->
    Parent;
short(Dictionary) ->
    Dictionary.

-spec put_all(dictionary()) -> ok.
put_all(Parent) when is_pid(Parent) ->
    put('$initial_call', ?INITIAL_CALL),
    put('$ancestors', [Parent]),
    put('$internal_queue_len', 0),
    ok;
put_all(Dictionary) ->
    lists:foreach(fun({Key, Value}) -> put(Key, Value) end, Dictionary).

%% What is as it was when the session woke up is not packed again.
-spec packed(map(), {map(), ecm_c2s_pack:packed()} | undefined) -> ecm_c2s_pack:packed().
packed(State, {State, Packed}) -> Packed;
packed(State, _) -> ecm_c2s_pack:pack(State).

%% @private The limits are in a record of p1_server.
-spec wake(asleep()) -> no_return().
wake(Asleep) ->
    [Packed, MaxQueue, Dictionary | Session] = tuple_to_list(Asleep),
    put_all(Dictionary),
    ecm_c2s:awake(Session),
    ecm_c2s:doze(),
    case has_no_message() of
        true ->
            hibernate(Packed, MaxQueue);
        false ->
            State = ecm_c2s_pack:unpack(Packed),
            put(?MODULE, {State, Packed}),
            p1_server:wake_hib(self(), self(), State, xmpp_stream_in, [], {limits, MaxQueue})
    end.

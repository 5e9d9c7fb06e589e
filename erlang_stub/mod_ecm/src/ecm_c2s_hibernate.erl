%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Hibernation of a session's process: its state is packed (ecm_c2s_pack), and its dictionary takes
%% fewer words. A process that wakes up finds both as they were.
%%
%% Most wake-ups need no state of ejabberd_c2s: an empty poll, or the end of one. The callback module
%% handles these first, and only what is left has the state unpacked.

-module(ecm_c2s_hibernate).

-export([hibernate/3, wake/2]).
-export_type([dehydrated/0]).

%% Takes the session out of the dictionary of the process, in fewer words of memory; puts it back; and
%% handles the messages that are here, as far as they need no state.
-callback dehydrate() -> [term()].
-callback rehydrate([term()]) -> ok.
-callback handle_pending() -> ok.

%% Where the process goes on when there is a message: calls wake/2, with the module itself. So the callback
%% module takes no memory of a process that hibernates.
-callback wake(dehydrated()) -> no_return().

%% The module of the session's socket, for xmpp_socket.
-callback socket_module() -> module().

%% What proc_lib notes of the start of each session's process.
-define(INITIAL_CALL, {xmpp_stream_in, init, 1}).

%% In this order: the packed state, the maximum of messages that may wait, the dictionary, and the session
%% as the callback module returns it. A tuple takes half the memory of a list.
-type dehydrated() :: tuple().

%% The dictionary without the session. Of its usual content, only the parent differs between processes.
-type dictionary() :: pid() | [{term(), term()}].

%% @doc Hibernates until there is a message, and goes on as p1_server would have. Returns only if the
%% process is `unfit' for it, because its session is not established, or `busy'. `Limits' are options of
%% p1_server.
%%
%% Messages that p1_server has taken from the mailbox and not handled would be lost, as well as its debug
%% options and its timeout, which the process has until the session is established. The seed of random
%% numbers is dropped; the next use makes another one.
-spec hibernate(map(), Limits :: [{max_queue, pos_integer()}], Callback :: module()) ->
    unfit | busy | no_return().
hibernate(#{stream_state := established, stream_timeout := infinity} = State, Limits, Callback) ->
    case get('$internal_queue_len') =:= 0 andalso has_no_message() of
        true ->
            _ = erase(rand_seed),
            Packed = packed(State, erase(?MODULE), Callback),
            dehydrate(Packed, proplists:get_value(max_queue, Limits), Callback);
        false ->
            busy
    end;
hibernate(_, _, _) ->
    unfit.

-spec has_no_message() -> boolean().
has_no_message() ->
    process_info(self(), message_queue_len) =:= {message_queue_len, 0}.

%% The dictionary is empty then, because one takes memory of its own.
-spec dehydrate(ecm_c2s_pack:packed(), pos_integer() | undefined, Callback :: module()) -> no_return().
dehydrate(Packed, MaxQueue, Callback) ->
    Session = Callback:dehydrate(),
    Dehydrated = list_to_tuple([Packed, MaxQueue, short(lists:sort(erase())) | Session]),
    proc_lib:hibernate(Callback, wake, [Dehydrated]).

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

%% A state that has not changed since the session woke up is not packed again.
-spec packed(map(), {map(), ecm_c2s_pack:packed()} | undefined, Callback :: module()) ->
    ecm_c2s_pack:packed().
packed(State, {State, Packed}, _) -> Packed;
packed(State, _, Callback) -> ecm_c2s_pack:pack(State, Callback:socket_module()).

%% @doc Wakes up. The limits are in a record of p1_server.
-spec wake(dehydrated(), Callback :: module()) -> no_return().
wake(Dehydrated, Callback) ->
    [Packed, MaxQueue, Dictionary | Session] = tuple_to_list(Dehydrated),
    put_all(Dictionary),
    Callback:rehydrate(Session),
    Callback:handle_pending(),
    case has_no_message() of
        true ->
            dehydrate(Packed, MaxQueue, Callback);
        false ->
            State = ecm_c2s_pack:unpack(Packed, Callback:socket_module()),
            put(?MODULE, {State, Packed}),
            p1_server:wake_hib(self(), self(), State, xmpp_stream_in, [], {limits, MaxQueue})
    end.

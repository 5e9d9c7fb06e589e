%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Hibernation of a session's process: the state of ejabberd_c2s and what ejabberd has in the dictionary
%% are packed (ecm_c2s_pack), and the rest takes fewer words. A process that wakes up for ejabberd finds all
%% as it was.
%%
%% Most wake-ups need no state of ejabberd_c2s: an empty poll, or the end of one. The callback module
%% handles these first, and only what is left has the state unpacked.

-module(ecm_c2s_hibernate).

-export([hibernate/3, rest/0, wake/2]).
-export_type([dehydrated/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Takes the session out of the dictionary of the process, in fewer words of memory; puts it back; and
%% handles the messages that are here, as far as they need no state.
-callback dehydrate() -> [term()].
-callback rehydrate([term()]) -> ok.
-callback handle_pending() -> ok.

%% Has the process hibernate again once the messages that are here are handled, by a message to itself. No
%% hook sees some of ejabberd's messages: calls, casts, those of sys.
-callback schedule_flush() -> ok.

%% Where the process goes on when there is a message: calls wake/2, with the module itself. So the callback
%% module takes no memory of a process that hibernates.
-callback wake(dehydrated()) -> no_return().

%% The module of the session's socket, for xmpp_socket.
-callback socket_module() -> module().

%% What proc_lib notes of the start of each session's process.
-define(INITIAL_CALL, {xmpp_stream_in, init, 1}).

%% Bytes of a packed state that are packed and unpacked in less than a millisecond.
-define(SMALL, 65536).

%% In this order: the packed state, the maximum of messages that may wait, the dictionary, and the session
%% as the callback module returns it. A tuple takes half the memory of a list.
-type dehydrated() :: tuple().

%% The dictionary without the session and without what is packed. Of its usual content, only the parent
%% differs between processes.
-type dictionary() :: pid() | ecm_c2s_pack:dictionary().

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
            Unpacked = erase(?MODULE),
            Session = Callback:dehydrate(),
            Usual = take_usual(),
            Packed = packed(State, lists:sort(erase()), Unpacked, Callback),
            sleep(Packed, proplists:get_value(max_queue, Limits), Usual, Session, Callback);
        false ->
            busy
    end;
hibernate(_, _, _) ->
    forget_packed(),
    unfit.

%% A session that waits for its client without a stream (XEP-0198) does not hibernate any more. Of its packed state,
%% which may be long, only the rest counts.
-spec forget_packed() -> ok.
forget_packed() ->
    _ = case rest() of
            0 -> erase(?MODULE);
            Milliseconds -> put(?MODULE, Milliseconds)
        end,
    ok.

-spec has_no_message() -> boolean().
has_no_message() ->
    process_info(self(), message_queue_len) =:= {message_queue_len, 0}.

%% The dictionary is empty then, because one takes memory of its own.
-spec sleep(ecm_c2s_pack:packed(), pos_integer() | undefined, dictionary(), Session :: [term()],
            Callback :: module()) -> no_return().
sleep(Packed, MaxQueue, Dictionary, Session, Callback) ->
    Dehydrated = list_to_tuple([Packed, MaxQueue, Dictionary | Session]),
    proc_lib:hibernate(Callback, wake, [Dehydrated]).

%% Takes out of the dictionary what proc_lib and p1_server have there.
-spec take_usual() -> dictionary().
take_usual() ->
    case [{Key, erase(Key)} || Key <- ['$ancestors', '$initial_call', '$internal_queue_len']] of
        [{_, [Parent]}, {_, ?INITIAL_CALL}, {_, 0}] when is_pid(Parent) -> Parent;
        Pairs -> [Pair || {_, Value} = Pair <- Pairs, Value =/= undefined]
    end.

-spec put_all(dictionary()) -> ok.
put_all(Parent) when is_pid(Parent) ->
    put('$initial_call', ?INITIAL_CALL),
    put('$ancestors', [Parent]),
    put('$internal_queue_len', 0),
    ok;
put_all(Pairs) ->
    lists:foreach(fun({Key, Value}) -> put(Key, Value) end, Pairs).

%% What has not changed since the session woke up is not packed again.
-spec packed(map(), ecm_c2s_pack:dictionary(), Unpacked, Callback :: module()) ->
    ecm_c2s_pack:packed() when
      Unpacked :: {map(), ecm_c2s_pack:dictionary(), ecm_c2s_pack:packed()} | Rest :: pos_integer() | undefined.
packed(State, Dictionary, {State, Dictionary, Packed}, _) -> Packed;
packed(State, Dictionary, _, Callback) ->
    ecm_c2s_pack:pack(State, Dictionary, Callback:socket_module()).

%% @doc Returns the milliseconds for which a session is to do nothing before it hibernates again: to pack and unpack
%% takes time in proportion to the state, which its client can make long (directed presences), and each message would.
-spec rest() -> non_neg_integer().
rest() ->
    case get(?MODULE) of
        {_, _, [_ | Packed]} when is_binary(Packed), byte_size(Packed) > ?SMALL -> byte_size(Packed) div 1024;
        Milliseconds when is_integer(Milliseconds) -> Milliseconds;
        _ -> 0
    end.

%% @doc Wakes up. The limits are in a record of p1_server.
-spec wake(dehydrated(), Callback :: module()) -> no_return().
wake(Dehydrated, Callback) ->
    [Packed, MaxQueue, Dictionary | Session] = tuple_to_list(Dehydrated),
    put_all(Dictionary),
    Callback:rehydrate(Session),
    handle_pending(Callback),
    case has_no_message() of
        true ->
            Left = Callback:dehydrate(),
            sleep(Packed, MaxQueue, with_rest(take_usual(), erase()), Left, Callback);
        false ->
            {State, Rest} = ecm_c2s_pack:unpack(Packed, Callback:socket_module()),
            put_all(Rest),
            put(?MODULE, {State, Rest, Packed}),
            Callback:schedule_flush(),
            p1_server:wake_hib(self(), self(), State, xmpp_stream_in, [], {limits, MaxQueue})
    end.

%% A failure here would end the process at once, with all that its client has not received. So it ends the
%% session, as one that p1_server sees does.
-spec handle_pending(Callback :: module()) -> ok.
handle_pending(Callback) ->
    try
        Callback:handle_pending()
    catch
        Class:Reason:Stack ->
            ?ERROR_MSG("ECM session failed, and ends:~n** ~ts",
                       [misc:format_exception(2, Class, Reason, Stack)]),
            ejabberd_c2s:stop_async(self())
    end.

%% What a hook has put into the dictionary meanwhile stays, until the state is packed the next time.
-spec with_rest(dictionary(), ecm_c2s_pack:dictionary()) -> dictionary().
with_rest(Usual, []) ->
    Usual;
with_rest(Parent, Rest) when is_pid(Parent) ->
    with_rest([{'$ancestors', [Parent]}, {'$initial_call', ?INITIAL_CALL}, {'$internal_queue_len', 0}],
              Rest);
with_rest(Pairs, Rest) ->
    Pairs ++ lists:keydelete(rand_seed, 1, Rest).

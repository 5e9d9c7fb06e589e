%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process of a session, which is one of ejabberd_c2s with a session in its dictionary: which module has the
%% rules of the session, and what the process may take before and after the login.
%%
%% There are sessions over BOSH (ecm_c2s_session) and over streams (ecm_stream_session). Hooks of ejabberd are the
%% same for both; what differs is asked of the module.

-module(ecm_c2s_process).

-export([is_session/0, is_session/1, kind/0, kind/1, logged_in/0, newcomer/0, taken_over/1]).
-export_type([kind/0]).

%% What the module of a session is asked. This is not declared as behaviour there, because ejabberd's installer
%% compiles each module without the others, and the compiler would warn.

%% A message that the hooks know as one for a session, and one of its timer.
-callback handle(term()) -> ok.
-callback timeout(ecm_c2s_timer:key()) -> ok.

%% Hibernates if the session has been idle for long enough. Returns if it has not, or cannot now.
-callback maybe_hibernate(State :: map()) -> ok.

%% Has the process send itself a message, and handle then what waits until all messages that are here are handled.
-callback schedule_flush() -> ok.

%% The client has logged in; and it has a resource: returns the state that ejabberd_c2s goes on with.
-callback logged_in() -> ok.
-callback opened(State) -> State when State :: map().

%% The kind of the client, for statistics; and what operators may want to know of the session.
-callback client() -> ecm_stats:client().
-callback facts() -> #{atom() => term()}.

%% What the login of the client may be bound to, if anything (`tls-exporter', RFC 9266).
-callback binding() -> none | binary().

%% Bytes of stanzas that may wait for the client.
-callback max_waiting_size() -> pos_integer().

%% A stanza came too late for the client, and is routed with what is undelivered: what the client may not have
%% received, the oldest first. Then the session is over, and tells its client.
-callback keep(Packet :: tuple()) -> ok.
-callback undelivered() -> [ecm_bosh_outbox:el()].
-callback finish() -> ok.

%% Another process takes the session (ecm_c2s_transfer): handles what has waited, if the process has told itself to
%% as its last message; returns the session as a term, which names its module as `kind' if that is not
%% ecm_c2s_session; and its nonce.
-callback flush_now() -> ok.
-callback freeze() -> {ok, map()} | busy.
-callback nonce() -> non_neg_integer().
-callback thaw(map(), Nonce :: non_neg_integer(), HasLoggedIn :: boolean()) -> ok.

%% The module of a session.
-type kind() :: ecm_c2s_session | ecm_stream_session.

%% The key of the session in the dictionary. It is a record: one of BOSH, or one with the name of its module.
-define(KEY, ecm_c2s_session).
-define(BOSH, session).

%% Words of memory, at least, of a session that is awake and has logged in. A message needs about as much; a
%% heap that starts with the size of a hibernating session would be collected several times on the way there.
-define(MIN_HEAP_SIZE, 2586).

%% @doc Returns the kind of the session of the calling process. One that has not begun is of BOSH.
-spec kind() -> kind().
kind() ->
    case get(?KEY) of
        Session when is_tuple(Session), element(1, Session) =/= ?BOSH -> element(1, Session);
        _ -> ecm_c2s_session
    end.

%% @doc Returns the kind of a frozen session.
-spec kind(Frozen :: map()) -> kind().
kind(Frozen) ->
    maps:get(kind, Frozen, ecm_c2s_session).

%% @doc Returns whether the calling process has a session.
-spec is_session() -> boolean().
is_session() ->
    get(?KEY) =/= undefined.

%% @doc Returns whether a process of ejabberd_c2s on this node has one. If it hibernates, its dictionary is empty;
%% other processes of ejabberd_c2s have one.
-spec is_session(pid()) -> boolean().
is_session(Process) ->
    case process_info(Process, dictionary) of
        {dictionary, []} -> true;
        {dictionary, Pairs} -> lists:keymember(?KEY, 1, Pairs);
        undefined -> false
    end.

%% @doc The calling process has a session whose client has not logged in. To prove a password takes longer than
%% anything that those do who are online. Whoever ends the process, short of killing it, leaves it the time to send
%% on what it has.
-spec newcomer() -> ok.
newcomer() ->
    _ = process_flag(priority, low),
    _ = process_flag(trap_exit, true),
    ok.

%% @doc Its client has logged in.
-spec logged_in() -> ok.
logged_in() ->
    _ = process_flag(min_heap_size, ?MIN_HEAP_SIZE),
    _ = process_flag(priority, normal),
    ok.

%% @doc The calling process goes on with a session of another one, whose client has logged in or not.
-spec taken_over(HasLoggedIn :: boolean()) -> ok.
taken_over(false) ->
    newcomer();
taken_over(true) ->
    _ = process_flag(trap_exit, true),
    logged_in().

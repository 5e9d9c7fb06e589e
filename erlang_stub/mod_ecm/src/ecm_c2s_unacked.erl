%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What stream management (XEP-0198) keeps until the client acknowledges it, bounded in bytes.
%% mod_stream_mgmt counts stanzas alone (`max_ack_queue'), and a stanza takes many times its length: one
%% full of empty elements 40 times.
%%
%% If more than `max_waiting_size' bytes of memory wait, mod_stream_mgmt is told that too much does, and ends the
%% session as it would for too many stanzas. A stanza on its way does not count: a single one may be longer.

-module(ecm_c2s_unacked).

-export([host_up/1, sent/3]).

%% The state of ejabberd_c2s.
-type state() :: map().

%% Before the hook of mod_stream_mgmt, which keeps the stanza.
-define(BEFORE, 45).

%% Bytes of what waits, at most, and of the last stanza. Absent where another process has counted.
-define(KEY, ecm_unacked).

%% Who acknowledges a part again and again has the rest counted again: each time, half of the limit has come since.
-define(SLACK, 2).

%% @doc Adds the hook of a host. Idempotent.
-spec host_up(Host :: binary()) -> ok.
host_up(Host) ->
    ejabberd_hooks:add(c2s_handle_send, Host, ?MODULE, sent, ?BEFORE).

%% @private Any session of ejabberd has sent something to its client.
-spec sent(state(), Element :: tuple(), Result :: term()) -> state().
sent(#{mgmt_queue := Queue, mgmt_max_queue := Max} = State, Element, _) when Max =/= exceeded ->
    case ecm_c2s_process:is_session() andalso xmpp:is_stanza(Element) andalso not is_resent(Element) of
        true -> counted(bytes(Element), p1_queue:is_empty(Queue), State);
        false -> State
    end;
sent(State, _, _) ->
    State.

%% What the session sends again after its stream was resumed is in the queue already, and mod_stream_mgmt adds it not.
-spec is_resent(tuple()) -> boolean().
is_resent({xmlel, _, _, _}) -> false;  % one that could not be decoded has no such note
is_resent(Stanza) -> xmpp:get_meta(Stanza, mgmt_is_resent, false).

-spec counted(pos_integer(), IsEmpty :: boolean(), state()) -> state().
counted(Bytes, true, State) ->
    State#{?KEY => Bytes};
counted(Bytes, false, #{?KEY := Before} = State) ->
    Limit = (ecm_c2s_process:kind()):max_waiting_size(),
    case Before > Limit + Limit div ?SLACK of
        true -> limited(Bytes, kept(State), Limit, State);
        false -> State#{?KEY := Before + Bytes}
    end;
counted(Bytes, false, State) ->
    counted(Bytes, false, State#{?KEY => kept(State)}).

-spec limited(pos_integer(), Kept :: non_neg_integer(), Limit :: pos_integer(), state()) -> state().
limited(_, Kept, Limit, State) when Kept > Limit ->
    ecm_c2s_end:because(max_waiting),
    State#{mgmt_max_queue := exceeded};
limited(Bytes, Kept, _, State) ->
    State#{?KEY := Kept + Bytes}.

-spec kept(state()) -> non_neg_integer().
kept(#{mgmt_queue := Queue}) ->
    p1_queue:foldl(fun({_, _, Element}, Sum) -> Sum + bytes(Element) end, 0, Queue).

%% Words on the heap, and binaries beside it.
-spec bytes(tuple()) -> pos_integer().
bytes(Element) ->
    erts_debug:flat_size(Element) * erlang:system_info(wordsize) + erlang:external_size(Element).
